import { ConfigError } from '@portico/service';
import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const env = { DATABASE_URL: 'postgresql://u:p@127.0.0.1:5432/x' };
const read = (more: Record<string, string> = {}) => readConfig({ ...env, ...more }, '/checkout', '1.0.0');

describe('the settings of the API', () => {
  it('have defaults', () => {
    expect(read()).toMatchObject({
      baseDomain: 'portico.localhost',
      publicPort: 4010,
      internalPort: 4011,
      publicOrigin: null,
      connectAddress: 'localhost:4443',
      masterKeyFile: '/checkout/.data/master.key',
      bootstrapDir: null,
      tcp: { host: 'localhost', range: { first: 20_000, last: 20_999 } },
    });
  });

  it('follow the base domain and the public names', () => {
    const config = read({
      PORTICO_BASE_DOMAIN: 'Tunnel.Example.com',
      PORTICO_BIND: '203.0.113.5',
      PORTICO_API_HOST: 'api.example.com',
      PORTICO_PUBLIC_HTTPS_PORT: '443',
      PORTICO_CONNECT_NAMES: 'edge.example.com, 198.51.100.1',
      PORTICO_TCP_PORTS: '0',
    });
    expect(config).toMatchObject({
      baseDomain: 'tunnel.example.com',
      publicOrigin: 'https://api.example.com',
      connectAddress: 'edge.example.com:4443',
      tcp: { host: 'tunnel.example.com', range: null },
      certificateNames: {
        dns: ['edge.example.com', 'api.example.com'],
        ips: ['198.51.100.1', '203.0.113.5'],
      },
    });
  });

  it.each([
    ['PORTICO_API_PORT', 'x'],
    ['PORTICO_INTERNAL_PORT', '70000'],
    ['PORTICO_BASE_DOMAIN', 'http://x'],
    ['PORTICO_BIND', 'localhost'],
    ['PORTICO_TCP_PORTS', '5-1'],
    ['PORTICO_API_HOST', 'api.portico.localhost'],
    ['PORTICO_DASHBOARD_HOST', 'portico.localhost'],
    ['PORTICO_CONNECT_NAMES', 'a b'],
    ['PORTICO_REGISTRY', 'etcd://x'],
    ['PORTICO_LOG_LEVEL', 'loud'],
    ['PORTICO_API_REQUESTS_PER_MINUTE', '0'],
  ])('%s=%s stops the start and names it', (variable, value) => {
    expect(() => read({ [variable]: value })).toThrow(ConfigError);
    expect(() => read({ [variable]: value })).toThrow(variable);
    expect(() => read({ [variable]: value })).toThrow('accepted');
  });

  it('never show what stands in DATABASE_URL', () => {
    const secret = { DATABASE_URL: 'mysql://u:secret@h/x' };
    expect(() => readConfig(secret, '/', '1')).toThrow('DATABASE_URL');
    expect(() => readConfig(secret, '/', '1')).not.toThrow('secret');
    expect(() => readConfig({}, '/', '1')).toThrow('DATABASE_URL');
  });
});
