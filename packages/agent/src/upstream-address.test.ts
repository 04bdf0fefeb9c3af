import { describe, expect, it } from 'vitest';
import { AgentError } from './agent-error.ts';
import { parseUpstreamAddress } from './upstream-address.ts';

describe('an upstream address', () => {
  const table = [
    ['http', '8080', 'tcp', 'localhost', 8080, 'http://localhost:8080'],
    ['http', 'box:3000', 'tcp', 'box', 3000, 'http://box:3000'],
    ['http', ':3000', 'tcp', 'localhost', 3000, 'http://localhost:3000'],
    ['http', '[::1]:80', 'tcp', '::1', 80, 'http://[::1]:80'],
    ['http', '127.0.0.1:80', 'tcp', '127.0.0.1', 80, 'http://127.0.0.1:80'],
    ['http', '443', 'tls', 'localhost', 443, 'https://localhost:443'],
    ['http', 'box:443', 'tls', 'box', 443, 'https://box:443'],
    ['http', 'http://box:443', 'tcp', 'box', 443, 'http://box:443'],
    ['http', 'https://box', 'tls', 'box', 443, 'https://box:443'],
    ['http', 'https://box:8443/', 'tls', 'box', 8443, 'https://box:8443'],
    ['http', 'http://box', 'tcp', 'box', 80, 'http://box:80'],
    ['http', 'box.lan', 'tcp', 'box.lan', 80, 'http://box.lan:80'],
    ['tcp', '22', 'tcp', 'localhost', 22, 'localhost:22'],
    ['tcp', 'tcp://db:5432', 'tcp', 'db', 5432, 'db:5432'],
    ['tcp', '443', 'tcp', 'localhost', 443, 'localhost:443'],
    ['tls', '443', 'tcp', 'localhost', 443, 'localhost:443'],
    ['tls', 'tls://box:8443', 'tls', 'box', 8443, 'tls://box:8443'],
  ] as const;

  for (const [proto, text, kind, host, port, shown] of table) {
    it(`${text} of ${proto} is ${shown}`, () => {
      expect(parseUpstreamAddress(text, proto)).toEqual({ kind, host, port, text: shown });
    });
  }

  it('may be a unix socket', () => {
    expect(parseUpstreamAddress('unix:/run/app.sock', 'http')).toEqual({
      kind: 'unix',
      path: '/run/app.sock',
      text: 'unix:/run/app.sock',
    });
    expect(parseUpstreamAddress('unix:///run/app.sock', 'tcp')).toMatchObject({ path: '/run/app.sock' });
  });

  const refused = [
    ['http', '', 'empty'],
    ['http', '0', '1 to 65535'],
    ['http', '65536', '1 to 65535'],
    ['http', 'box:abc', '1 to 65535'],
    ['http', 'box:', '1 to 65535'],
    ['http', '::1:80', 'brackets'],
    ['http', '[zz]:80', 'IPv6'],
    ['http', 'http://box:80/path', 'path'],
    ['http', 'http://u:p@box:80', 'user name'],
    ['http', 'ftp://box', 'ftp://'],
    ['tcp', 'file:///srv/www', 'over HTTP only'],
    ['http', 'two words:80', 'no host name'],
    ['http', '127.1:80', 'no host name'],
    ['tcp', 'box', 'port is missing'],
    ['tcp', 'http://box:80', 'http://'],
    ['tcp', 'unix:relative.sock', 'absolute'],
    ['tcp', `unix:/${'x'.repeat(107)}`, '107 bytes'],
  ] as const;

  for (const [proto, text, reason] of refused) {
    it(`"${text.slice(0, 30)}" of ${proto} is refused and told what is accepted`, () => {
      const call = (): unknown => parseUpstreamAddress(text, proto);
      expect(call).toThrow(AgentError);
      expect(call).toThrow(reason);
      expect(call).toThrow('Accepted: ');
    });
  }
});
