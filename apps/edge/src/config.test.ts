import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edge-config-'));
  writeFileSync(join(folder, 'node-edge.credential'), 'secret\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

const read = (env: Record<string, string>) => readConfig({ PORTICO_DATA_DIR: folder, ...env });

describe('the edge config', () => {
  it('has the defaults of the settings table', () => {
    expect(read({})).toMatchObject({
      baseDomain: 'portico.localhost',
      bindAddress: '127.0.0.1',
      ports: { http: 8080, https: 8443, connect: 4443 },
      publicPorts: { http: null, https: null },
      tcp: { host: 'localhost', range: { first: 20_000, last: 20_999 } },
      internal: { url: 'http://127.0.0.1:4011', credential: 'secret' },
      platformHosts: [],
      adminPort: null,
    });
  });

  it('uses the base domain in tcp URLs once it is a real one', () => {
    expect(read({ PORTICO_BASE_DOMAIN: 'T.Example.com' }).tcp.host).toBe('t.example.com');
    expect(read({ PORTICO_TCP_PORTS: '0' }).tcp.range).toBeNull();
  });

  it('pairs the platform hosts with their loopback origins', () => {
    expect(read({ PORTICO_DASHBOARD_HOST: 'dash.example.org', PORTICO_DASHBOARD_PORT: '5' }).platformHosts).toEqual([
      { kind: 'dashboard', host: 'dash.example.org', origin: 'http://127.0.0.1:5' },
    ]);
  });

  it.each([
    ['PORTICO_HTTP_PORT', 'x'],
    ['PORTICO_HTTPS_PORT', '70000'],
    ['PORTICO_BASE_DOMAIN', 'https://x'],
    ['PORTICO_BIND', 'localhost'],
    ['PORTICO_PUBLIC_HTTPS_PORT', '0'],
    ['PORTICO_TCP_PORTS', '2000'],
    ['PORTICO_TCP_PORTS', '3000-2000'],
    ['PORTICO_TCP_PORTS', '60000-70000'],
    ['PORTICO_TRUSTED_PROXIES', '10.0.0.0/33'],
    ['PORTICO_TRUSTED_PROXIES', 'example.com'],
    ['PORTICO_CONNECT_NAMES', 'a_b'],
    ['PORTICO_DASHBOARD_HOST', 'dash.portico.localhost'],
    ['PORTICO_API_HOST', 'portico.localhost'],
    ['PORTICO_INTERNAL_URL', 'ftp://x'],
    ['PORTICO_INTERNAL_URL', 'http://x/path'],
    ['PORTICO_NODE_ID', 'a b'],
    ['PORTICO_LOG_LEVEL', 'loud'],
    ['PORTICO_NODE_CREDENTIAL_FILE', '/does/not/exist'],
  ])('refuses %s=%s, naming it', (variable, value) => {
    const start = () => read({ [variable]: value });
    expect(start).toThrow(ConfigError);
    expect(start).toThrow(variable);
    expect(start).toThrow(/accepted: /);
  });
});
