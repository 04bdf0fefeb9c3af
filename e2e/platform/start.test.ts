import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlatformProcess, removeDataDir, spawnPlatform, startPlatformProcess } from '../support/platform.ts';
import { startPortico } from '../support/portico-cli.ts';
import { visit, visitUntil } from '../support/visit.ts';

const run = promisify(execFile);

describe('npm start', () => {
  let platform: PlatformProcess;
  beforeAll(async () => {
    platform = await startPlatformProcess();
  });
  afterAll(() => platform.dispose());

  it('serves the welcome page through a real tunnel over verified HTTPS', async () => {
    const { ready } = platform;
    const page = await visit(ready, `https://welcome.${ready.baseDomain}/`);
    expect(page.status).toBe(200);
    expect(page.body.toString()).toContain('Your first tunnel is live');
  });

  it('writes a ready file that only its owner can read, with every process in it', () => {
    const { ready, dataDir } = platform;
    expect(statSync(join(dataDir, 'ready.json')).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(ready.pid).toBe(platform.child.pid);
    for (const [name, pid] of Object.entries(ready.pids)) {
      if (name === 'postgres' && process.env.DATABASE_URL !== undefined) continue;
      expect(pid, name).toBeGreaterThan(0);
    }
    expect(readFileSync(ready.caFile, 'utf8')).toContain('BEGIN CERTIFICATE');
  });

  it('prints what a newcomer needs', () => {
    const { ready } = platform;
    const screen = platform.output();
    for (const needed of [
      `https://welcome.${ready.baseDomain}:${ready.https.port}`,
      ready.dashboard.url,
      ready.api.url,
      ready.account.email,
      ready.account.password,
      './portico http 3000 --subdomain demo',
    ]) {
      expect(screen).toContain(needed);
    }
  });

  it('is enough for a plain `portico http PORT --subdomain NAME`', async () => {
    const { ready } = platform;
    const upstream = createServer((request, response) => response.end(`hello from ${request.url}`)).listen(
      0,
      '127.0.0.1',
    );
    await new Promise((resolve) => upstream.once('listening', resolve));
    const { port } = upstream.address() as AddressInfo;
    const tunnel = await startPortico(ready, ['http', String(port), '--subdomain', 'demo']);
    expect(tunnel.url).toBe(`https://demo.${ready.baseDomain}:${ready.https.port}`);
    const answer = await visit(ready, `${tunnel.url}/a?b=c`);
    expect(answer.body.toString()).toBe('hello from /a?b=c');
    expect(await tunnel.stop()).toBe(0);
    const gone = await visitUntil(ready, tunnel.url, ({ status }) => status === 404);
    expect(gone.headers['ngrok-error-code']).toBe('ERR_NGROK_3200');
    upstream.close();
  });

  it('refuses a second start on the same data directory and names the running process', async () => {
    const second = await spawnPlatform({ dataDir: platform.dataDir });
    expect((await second.exited).code).toBe(1);
    expect(second.output()).toContain(`already runs on ${platform.dataDir} as process ${platform.child.pid}`);
    expect(existsSync(join(platform.dataDir, 'ready.json'))).toBe(true);
    expect((await visit(platform.ready, `https://welcome.${platform.ready.baseDomain}/`)).status).toBe(200);
  });

  it('starts a part again that was killed, on the same ports, and says its new pid', async () => {
    for (const part of ['api', 'edge', 'dashboard', 'agent', 'postgres'] as const) {
      const { ready } = platform;
      const before = platform.readReady().pids[part];
      if (before === null) continue;
      process.kill(before, 'SIGKILL');
      const deadline = performance.now() + 20_000;
      while (platform.readReady().pids[part] === before || platform.readReady().pids[part] === null) {
        expect(performance.now(), `${part} came back`).toBeLessThan(deadline);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await visitUntil(ready, `https://welcome.${ready.baseDomain}/`, ({ status }) => status === 200, {
        withinMs: 20_000,
      });
    }
  });
});

describe('the life of a platform', () => {
  it('leaves no process, port or ready file behind, and comes back with the same authority and secrets', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'portico-e2e-'));
    const first = await startPlatformProcess({ dataDir });
    const root = readFileSync(first.ready.caFile, 'utf8');
    expect(await first.stop()).toBe(0);
    for (const pid of Object.values(first.ready.pids)) expect(pid === null || !isRunning(pid)).toBe(true);
    expect(existsSync(join(dataDir, 'ready.json'))).toBe(false);

    const second = await startPlatformProcess({ dataDir });
    expect(readFileSync(second.ready.caFile, 'utf8')).toBe(root);
    expect(second.ready.authtoken).toBe(first.ready.authtoken);
    expect(second.ready.account).toEqual(first.ready.account);

    // kill -9 of the platform itself: its parts end, and the next start is clean.
    second.child.kill('SIGKILL');
    const third = await startPlatformProcess({ dataDir });
    expect((await visit(third.ready, `https://welcome.${third.ready.baseDomain}/`)).status).toBe(200);
    for (const pid of [
      second.ready.pids.api,
      second.ready.pids.edge,
      second.ready.pids.dashboard,
      second.ready.pids.agent,
    ]) {
      expect(isRunning(pid)).toBe(false);
    }
    await third.stop();
    await removeDataDir(dataDir);
  });

  it('ends at once, database and all, when it is told twice', async () => {
    const platform = await startPlatformProcess();
    // A request in flight would hold up the first stop.
    const upstream = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => upstream.once('listening', resolve));
    const { port } = upstream.address() as AddressInfo;
    const tunnel = await startPortico(platform.ready, ['http', String(port), '--subdomain', 'hanging']);
    const hanging = visit(platform.ready, tunnel.url).catch(() => 'cut');
    await new Promise((resolve) => upstream.once('request', resolve));
    const pids = Object.values(platform.ready.pids);
    platform.child.kill('SIGTERM');
    platform.child.kill('SIGINT');
    await platform.stop();
    const deadline = performance.now() + 10_000;
    while (pids.some((pid) => pid !== null && isRunning(pid))) {
      expect(performance.now()).toBeLessThan(deadline);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await hanging).toBe('cut');
    await tunnel.kill();
    upstream.closeAllConnections();
    upstream.close();
    await platform.dispose();
  });

  it('opens a tunnel of the command line as well', async () => {
    const upstream = createServer((_request, response) => response.end('mine')).listen(0, '127.0.0.1');
    await new Promise((resolve) => upstream.once('listening', resolve));
    const { port } = upstream.address() as AddressInfo;
    const platform = await startPlatformProcess({ args: ['http', String(port), '--subdomain', 'demo'] });
    const answer = await visit(platform.ready, `https://demo.${platform.ready.baseDomain}/`);
    expect(answer.body.toString()).toBe('mine');
    expect(platform.output()).toContain(`-> http://localhost:${port}`);
    await platform.dispose();
    upstream.close();
  });

  it.each([
    ['a bad port', { PORTICO_HTTPS_PORT: '99999' }, 'PORTICO_HTTPS_PORT is "99999"; accepted: a port from 1 to 65535'],
    [
      'a bad base domain',
      { PORTICO_BASE_DOMAIN: 'no spaces' },
      'PORTICO_BASE_DOMAIN is "no spaces"; accepted: a host name',
    ],
    ['a bad TCP range', { PORTICO_TCP_PORTS: '9-1' }, 'PORTICO_TCP_PORTS is "9-1"'],
    ['a bad trusted proxy', { PORTICO_TRUSTED_PROXIES: '10.0.0.0/99' }, 'PORTICO_TRUSTED_PROXIES'],
    [
      'a dashboard under the base',
      { PORTICO_DASHBOARD_HOST: 'dash.portico.localhost' },
      'PORTICO_DASHBOARD_HOST is "dash.portico.localhost"',
    ],
    [
      'an address of another machine',
      { PORTICO_BIND: '192.0.2.1', PORTICO_HTTP_PORT: '8099' },
      'PORTICO_BIND is "192.0.2.1"',
    ],
    ['a database that is not there', { DATABASE_URL: 'postgresql://u:hunter2@127.0.0.1:1/x' }, '127.0.0.1:1'],
  ])('ends with a clear message on %s', async (_what, env, message) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'portico-e2e-'));
    const attempt = await spawnPlatform({ dataDir, env });
    expect((await attempt.exited).code).toBe(1);
    expect(attempt.output()).toContain('ERROR: ');
    expect(attempt.output()).toContain(message);
    expect(attempt.output()).not.toContain('hunter2');
    expect(existsSync(join(dataDir, 'ready.json'))).toBe(false);
    await removeDataDir(dataDir);
  });

  it('names a taken port and the setting that moves it', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    const { port } = squatter.address() as AddressInfo;
    const dataDir = mkdtempSync(join(tmpdir(), 'portico-e2e-'));
    const attempt = await spawnPlatform({ dataDir, env: { PORTICO_HTTPS_PORT: String(port) } });
    expect((await attempt.exited).code).toBe(1);
    expect(attempt.output()).toContain(
      `port ${port} on 127.0.0.1 is taken by another program. Stop that one, or set PORTICO_HTTPS_PORT`,
    );
    squatter.close();
    await removeDataDir(dataDir);
  });

  it('names a data directory that cannot be written', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'portico-e2e-')), 'file');
    writeFileSync(file, '');
    const attempt = await spawnPlatform({ dataDir: join(file, 'data') });
    expect((await attempt.exited).code).toBe(1);
    expect(attempt.output()).toContain('cannot be written by this user');
  });
});

describe('curl', () => {
  it('trusts the platform with its root certificate, over HTTP/1.1 and HTTP/2', async (context) => {
    const curl = await run('curl', ['--version']).catch(() => null);
    if (curl === null) return context.skip('curl is not installed');
    const platform = await startPlatformProcess();
    const { ready } = platform;
    const host = `welcome.${ready.baseDomain}`;
    for (const [flag, version] of [
      ['--http1.1', '1.1'],
      ['--http2', '2'],
    ] as const) {
      if (flag === '--http2' && !/HTTP2/.test(curl.stdout)) continue;
      const { stdout } = await run('curl', [
        '-sS',
        flag,
        '--cacert',
        ready.caFile,
        '--resolve',
        `${host}:${ready.https.port}:127.0.0.1`,
        '-o',
        '/dev/null',
        '-w',
        '%{http_version} %{http_code}',
        `https://${host}:${ready.https.port}/`,
      ]);
      expect(stdout).toBe(`${version} 200`);
    }
    await platform.dispose();
  });
});

function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
