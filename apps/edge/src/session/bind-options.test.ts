import { describe, expect, it } from 'vitest';
import { hashOptions, honouredOptions } from './bind-options.ts';

/** All options of a classic http bind, none of them asked for, as the Rust core sends them. */
const untouched = {
  Domain: 'a.test',
  Hostname: '',
  Auth: '',
  Subdomain: '',
  HostHeaderRewrite: false,
  LocalUrlScheme: null,
  ProxyProto: 0,
  Compression: null,
  BasicAuth: null,
  RequestHeaders: null,
  TrafficPolicy: null,
};

describe('bind options', () => {
  it('takes a bind that asks for nothing', () => {
    expect(honouredOptions('https', untouched)).toMatchObject({ domain: 'a.test', proxyProtocol: 0 });
    expect(honouredOptions('tls', { URL: 'tls://', MutualTLSAtAgent: true })).toMatchObject({ url: 'tls://' });
  });

  it('honours the PROXY protocol', () => {
    expect(honouredOptions('https', { ProxyProto: 1 })).toMatchObject({ proxyProtocol: 1 });
    expect(honouredOptions('tcp', { proxyproto: 2 })).toMatchObject({ proxyProtocol: 2 });
  });

  it.each([
    ['ProxyProto', 3],
    ['SomethingNew', true],
  ])('refuses %s by its name', (name, value) => {
    const bind = () => honouredOptions('https', { ...untouched, [name]: value });
    expect(bind).toThrow(expect.objectContaining({ code: 310 }));
    expect(bind).toThrow(name);
  });

  it('hashes what is asked for, not how it is spelled', () => {
    const hash = hashOptions({ ...untouched, ProxyProto: 2 });
    expect(hashOptions({ ProxyProto: 2 })).toBe(hash);
    expect(hashOptions({ proxyProto: 2, Hostname: 'resolved.test', LocalURLScheme: '' })).toBe(hash);
    expect(hashOptions({ ProxyProto: 1 })).not.toBe(hash);
    expect(hashOptions({ BasicAuth: { credentials: [] }, ProxyProto: 2 })).not.toBe(hash);
    expect(hashOptions({ A: { x: 1, y: 2 } })).toBe(hashOptions({ a: { y: 2, x: 1, z: null } }));
  });
});
