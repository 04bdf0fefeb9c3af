import { describe, expect, it } from 'vitest';
import { echoOptions, isTunnelProto, parseBindRequest } from './bind.ts';
import { type OptionName, optionNames, parseBindOptions, setOptions, unsupportedOptions } from './bind-options.ts';
import { isRecord, MessageError } from './message-fields.ts';
import { rustAllOptions, rustBind } from './vectors.util.ts';

describe('options of a bind', () => {
  it('that are null or empty are off', () => {
    const options = parseBindOptions('https', parseBindRequest(JSON.parse(rustBind)).rawOpts);
    expect(options.domain).toBe('a.test');
    expect(setOptions('https', options)).toEqual([]);
    expect(unsupportedOptions('https', options, new Set())).toEqual([]);
    expect(setOptions('tcp', parseBindOptions('tcp', {}))).toEqual([]);
  });

  it('of the Rust client are all read', () => {
    const options = parseBindOptions('https', record(JSON.parse(rustAllOptions)));
    expect(options).toMatchObject({
      circuitBreaker: { errorThreshold: 0.5 },
      ipRestriction: { allowCidrs: ['10.0.0.0/8'], denyCidrs: ['1.1.1.1/32'] },
      basicAuth: [{ username: 'u', cleartextPassword: 'p:q', hashedPassword: null }],
      webhookVerification: { provider: 'github', secret: 's', sealedSecret: null },
      mutualTlsCa: Buffer.from('PEM'),
      requestHeaders: { add: [{ name: 'x-a', value: '1' }], remove: ['x-b'] },
      responseHeaders: null,
      websocketTcpConverter: true,
      userAgentFilter: { allow: ['^a'], deny: ['^b'] },
      compression: false,
    });
    expect(setOptions('https', options)).toEqual([
      'BasicAuth',
      'CircuitBreaker',
      'IPRestriction',
      'MutualTLSCA',
      'RequestHeaders',
      'UserAgentFilter',
      'WebhookVerification',
      'WebsocketTCPConverter',
    ]);
  });

  it('each count as set, one by one, also when they are only an empty object', () => {
    const login = { client_id: 'c', client_secret: 's', allow_emails: ['a@b'], scopes: [] };
    const samples: { readonly [name in OptionName]: unknown } = {
      Auth: 'u:p',
      BasicAuth: { credentials: [{ username: 'u', hashed_password: 'aGFzaA==' }] },
      CircuitBreaker: {},
      Compression: {},
      HostHeaderRewrite: true,
      IPRestriction: {},
      MutualTLSAtAgent: true,
      MutualTLSAtEdge: { mutual_tls_ca: 'UEVN' },
      MutualTLSCA: {},
      OAuth: { provider: 'google', ...login },
      OIDC: { issuer_url: 'https://i', ...login },
      Policy: { inbound: [] },
      ProxyProto: 2,
      RequestHeaders: {},
      ResponseHeaders: { add: ['a: b:c '] },
      TLSTermination: {},
      TrafficPolicy: 'on_http_request: []',
      UserAgentFilter: {},
      WebhookVerification: { provider: 'p' },
      WebsocketTCPConverter: {},
    };
    for (const name of optionNames) {
      const proto =
        name === 'MutualTLSAtEdge' || name === 'MutualTLSAtAgent' || name === 'TLSTermination' ? 'tls' : 'http';
      const options = parseBindOptions(proto, { [name]: samples[name] });
      expect(setOptions(proto, options)).toEqual([name]);
      expect(unsupportedOptions(proto, options, new Set())).toEqual([name]);
      expect(unsupportedOptions(proto, options, new Set([name]))).toEqual([]);
      // Names are found in any case.
      expect(setOptions(proto, parseBindOptions(proto, { [name.toLowerCase()]: samples[name] }))).toEqual([name]);
    }
  });

  it('that nobody knows, or that another protocol has, are refused when they are on', () => {
    const options = parseBindOptions('tcp', {
      RateLimit: { rps: 1 },
      Quiet: null,
      Off: false,
      Zero: 0,
      None: [],
      BasicAuth: { credentials: [{}] },
    });
    expect(unsupportedOptions('tcp', options, new Set(optionNames))).toEqual(['RateLimit', 'BasicAuth']);
  });

  it('come back from our echo unchanged', () => {
    for (const proto of ['http', 'https', 'tcp', 'tls']) {
      if (!isTunnelProto(proto)) throw new Error(proto);
      const raw = proto === 'https' ? record(JSON.parse(rustAllOptions)) : {};
      const echo = echoOptions(proto, raw, 'h');
      const again = parseBindOptions(proto, echo);
      expect(setOptions(proto, again)).toEqual(setOptions(proto, parseBindOptions(proto, raw)));
      expect(again.unknown).toEqual([]);
    }
  });

  it.each([
    [{ ProxyProto: 3 }, 'ProxyProto'],
    [{ ProxyProto: '1' }, 'ProxyProto'],
    [{ CircuitBreaker: { error_threshold: 1.5 } }, 'CircuitBreaker'],
    [{ Compression: true }, 'Compression'],
    [{ IPRestriction: { allow_cidrs: 'x' } }, 'IPRestriction.allow_cidrs'],
    [{ BasicAuth: {} }, 'BasicAuth'],
    [{ BasicAuth: { credentials: ['u:p'] } }, 'BasicAuth.credentials[0]'],
    [{ BasicAuth: { credentials: [{ hashed_password: '!' }] } }, 'hashed_password'],
    [{ RequestHeaders: { add: ['no colon'] } }, 'RequestHeaders.add'],
    [{ MutualTLSCA: { mutual_tls_ca: 'a b' } }, 'mutual_tls_ca'],
  ])('%j is refused and the option named, without its value', (raw, name) => {
    expect(() => parseBindOptions('https', raw)).toThrowError(MessageError);
    try {
      parseBindOptions('https', raw);
    } catch (error) {
      expect(String(error)).toContain(name);
    }
  });
});

function record(value: unknown): Record<string, unknown> {
  if (!isRecord(value)) throw new Error('no record');
  return value;
}
