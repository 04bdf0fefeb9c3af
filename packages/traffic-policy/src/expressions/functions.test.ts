import { describe, expect, it } from 'vitest';
import { scope } from '../testing/contexts.ts';
import { compileExpression, Expression } from './expression.ts';
import { toPlain } from './values.ts';

function evaluate(source: string): unknown {
  const compiled = compileExpression(source, 'on_http_request');
  if (!(compiled instanceof Expression)) throw new Error(`${compiled.offset}: ${compiled.reason}`);
  return toPlain(compiled.value(scope('on_http_request')));
}

/** The examples of the language's reference. */
describe('the functions of the language', () => {
  it.each<[string, unknown]>([
    ["base64.encode(b'hello')", 'aGVsbG8='],
    ["string(base64.decode('aGVsbG8='))", 'hello'],
    ["basic_auth.encode('username', 'password1')", 'Basic dXNlcm5hbWU6cGFzc3dvcmQx'],
    ["'some:thing'.encodeBase64()", 'c29tZTp0aGluZw=='],
    ["'c29tZTp0aGluZw=='.decodeBase64()", 'some:thing'],
    ["hash.crc32('hello')", '3610a686'],
    ["hash.crc32('hello', 'base64')", 'NhCmhg=='],
    ["hash.crc64('hello')", '3c3eeee2d8100000'],
    ["hash.md5('hello')", '5d41402abc4b2a76b9719d911017c592'],
    ["hash.sha1('hello', 'base64')", 'qvTGHdzF6KLavt4PO0gs2a6pQ00='],
    ["'hello'.sha256()", '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'],
    ["hash.sha512('hello').size()", 128],
    ["hash.xxhash64('hello')", '26c7827d889f6da3'],
    ["hash.xxhash64('hello', 'base64')", 'JseCfYifbaM='],
    ["hash.xxhash64('Nobody inspects the spammish repetition')", 'fbcea83c8a378bf1'],
    ['json.decode(\'{"a":[1,{"b":null}]}\')', { a: [1, { b: null }] }],
    ['json.decode(\'["a","b"]\')[1]', 'b'],
    ["json.encode({'a': 'b'})", '{"a":"b"}'],
    ["['a', 'b'].encodeJson()", '["a","b"]'],
    ['\'{"a":"b"}\'.decodeJson().a', 'b'],
    ['\'{"a":"b"}\'.isJson() && !\'not json\'.isJson()', true],
    ["queryString.decode('a=b&c=d')['c']", 'd'],
    ["queryString.encode({'q': 'a b'})", 'q=a%20b'],
    ["'a=b&c=d'.decodeQueryString().a", 'b'],
    ["'a=b&c=d'.isQueryString() && !'not a query string'.isQueryString()", true],
    ["'https://a.example'.isURL() && !'not a url'.isURL()", true],
    ["url.escape('i;md/r/$y')", 'i%3Bmd%2Fr%2F%24y'],
    ["'i%3Bmd%2Fr%2F%24y'.unescapeUrl()", 'i;md/r/$y'],
    ["url.parse('https://u:p@a.example:8443/x?y=1').host", 'a.example'],
    ["'https://a.example:8443/x?y=1'.parseUrl().query", 'y=1'],
    ['[1, 2, 3].all(x, x > 0)', true],
    ['[1, -2, 3].exists(x, x < 0)', true],
    ['[1, 2, 3].exists_one(x, x == 2)', true],
    ['[1, 2, 3, 4].map(n, n % 2 == 0, n * 2)', [4, 8]],
    ["{'one': 1, 'two': 2}.filter(x, x.startsWith('o'))", ['one']],
    ["['hello', 'mellow'].join(' ')", 'hello mellow'],
    ['[1, 2, 3, 4].slice(1, 3)', [2, 3]],
    ['[1, [2, 3], [4]].flatten()', [1, 2, 3, 4]],
    ['[1, [2, [3, [4]]]].flatten(2)', [1, 2, 3, [4]]],
    ['[3, 2, 1].sort()', [1, 2, 3]],
    ["[{'n': 'foo', 's': 0}, {'n': 'bar', 's': -10}].sortBy(e, e.s).map(e, e.n)", ['bar', 'foo']],
    ["['b', 'b', 'c', 'a', 'c'].distinct()", ['b', 'c', 'a']],
    ["[1, 'b', 2, 'b'].distinct()", [1, 'b', 2]],
    ['lists.range(5)', [0, 1, 2, 3, 4]],
    ["'hello'.charAt(4) + 'hello'.charAt(5)", 'o'],
    ["'hello mellow'.indexOf('ello', 2)", 7],
    ["'hello mellow'.lastIndexOf('ello')", 7],
    ["'hello %s'.format(['world'])", 'hello world'],
    [
      "'%d %f %x %b %b %.2f %X %o %e'.format([42, 3.14, 26, 5, true, 2.5, 255, 8, 1234.5])",
      '42 3.140000 1a 101 1 2.50 FF 10 1.234500e+03',
    ],
    ["'hello mellow'.split()", ['hello', 'mellow']],
    ["'hello,mellow,hi'.split(',')", ['hello', 'mellow', 'hi']],
    ["'hello mellow'.replace('l', 'L', 2)", 'heLLo mellow'],
    ["'hello'.replace('', '-')", 'h-e-l-l-o'],
    ["'TacoCÆt'.lowerAscii() + 'TacoCæt'.upperAscii()", 'tacocÆtTACOCæT'],
    ["'Ärger, ЙОГА!'.lower() + 'é'.upper()", 'ärger, йога!É'],
    ["'tacocat'.substring(0, 4)", 'taco'],
    ["'  x\\n '.trim()", 'x'],
    ["'gums😀'.reverse()", '😀smug'],
    ['strings.quote("a \\"b\\" \\n")', '"a \\"b\\" \\n"'],
    ['rand.double()', 0.5],
    ['rand.int(0, 10)', 5],
    ['rand.int() in [0, 1]', true],
    ["timestamp('2023-12-25T00:00:00Z').getDate('America/Los_Angeles')", 24],
    ["timestamp('2023-12-25T12:00:00Z').getDayOfWeek()", 1],
    ["duration('1h30m').getMinutes()", 90],
    ["inCidrRange('192.168.1.100', '192.168.1.0/24')", true],
    ["inCidrRange('::ffff:10.1.2.3', '10.0.0.0/8')", true],
    ["inCidrRange('x', '10.0.0.0/8') || inCidrRange('10.0.0.1', 'nonsense')", false],
    ["inCidrRanges('2001:4860::1', ['66.249.66.1/24', '2001:4860::/32'])", true],
    ["'192.168.1.1'.isPrivateIp() && !'8.8.8.8'.isPrivateIp() && !'x'.isPrivateIp()", true],
    ["size(getReqHeader('none')) == 0", true],
    ["has(req.headers['none']) ? 'a' : 'b'", 'b'],
    ["vars.?x.orValue('none')", 'none'],
  ])('%s', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  it.each([
    "'hello'.charAt(-1)",
    '[1, "b"].sort()',
    '[[1]].sort()',
    '[1].flatten(-1)',
    'lists.range(-1)',
    'rand.int(5, 1)',
    "'%d'.format(['x'])",
    "'%s'.format([])",
    "'x'.format(['y'])",
    "hash.md5('x', 'octal')",
    "'x'.parseUrl()",
  ])('%s fails', (source) => {
    expect(() => evaluate(source)).toThrow(expect.objectContaining({ code: 2254 }));
  });
});
