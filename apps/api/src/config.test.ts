import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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
    ['PORTICO_SIGN_UP', 'maybe'],
    ['PORTICO_SMTP_URL', 'http://user:secret@mail.example'],
    ['PORTICO_OIDC_FILE', '/nowhere/providers.json'],
  ])('%s=%s stops the start and names it', (variable, value) => {
    expect(() => read({ [variable]: value })).toThrow(ConfigError);
    expect(() => read({ [variable]: value })).toThrow(variable);
    expect(() => read({ [variable]: value })).toThrow('accepted');
  });

  it('keep mail for who sits at this machine, and only while nobody else can reach it', () => {
    expect(read().mail).toEqual({ kind: 'mailbox' });
    expect(read({ PORTICO_BIND: '203.0.113.5' }).mail).toEqual({ kind: 'none' });
    expect(read({ PORTICO_DASHBOARD_HOST: 'dash.example.com' }).mail).toEqual({ kind: 'none' });
    const smtp = { PORTICO_SMTP_URL: 'smtps://u:p@mail.example:465', PORTICO_DASHBOARD_HOST: 'dash.example.com' };
    expect(read(smtp).mail).toEqual({
      kind: 'smtp',
      url: 'smtps://u:p@mail.example:465',
      from: 'portico@dash.example.com',
    });
    expect(() => read({ ...smtp, PORTICO_MAIL_FROM: 'a@b.example\nBcc: z@z.example' })).toThrow('PORTICO_MAIL_FROM');
    expect(() => read({ PORTICO_SMTP_URL: 'http://u:secret@x' })).not.toThrow('secret');
  });

  it('open sign-up only where addresses can be confirmed', () => {
    expect(read().signUp).toBe('invited');
    expect(read({ PORTICO_SIGN_UP: 'open' }).signUp).toBe('open');
    expect(() => read({ PORTICO_SIGN_UP: 'open', PORTICO_BIND: '203.0.113.5' })).toThrow('PORTICO_SIGN_UP');
  });

  it('lead links in mails to the dashboard’s own name', () => {
    expect(read().dashboardOrigin).toBe('http://localhost:4020');
    expect(read({ PORTICO_DASHBOARD_HOST: 'dash.example.com' }).dashboardOrigin).toBe('https://dash.example.com:8443');
    const behind = { PORTICO_DASHBOARD_HOST: 'dash.example.com', PORTICO_PUBLIC_HTTPS_PORT: '443' };
    expect(read(behind).dashboardOrigin).toBe('https://dash.example.com');
  });

  it('take identity providers from a file, and refuse one that is not whole', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'portico-oidc-')), 'providers.json');
    const provider = {
      id: 'harbor',
      name: 'Harbor',
      issuer: 'https://login.example',
      client_id: 'x',
      client_secret: 'y',
    };
    const given = (providers: unknown) => {
      writeFileSync(file, JSON.stringify({ providers }));
      return read({ PORTICO_OIDC_FILE: file }).oidc;
    };
    expect(given([provider])).toEqual([{ ...provider, scopes: ['openid', 'email', 'profile'], sign_up: 'invited' }]);
    expect(() => given([{ ...provider, issuer: 'login.example' }])).toThrow('issuer');
    expect(() => given([{ ...provider, sign_in: 'open' }])).toThrow('sign_in');
    expect(() => given([provider, provider])).toThrow('id of its own');
    rmSync(dirname(file), { recursive: true });
  });

  it('never show what stands in DATABASE_URL', () => {
    const secret = { DATABASE_URL: 'mysql://u:secret@h/x' };
    expect(() => readConfig(secret, '/', '1')).toThrow('DATABASE_URL');
    expect(() => readConfig(secret, '/', '1')).not.toThrow('secret');
    expect(() => readConfig({}, '/', '1')).toThrow('DATABASE_URL');
  });
});
