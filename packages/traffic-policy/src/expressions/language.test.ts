import { describe, expect, it } from 'vitest';
import type { Phase } from '../document/phase.ts';
import { connection, request, response, scope } from '../testing/contexts.ts';
import type { CertificateFacts, LocationFacts, NameFacts, TlsFacts } from '../variables/contexts.ts';
import { compileExpression, compilePredicate, Expression } from './expression.ts';
import { toPlain } from './values.ts';

const visit = request({
  method: 'POST',
  target: '/a/../Admin/%61%20b?q=1&q=2&empty=&x=%C3%A4',
  version: 'HTTP/2.0',
  fields: [
    'Host',
    'demo.portico.localhost',
    'User-Agent',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1',
    'X-Tier',
    'gold',
    'x-tier',
    'silver',
    'Cookie',
    'a=1; b="two"; a=3',
    'Content-Type',
    'Text/HTML; charset="UTF-8"; q=1',
    'Content-Encoding',
    'gzip, BR',
  ],
  contentLength: 42,
});
const answer = response({
  statusCode: 404,
  fields: ['Set-Cookie', 'id=x; Path=/; Secure; Max-Age=60', 'Set-Cookie', 'id=y; Path=/deep; HttpOnly; Priority=High'],
});
const name: NameFacts = {
  text: 'CN=client,O=Acme',
  commonName: 'client',
  country: [],
  locality: [],
  organization: ['Acme'],
  organizationalUnit: [],
  postalCode: [],
  province: [],
  streetAddress: [],
};
const certificate: CertificateFacts = {
  subject: name,
  issuer: { ...name, text: 'CN=ca', commonName: 'ca' },
  san: { dnsNames: ['a.example'], emailAddresses: [], ipAddresses: ['10.0.0.1'], uris: [] },
  serialNumber: '01',
  signatureAlgorithm: 'ecdsa-with-SHA256',
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
  pem: '-----BEGIN',
  extensions: [{ id: '2.5.29.15', critical: true, value: new Uint8Array([1]) }],
};
const tls: TlsFacts = {
  version: '1.3',
  cipherSuite: 'TLS_AES_128_GCM_SHA256',
  sni: 'demo.portico.localhost',
  negotiatedAlpn: 'h2',
  sessionResumed: false,
  ja4Fingerprint: null,
  client: certificate,
  server: null,
};
const location: LocationFacts = {
  city: 'Bonn',
  continent: 'Europe',
  country: 'Germany',
  countryCode: 'DE',
  isEu: true,
  latitude: '50.7',
  longitude: '7.1',
  metroCode: '',
  postalCode: '53111',
  radius: '5',
  subdivision: 'NW',
  timezone: 'Europe/Berlin',
};
const conn = connection({
  tls,
  ipFacts: () => ({
    categories: ['proxy.anonymous.tor', 'blocklist.test'],
    asNumber: 64500,
    asOrganization: 'TEST-NET',
    location,
    registeredLocation: null,
  }),
});

function evaluate(source: string, phase: Phase = 'on_http_response'): unknown {
  const compiled = compileExpression(source, phase);
  if (!(compiled instanceof Expression))
    throw new Error(`${compiled.offset}: ${compiled.reason} ${compiled.hint ?? ''}`);
  const made = scope(phase, {
    connection: conn,
    ...(phase === 'on_tcp_connect' ? {} : { request: visit }),
    ...(phase === 'on_http_response' ? { response: answer } : {}),
    secrets: { get: (vault, secret) => (vault === 'v' && secret === 's' ? 'hush' : null) },
  });
  made.setResult('basic_auth', { credentials: { presented: true, username: 'ada', authorized: true } });
  made.setVar('list', [1n, 2n]);
  return toPlain(compiled.value(made));
}

