import { PorticoError } from '@portico/errors';
import { describe, expect, it } from 'vitest';
import type { EndpointProto } from '../endpoint/endpoint.ts';
import { type NameOptions, type PublicNames, wantedName } from './wanted-name.ts';

const names: PublicNames = {
  baseDomain: 'portico.localhost',
  ports: { http: 8080, https: 8443, tls: 8443 },
  tcpRange: '20000-20999',
};
const none: NameOptions = { url: '', domain: '', hostname: '', subdomain: '', addr: '' };
const want = (proto: EndpointProto, options: Partial<NameOptions>) => wantedName(proto, { ...none, ...options }, names);

describe('the name that a bind wants', () => {
  it('looks at URL, then Domain, Hostname, Subdomain, else takes a random one', () => {
    const all = { url: 'https://u.x.test', domain: 'd.x.test', hostname: 'h.x.test', subdomain: 's' };
    expect(want('https', all)).toEqual({ kind: 'host', host: 'u.x.test' });
    expect(want('https', { ...all, url: '' })).toEqual({ kind: 'host', host: 'd.x.test' });
    expect(want('https', { ...all, url: '', domain: '' })).toEqual({ kind: 'host', host: 'h.x.test' });
    expect(want('https', { subdomain: 's' })).toEqual({ kind: 'host', host: 's.portico.localhost' });
    expect(want('https', {})).toEqual({ kind: 'random' });
  });

  it('takes a URL that is a scheme alone', () => {
    expect(want('https', { url: 'https://' })).toEqual({ kind: 'random' });
    expect(want('tls', { url: 'tls://' })).toEqual({ kind: 'random' });
    expect(want('tcp', { url: 'tcp://' })).toEqual({ kind: 'any-port' });
  });

  it('normalises case, a trailing dot, a closing slash and the ports that URLs show', () => {
    expect(want('https', { url: 'HTTPS://Demo.Portico.LOCALHOST./' })).toEqual({
      kind: 'host',
      host: 'demo.portico.localhost',
    });
    expect(want('https', { url: 'https://a.b:8443' })).toEqual({ kind: 'host', host: 'a.b' });
    expect(want('http', { url: 'http://a.b:80' })).toEqual({ kind: 'host', host: 'a.b' });
    expect(want('https', { url: '*.demo.portico.localhost' })).toEqual({
      kind: 'host',
      host: '*.demo.portico.localhost',
    });
  });

  it('reads tcp ports from URL or Addr, whatever host stands before them', () => {
    expect(want('tcp', {})).toEqual({ kind: 'any-port' });
    expect(want('tcp', { addr: 'localhost:20007' })).toEqual({ kind: 'port', port: 20007 });
    expect(want('tcp', { url: 'tcp://1.tcp.example.com:20008' })).toEqual({ kind: 'port', port: 20008 });
    expect(want('tcp', { addr: 'localhost:0' })).toEqual({ kind: 'any-port' });
  });

  it.each<[EndpointProto, Partial<NameOptions>, number]>([
    ['https', { domain: 'a_b.test' }, 326],
    ['https', { domain: 'nodot' }, 326],
    ['https', { domain: '-a.test' }, 326],
    ['https', { domain: 'a..test' }, 326],
    ['https', { domain: 'a.*.test' }, 326],
    ['https', { domain: '127.0.0.1' }, 326],
    ['https', { domain: `${'a'.repeat(64)}.test` }, 326],
    ['https', { domain: 'münchen.test' }, 326],
    ['https', { domain: `${'a.'.repeat(130)}test` }, 326],
    ['https', { subdomain: 'a b' }, 328],
    ['https', { subdomain: '-' }, 328],
    ['https', { subdomain: 'a.-b' }, 328],
    ['https', { url: 'https://a.b:1234' }, 329],
    ['tcp', { addr: 'localhost:65536' }, 329],
    ['https', { url: 'http://a.b' }, 330],
    ['tcp', { url: 'udp://x:1' }, 330],
    ['https', { url: 'https://a.b/path' }, 9037],
    ['https', { url: 'https://u:p@a.b' }, 9037],
    ['https', { url: 'https://a.b:x' }, 9037],
    ['https', { url: 'a.b/x' }, 9037],
  ])('refuses for %s %j with %i', (proto, options, code) => {
    let thrown: unknown;
    try {
      want(proto, options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PorticoError);
    expect(thrown).toMatchObject({ code });
  });
});
