import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

describe('the settings of the platform', () => {
  it('has a working default for everything', () => {
    const config = readConfig({}, '/srv/portico');
    expect(config.dataDir).toBe('/srv/portico/.data');
    expect(config.masterKeyFile).toBe('/srv/portico/.data/master.key');
    expect(config.ports).toEqual({
      http: 8080,
      https: 8443,
      connect: 4443,
      api: 4010,
      dashboard: 4020,
      internal: 4011,
    });
    expect(config.baseDomain).toBe('portico.localhost');
    expect(config.databaseUrl).toBeNull();
  });

  it.each([
    [{ PORTICO_HTTPS_PORT: 'https' }, 'PORTICO_HTTPS_PORT is "https"; accepted: a port from 1 to 65535'],
    [
      { PORTICO_API_PORT: '8443' },
      'PORTICO_API_PORT is "8443"; accepted: a port of its own; PORTICO_HTTPS_PORT has this one',
    ],
    [{ PORTICO_BASE_DOMAIN: 'http://x' }, 'PORTICO_BASE_DOMAIN is "http://x"; accepted: a host name'],
    [{ PORTICO_REGISTRY: 'redis' }, 'PORTICO_REGISTRY is "redis"; accepted: embedded'],
    [{ DATABASE_URL: 'mysql://root:hunter2@x/y' }, 'DATABASE_URL is "mysql:…"; accepted: postgresql://'],
  ])('refuses %j and says what is accepted', (env, message) => {
    expect(() => readConfig(env, '/srv/portico')).toThrow(message);
  });

  it('never repeats a password from DATABASE_URL', () => {
    expect(() => readConfig({ DATABASE_URL: 'mysql://root:hunter2@x/y' }, '/')).not.toThrow('hunter2');
  });
});
