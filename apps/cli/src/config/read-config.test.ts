import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliError } from '../output/cli-error.ts';
import { loadConfig } from './load-config.ts';
import { defaultConfigPath, type LocationInput, searchPaths } from './locations.ts';
import { readConfig } from './read-config.ts';
import { loadSettings } from './settings.ts';

function good(text: string) {
  const read = readConfig('/etc/portico/agent.yml', text);
  if (read.kind === 'bad') throw new Error(JSON.stringify(read.problems));
  return read.config;
}

function problems(text: string): string[] {
  const read = readConfig('/f.yml', text);
  return read.kind === 'bad' ? read.problems.map(({ line, column, message }) => `${line}:${column} ${message}`) : [];
}

describe('a configuration file', () => {
  it('of version 3 is read as the reference writes it', () => {
    const config = good(`
version: 3
agent:
  authtoken: TOKEN
  connect_url: "connect.example.dev:443"
  connect_cas: certs/ca.pem
  console_ui: iftty
  log: stderr
  log_level: warn
  log_format: json
  metadata: m
  heartbeat_interval: 1m30s
  heartbeat_tolerance: 20s
  web_addr: 127.0.0.1:4040
endpoints:
  - name: web
    url: https://shop.example.dev
    upstream: {url: 3000}
    traffic_policy:
      on_http_request: [{actions: [{type: basic-auth, config: {credentials: ["dev:longenough1"]}}]}]
  - {name: db, url: "tcp://db.internal:5432", upstream: {url: 5432, proxy_protocol: 2}}
`);
    expect(config).toMatchObject({
      authtoken: 'TOKEN',
      connectUrl: 'connect.example.dev:443',
      connectCas: { kind: 'file', path: '/etc/portico/certs/ca.pem' },
      log: 'stderr',
      logLevel: 'warn',
      logFormat: 'json',
      heartbeatIntervalMs: 90_000,
      heartbeatToleranceMs: 20_000,
    });
    expect(config.endpoints.get('web')).toMatchObject({
      proto: 'http',
      upstream: '3000',
      url: 'https://shop.example.dev',
    });
    expect(JSON.parse(config.endpoints.get('web')?.trafficPolicy ?? '')).toHaveProperty('on_http_request');
    expect(config.endpoints.get('db')).toMatchObject({ proto: 'tcp', upstream: '5432', proxyProtocol: 2 });
  });

  it('of version 2 is read too', () => {
    const config = good(`
version: "2"
authtoken: TOKEN
server_addr: connect.example.dev:443
root_cas: host
region: eu
tunnels:
  web: {proto: http, addr: 3000, domain: shop.example.dev, host_header: rewrite}
  plain: {proto: http, addr: 3000, schemes: [http]}
  ssh: {proto: tcp, addr: 22, remote_addr: "localhost:20001"}
`);
    expect(config).toMatchObject({
      authtoken: 'TOKEN',
      connectUrl: 'connect.example.dev:443',
      connectCas: { kind: 'host' },
    });
    expect(config.endpoints.get('web')).toMatchObject({
      url: 'https://shop.example.dev',
      classic: { hostHeader: 'rewrite' },
      unsupported: [],
    });
    expect(config.endpoints.get('plain')).toMatchObject({ url: 'http://', unsupported: [] });
    expect(config.endpoints.get('ssh')).toMatchObject({ proto: 'tcp', url: 'tcp://localhost:20001' });
  });

  it.each([
    ['', ['1:1 the file is empty; it starts with "version: 3".']],
    ['agent: {}\n', ['1:1 the key "version" is missing; write "version: 3" first.']],
    ['version: 4\n', ['1:10 version is 2 or 3, not "4".']],
    ['- version: 3\n', ['1:1 the configuration is a map of keys and values.']],
    ['version: 3\nagnet: {}\n', ['2:1 unknown key "agnet" in the configuration. Did you mean "agent"?']],
    ['version: 3\nauthtoken: t\n', ['2:1 unknown key "authtoken" in the configuration.']],
    ['version: 3\nagent:\n  authtoken: t\n  xyzzy: 1\n', ['4:3 unknown key "xyzzy" in agent.']],
    [
      'version: 3\nagent:\n  log_level: loud\n',
      ['3:14 log_level is one of debug, info, warn, error, crit, not "loud".'],
    ],
    [
      'version: 3\nagent:\n  heartbeat_interval: 5\n',
      ['3:23 heartbeat_interval is a time from 1s to 1h, as in 10s or 1m30s, not "5".'],
    ],
    ['version: 3\nagent:\n  authtoken: [a]\n', ['3:14 authtoken is a text.']],
    [
      'version: 3\nagent:\n  dns_resolver_ips: [1.1.1.1]\n',
      ['3:21 dns_resolver_ips is not supported yet; take it out.'],
    ],
    ['version: 3\nendpoints:\n  - {upstream: {url: 1}}\n', ['3:5 an endpoint needs a name.']],
    ['version: 3\nendpoints:\n  - {name: a}\n', ['3:5 endpoint "a" needs upstream.url.']],
    ['version: 3\nendpoints:\n  - {name: a, upstream: {url: 1, prot: x}}\n', ['3:34 unknown key "prot" in upstream.']],
    ['version: 3\nendpoints: {a: 1}\n', ['2:12 endpoints is a list.']],
    [
      'version: 2\ntunnels:\n  a: {proto: udp, addr: 1}\n',
      expect.arrayContaining(['3:14 proto is one of http, tcp, tls, not "udp".']),
    ],
    ['version: 2\ntunnels:\n  a: {proto: http}\n', ['3:3 tunnel "a" needs addr.']],
    [
      'version: 2\ntunnels:\n  a: {proto: http, addr: 1, subdomain: x, domain: y}\n',
      ['3:3 tunnel "a" has a subdomain and a domain; give one.'],
    ],
  ])('%j is refused with its line', (text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  it('names every fault at once, duplicate keys and broken YAML too', () => {
    expect(problems('version: 3\nagent:\n  a: 1\n  b: 2\n')).toHaveLength(2);
    expect(problems('version: 3\nagent: {}\nagent: {}\n')[0]).toMatch(/^3:1 /);
    expect(problems('version: 3\nagent:\n\tauthtoken: t\n')[0]).toMatch(/^3:/);
    expect(problems('version: 3\nagent: "open\n')[0]).toMatch(/^\d+:\d+ /);
  });

  it('of any content is accepted or refused, never more', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'version: 3\n',
        'agent:\n',
        '  authtoken: ',
        '- ',
        '{',
        '&a ',
        '*a',
        '"',
        '\t',
        'endpoints: ',
        '? ',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const read = readConfig('/f.yml', pieces.join(''));
        expect(read.kind === 'good' || read.problems.length > 0).toBe(true);
      }),
      { numRuns: process.env.PORTICO_LONG === '1' ? 20_000 : 500 },
    );
  });
});

