// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadPolicy } from '../load-policy.ts';

const runs = process.env.PORTICO_LONG === '1' ? 50_000 : 500;

/** Whatever comes, the answer is a policy or problems with places inside the text. */
function check(text: string): void {
  const loaded = loadPolicy(text);
  if (loaded.kind === 'loaded') return;
  expect(loaded.problems.length).toBeGreaterThan(0);
  const lines = text.split('\n');
  for (const { line, column, message } of loaded.problems) {
    expect(message).not.toBe('');
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines.length);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 2);
  }
}

const WORDS = [
  'on_http_request',
  'on_http_response',
  'inbound',
  'actions',
  'expressions',
  'type',
  'config',
  'name',
  'deny',
  'set-vars',
  'headers',
  'add-headers',
  'rate-limit',
  'vars',
  ':',
  ': ',
  '- ',
  '\n',
  '\n  ',
  '\n    ',
  '\n      ',
  '[',
  ']',
  '{',
  '}',
  ',',
  '"',
  "'",
  '|',
  '>-',
  '&a ',
  '*a',
  '<<: ',
  '? ',
  '#',
  '!!str ',
  '${',
  '}',
  'req.url',
  'true',
  '1',
  'null',
  '\t',
  '%',
  '@',
];

describe('reading a policy', () => {
  it('never throws on any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), check), { numRuns: runs });
  });

  it('never throws on text that looks like a policy', () => {
    const text = fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join(''));
    fc.assert(fc.property(text, check), { numRuns: runs });
  });

  it('never throws on JSON of any shape', () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'medium' },
        fc.constantFrom<unknown>(null, true, 1, -1.5, '', 'deny', 'redirect', '${req.host}', '${', 'x'.repeat(300)),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          fc.constantFrom(
            'on_tcp_connect',
            'on_http_request',
            'on_http_response',
            'on_event_stream_message',
            'actions',
            'type',
            'config',
            'expressions',
            'name',
            'headers',
            'body',
            'status_code',
            'vars',
            'metadata',
            'credentials',
            'from',
            'to',
            'url',
            'allow',
            'rate',
            'issuer',
            'jws',
            'http',
            'tokens',
            'keys',
            '__proto__',
            'constructor',
          ),
          tie('value'),
          { maxKeys: 5 },
        ),
      ),
    })).value;
    fc.assert(
      fc.property(value, (content) => check(JSON.stringify(content))),
      { numRuns: runs },
    );
  });

  it('never throws on a configuration of any shape, for any action', () => {
    const types = fc.constantFrom(
      'add-headers',
      'remove-headers',
      'basic-auth',
      'custom-response',
      'deny',
      'close-connection',
      'redirect',
      'url-rewrite',
      'forward-internal',
      'restrict-ips',
      'rate-limit',
      'oauth',
      'openid-connect',
      'jwt-validation',
      'verify-webhook',
      'set-vars',
      'log',
      'circuit-breaker',
      'http-request',
      'request-body-find-replace',
    );
    const scalar = fc.constantFrom<unknown>(
      null,
      true,
      0,
      401,
      1e99,
      '',
      'x',
      '${req.host}',
      '${',
      '(',
      '10.0.0.0/8',
      '60s',
    );
    const config = fc.oneof(
      scalar,
      fc.dictionary(
        fc.constantFrom(
          'headers',
          'credentials',
          'realm',
          'enforce',
          'status_code',
          'body',
          'from',
          'to',
          'url',
          'on_error',
          'allow',
          'deny',
          'ip_policies',
          'name',
          'algorithm',
          'capacity',
          'rate',
          'bucket_key',
          'provider',
          'issuer_url',
          'issuer',
          'audience',
          'http',
          'jws',
          'secret',
          'vars',
          'metadata',
          'error_threshold',
          'query_params',
          'replacements',
          'timeout',
          'scopes',
        ),
        fc.oneof(
          scalar,
          fc.array(fc.oneof(scalar, fc.dictionary(fc.constantFrom('a', 'key', 'value', 'from'), scalar)), {
            maxLength: 3,
          }),
          fc.dictionary(fc.constantFrom('a', 'allow_list', 'tokens', 'keys', 'x y'), scalar),
        ),
      ),
    );
    fc.assert(
      fc.property(types, config, (type, content) =>
        check(JSON.stringify({ on_http_request: [{ actions: [{ type, config: content }] }] })),
      ),
      { numRuns: runs },
    );
  });
});
