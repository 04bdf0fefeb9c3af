import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { spawn as spawnPty } from '@lydell/node-pty';
import { ConnectServer } from '@portico/agent/testing';
import { buildExecutables, buildNpmPackage, cliRoot, hostTarget, runtimeVersion } from '@portico/cli/packaging';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const isLong = process.env.PORTICO_LONG === '1';
const cache = join(cliRoot, 'dist/.runtimes');

/** What is handed out: with no workspace around it. */
describe('the client as people get it', () => {
  const cleanups: (() => Promise<unknown> | unknown)[] = [];
  let home: string;
  let server: ConnectServer;
  let config: string;
  let port: number;
  let command: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'portico-packed-'));
    cleanups.push(() => rm(home, { recursive: true, force: true }));
    server = await ConnectServer.start();
    cleanups.push(() => server.close());
    const app = createServer((request, response) => response.end(`packed ${request.url}`));
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => app.close());
    port = (app.address() as AddressInfo).port;
    await writeFile(join(home, 'ca.pem'), server.caPem);
    config = join(home, 'agent.yml');
    await writeFile(
      config,
      `version: 3\nagent: {authtoken: tok, connect_url: "${server.connectUrl}", connect_cas: ca.pem, web_addr: "127.0.0.1:0"}\n`,
    );
    const tarball = await buildNpmPackage(join(home, 'build'));
    await run('tar', ['-xzf', tarball, '-C', home]);
    command = join(home, 'package/bin/portico.js');
  });
  afterAll(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean();
  });

  const env = () => ({ PATH: process.env.PATH ?? '', HOME: home, LANG: 'C.UTF-8' });

  /** Until the pattern is in its output; the child ends with the test. */
  async function start(
    file: string,
    args: readonly string[],
    pattern: RegExp,
  ): Promise<{ child: ChildProcess; match: RegExpExecArray; ms: number }> {
    const beganMs = performance.now();
    const child = spawn(file, [...args], { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
    cleanups.push(() => child.kill('SIGKILL'));
    let text = '';
    const match = await new Promise<RegExpExecArray>((resolve, reject) => {
      child.stdout?.on('data', (bytes: Buffer) => {
        text += bytes.toString();
        const found = pattern.exec(text);
        if (found !== null) resolve(found);
      });
      child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${text}`)));
    });
    return { child, match, ms: performance.now() - beganMs };
  }

  const residentMb = (pid: number | undefined): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;

  /** Clock ticks (10 ms) of user and system time. */
  const cpuTicks = (pid: number | undefined): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };

  it('runs from its npm package alone, the inspector included, small and quick', async () => {
    // The first start fills the compile cache.
    const args = [command, 'http', String(port), '--subdomain', 'packed', '--config', config];
    const warm = await start(process.execPath, args, /starting web service[\s\S]*url=https/);
    warm.child.kill('SIGINT');
    await new Promise((resolve) => warm.child.once('exit', resolve));
    const { child, match, ms } = await start(process.execPath, args, /obj=web addr=(\S+)[\s\S]*url=https:\/\/packed/);
    const session = await server.until(() => server.live);
    const visitor = session.visit({ first: 'GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n' });
    expect((await visitor.ended).toString()).toContain('packed /x');
    visitor.stream.end();
    const page = await (await fetch(`http://${match[1]}/inspect/http`)).text();
    expect(page).toContain('Portico inspector');
    expect((await fetch(`http://${match[1]}/inspect/assets/inspector.js`)).status).toBe(200);
    const before = cpuTicks(child.pid);
    await new Promise((resolve) => setTimeout(resolve, isLong ? 10_000 : 2_000));
    const ticks = cpuTicks(child.pid) - before;
    const mb = residentMb(child.pid);
    process.stdout.write(
      `packed client: online after ${Math.round(ms)} ms, ${mb.toFixed(0)} MB, ${ticks * 10} ms of CPU while idle\n`,
    );
    expect(mb).toBeLessThan(isLong ? 80 : 95);
    // A quiet machine takes under 400 ms; CI is not one.
    expect(ms).toBeLessThan(isLong ? 600 : 3_000);
    expect(ticks).toBeLessThan(isLong ? 10 : 20);
    child.kill('SIGINT');
  });

  it('stays small with its screen', async () => {
    const pty = spawnPty(process.execPath, [command, 'http', String(port), '--config', config], {
      cols: 100,
      rows: 30,
      name: 'xterm-256color',
      env: env(),
    });
    cleanups.push(() => pty.kill('SIGKILL'));
    await new Promise<void>((resolve) => {
      let text = '';
      pty.onData((data) => {
        text += data;
        if (/online[\s\S]*https:\/\//.test(text)) resolve();
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const mb = residentMb(pty.pid);
    process.stdout.write(`packed client with its screen: ${mb.toFixed(0)} MB\n`);
    expect(mb).toBeLessThan(isLong ? 115 : 130);
    pty.kill('SIGINT');
  });

  it('says so on a Node that is too old, and exits with 1', async () => {
    const pretend = `Object.defineProperty(process.versions, 'node', { value: '22.11.0' }); require(${JSON.stringify(command)})`;
    const failed: unknown = await run(process.execPath, ['-e', pretend], { env: env() }).catch(
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({
      code: 1,
      stderr: 'ERROR:  portico needs Node 22.12.0 or later; this is 22.11.0.\n',
    });
  });

  // The runtime is a download of 57 MB.
  const host = hostTarget();
  const hasRuntime = existsSync(join(cache, `node-${host}-${runtimeVersion}`));
  it.skipIf(host !== 'linux-x64' || !(isLong || hasRuntime))(
    'is one file for an operator, that knows one server and needs a token only',
    async () => {
      const [file = ''] = await buildExecutables({
        folder: join(home, 'clients'),
        cache,
        targets: ['linux-x64'],
        operator: { connectUrl: server.connectUrl, ca: server.caPem },
        name: 'acme',
        say: () => {},
      });
      expect(file).toBe(join(home, 'clients/acme-linux-x64'));
      const token = join(home, 'token.yml');
      await writeFile(token, 'version: 3\nagent: {authtoken: tok, web_addr: "127.0.0.1:0"}\n');
      const { child, match } = await start(
        file,
        ['http', String(port), '--subdomain', 'one', '--config', token],
        /obj=web addr=(\S+)[\s\S]*url=https:\/\/one/,
      );
      expect(await (await fetch(`http://${match[1]}/inspect/http`)).text()).toContain('Portico inspector');
      child.kill('SIGINT');
      await writeFile(token, 'version: 3\nagent: {authtoken: tok, connect_url: "evil.example:443"}\n');
      const refused: unknown = await run(file, ['http', '80', '--config', token], { env: env() }).catch(
        (error: unknown) => error,
      );
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`connects to ${server.connectUrl} only`),
      });
      const overruled: unknown = await run(file, ['http', '80'], {
        env: { ...env(), PORTICO_CONNECT_URL: 'evil.example:443' },
      }).catch((error: unknown) => error);
      expect(overruled).toMatchObject({ code: 1 });
    },
  );
});