describe('finding the configuration', () => {
  let home: string;
  let location: LocationInput;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'portico-config-'));
    location = { env: {}, platform: 'linux', home, checkout: join(home, 'checkout') };
    await Promise.all(
      [
        ['prefs.yml', 'version: 3\nagent: {log_level: warn, metadata: mine}\n'],
        ['one.yml', 'version: 3\nagent: {authtoken: one, connect_url: "one:1", metadata: one}\n'],
        ['two.yml', 'version: 3\nagent: {authtoken: two, connect_url: "two:2"}\n'],
        ['server.yml', 'version: 3\nagent: {connect_url: "server:3"}\n'],
      ].map(([name = '', text = '']) => writeFile(join(home, name), text)),
    );
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  async function withFiles(
    files: Readonly<Record<'own' | 'data' | 'checkout', string | null>>,
  ): Promise<LocationInput> {
    const root = await mkdtemp(join(home, 'case-'));
    const paths = {
      own: join(root, '.config/portico/portico.yml'),
      data: join(root, 'data/agent.yml'),
      checkout: join(root, 'checkout/.data/agent.yml'),
    };
    const { copyFile, mkdir } = await import('node:fs/promises');
    const { dirname } = await import('node:path');
    for (const which of ['own', 'data', 'checkout'] as const) {
      const file = files[which];
      if (file === null) continue;
      await mkdir(dirname(paths[which]), { recursive: true });
      await copyFile(join(home, file), paths[which]);
    }
    return {
      env: { PORTICO_DATA_DIR: join(root, 'data') },
      platform: 'linux',
      home: root,
      checkout: join(root, 'checkout'),
    };
  }

  it('looks in the place of the system', () => {
    expect(defaultConfigPath(location)).toBe(join(home, '.config/portico/portico.yml'));
    expect(defaultConfigPath({ ...location, env: { XDG_CONFIG_HOME: '/x' } })).toBe('/x/portico/portico.yml');
    expect(defaultConfigPath({ ...location, platform: 'darwin' })).toBe(
      join(home, 'Library/Application Support/portico/portico.yml'),
    );
    expect(searchPaths(location).at(-1)).toBe(join(home, 'checkout/.data/agent.yml'));
  });

  it('takes the first file that names a server', async () => {
    const connectUrl = async (files: Parameters<typeof withFiles>[0]) =>
      (await loadConfig([], await withFiles(files))).config.connectUrl;
    expect(await connectUrl({ own: 'one.yml', data: 'two.yml', checkout: null })).toBe('one:1');
    expect(await connectUrl({ own: null, data: 'two.yml', checkout: 'one.yml' })).toBe('two:2');
    expect(await connectUrl({ own: null, data: null, checkout: 'two.yml' })).toBe('two:2');
    expect(await connectUrl({ own: null, data: null, checkout: null })).toBeUndefined();
  });

  it('fills preferences up with the server and token of the next file', async () => {
    const { config } = await loadConfig([], await withFiles({ own: 'prefs.yml', data: null, checkout: 'one.yml' }));
    expect(config).toMatchObject({ logLevel: 'warn', metadata: 'mine', connectUrl: 'one:1', authtoken: 'one' });
  });

  it('never sends a token to the server of another file', async () => {
    const files = await withFiles({ own: 'server.yml', data: null, checkout: 'one.yml' });
    await expect(loadSettings({}, files)).rejects.toMatchObject({ code: 'ERR_NGROK_4018' });
  });

  it('merges the files that were named, later ones win', async () => {
    const named = `${join(home, 'one.yml')},${join(home, 'two.yml')}`;
    const merged = { connectUrl: 'two:2', authtoken: 'two', metadata: 'one' };
    expect((await loadConfig([named], location)).config).toMatchObject(merged);
    expect((await loadConfig([join(home, 'one.yml'), join(home, 'two.yml')], location)).config).toMatchObject(merged);
    expect((await loadConfig([], { ...location, env: { PORTICO_CONFIG: named } })).config).toMatchObject(merged);
    await expect(loadConfig(['/nowhere.yml'], location)).rejects.toThrow(CliError);
  });
});