describe('the variables of a policy', () => {
  it.each<[string, unknown]>([
    ['conn.client_ip', '203.0.113.7'],
    ["conn.client_ip == '203.0.113.7'", true],
    ["conn.client_ip in ['::1', '203.0.113.7']", true],
    ["conn.client_ip.startsWith('203.')", true],
    ["conn['client_ip'] + ':' + string(conn.client_port)", '203.0.113.7:50000'],
    ['size(conn.client_ip)', 11],
    ["'proxy.anonymous.tor' in conn.client_ip.categories", true],
    ['conn.client_ip.is_tor_node && conn.client_ip.is_on_blocklist', true],
    ['conn.client_ip.as.number', 64500],
    ['conn.client_ip.geo.location.is_eu', true],
    ['has(conn.client_ip.geo.registered_location)', false],
    ['conn.geo.country_code', 'DE'],
    ['double(conn.geo.latitude) > 50.0', true],
    ['conn.server_port', 443],
    ["conn.ts.start < timestamp('2026-12-01T00:00:00Z')", true],
    ['conn.bytes_in + conn.bytes_out', 30],
    ["conn.tls.version >= '1.3'", true],
    ['conn.tls.client.subject', 'CN=client,O=Acme'],
    ['conn.tls.client.subject.common_name', 'client'],
    ["'Acme' in conn.tls.client.subject.organization", true],
    ['conn.tls.client.san', 'DNS:a.example, IP Address:10.0.0.1'],
    ['conn.tls.client.san.dns_names[0]', 'a.example'],
    ['conn.tls.client.validity.not_after > timestamp(time.now)', true],
    ['conn.tls.client.extensions[0].critical', true],
    ['has(conn.tls.server)', false],
    ['has(conn.tls.ja4_fingerprint)', false],
    ['endpoint.addr', 'demo.portico.localhost:443'],
    ['req.method + req.version', 'POSTHTTP/2.0'],
    ['req.host', 'demo.portico.localhost'],
    ['req.url', 'https://demo.portico.localhost/Admin/a%20b?q=1&q=2&empty=&x=%C3%A4'],
    ['req.url.path', '/Admin/a b'],
    ['req.url.raw_path', '/a/../Admin/%61%20b'],
    ['req.url.query_params["x"][0]', 'ä'],
    ["req.url.query_params['q'] == ['1', '2']", true],
    ["req.url.contains('Admin')", true],
    ['has(req.url.port)', false],
    ["req.headers['X-Tier']", ['gold', 'silver']],
    ["'X-TIER' in req.headers && !('nope' in req.headers)", true],
    ["has(req.headers['X-Tier']) && !has(req.headers['none'])", true],
    ['has(req.headers.host)', true],
    ["req.cookies['a'].map(c, c.value)", ['1', '3']],
    ["req.cookies['b'][0].value", 'two'],
    ['req.content_type', 'text/html'],
    ["req.content_type.parameters['charset']", 'UTF-8'],
    ['req.content_encoding', ['gzip', 'br']],
    ['req.content_length > 40', true],
    ['req.user_agent.is_mobile && req.user_agent.os == "iOS"', true],
    ["req.user_agent.contains('iPhone')", true],
    ["size(req.headers['user-agent'].filter(x, x.matches('(?i)safari'))) > 0", true],
    ["req.ts.header_received > timestamp('2023-12-31T00:00:00Z')", true],
    ['has(req.ts.body_received)', false],
    ['res.status_code >= 400 && res.status_code < 500', true],
    ["res.cookies['id'][0].path", '/deep'],
    ["res.cookies['id'][0].http_only && !res.cookies['id'][0].secure", true],
    ["res.cookies['id'][0].unparsed_attributes['priority']", 'High'],
    ["res.cookies['id'][1].max_age == duration('60s')", true],
    ['time.now', '2026-11-20T12:00:00.000Z'],
    ['vars.list[1]', 2],
    ['has(vars.nope)', false],
    ['actions.ngrok.basic_auth.credentials.username', 'ada'],
    ['has(actions.ngrok.oauth)', false],
    ["getReqHeader('X-TIER')[0] + getReqCookie('a').value + getQueryParam('q')[1]", 'gold12'],
    ["hasReqHeader('x-none') || hasReqCookie('z') || hasQueryParam('z')", false],
    ["getResCookie('id').value", 'y'],
    ["secrets.get('v', 's')", 'hush'],
  ])('%s', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  it('computes what is read and nothing else', () => {
    const compiled = compileExpression("req.method == 'GET'", 'on_http_request');
    if (!(compiled instanceof Expression)) throw new Error(compiled.reason);
    const guarded = new Proxy(request(), {
      get(target, field) {
        if (field === 'fields' || field === 'target') throw new Error(`${String(field)} was read`);
        return Reflect.get(target, field);
      },
    });
    expect(compiled.test(scope('on_http_request', { request: guarded }))).toBe(true);
  });
});

describe('an expression with a fault', () => {
  it.each<[string, Phase, number, RegExp, string | null]>([
    ["req.mehtod == 'GET'", 'on_http_request', 4, /req has no field mehtod/, 'Did you mean method?'],
    ['req.url.paht', 'on_http_request', 8, /req.url has no field paht/, 'Did you mean path?'],
    ['has(req.mehtod)', 'on_http_request', 4, /req has no field mehtod/, 'Did you mean method?'],
    ['true && rek.method == "x"', 'on_http_request', 8, /no variable rek/, 'Did you mean req?'],
    [
      'res.status_code == 200',
      'on_http_request',
      0,
      /no variable res/,
      'res exists in on_http_response and on_event_stream_message only.',
    ],
    [
      'req.method',
      'on_tcp_connect',
      0,
      /no variable req/,
      'req exists in on_http_request, on_http_response and on_event_stream_message only.',
    ],
    ["getReqHeder('x')", 'on_http_request', 0, /no function getReqHeder/, 'Did you mean getReqHeader?'],
    [
      "getResHeader('x')",
      'on_http_request',
      0,
      /no function getResHeader/,
      'getResHeader exists in on_http_response and on_event_stream_message only.',
    ],
    ["'x'.startWith('y')", 'on_http_request', 0, /no function startWith/, 'Did you mean startsWith?'],
    ['req.content_length > "5"', 'on_http_request', 0, /no such overload/, null],
    ['actions.ngrok.basic_auht.x', 'on_http_request', 14, /no field basic_auht/, 'Did you mean basic_auth?'],
    ['req.method ==', 'on_http_request', 13, /unexpected token/, null],
    ["req.method == 'GET", 'on_http_request', 14, /string/, null],
    ['', 'on_http_request', 0, /empty/, null],
  ])('%s in %s is refused at its place', (source, phase, offset, reason, hint) => {
    const compiled = compilePredicate(source, phase);
    expect(compiled).toMatchObject({ kind: 'refused', offset, hint });
    expect(compiled instanceof Expression ? '' : compiled.reason).toMatch(reason);
  });

  it('has to be true or false where it decides', () => {
    expect(compilePredicate('req.method', 'on_http_request')).toMatchObject({ kind: 'refused', reason: /string/ });
    expect(compilePredicate("getReqHeader('x')", 'on_http_request')).toMatchObject({ hint: 'Ask size(…) > 0.' });
    expect(compilePredicate('vars.flag', 'on_http_request')).toBeInstanceOf(Expression);
  });

  it.each([
    'vars.x',
    "req.headers['none'][0]",
    "req.url.query_params['none']",
    'req.trailers.constructor',
    'actions.ngrok.oauth.identity.email',
    "getReqCookie('z').value",
    "secrets.get('v', 'none')",
    "base64.decode('aGVsbG8')",
    "json.decode('{')",
    '[1, 2].slice(1, 5)',
    '1 / 0',
    "int('x')",
  ])('fails with 2254 where only running tells: %s', (source) => {
    expect(() => evaluate(source)).toThrow(expect.objectContaining({ code: 2254 }));
  });
});
