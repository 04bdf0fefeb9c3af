import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ConnectServer, deadPort, errorText, portOf } from '@portico/agent/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliHome } from '../testing/cli-process.util.ts';
import { launchdPlist, systemdUnit, windowsTask } from './service/definitions.ts';

const run = promisify(execFile);
const cleanups: (() => Promise<unknown> | unknown)[] = [];
let home: CliHome;

beforeEach(async () => {
  home = await CliHome.make();
  cleanups.push(() => home.remove());
});

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function file(name: string, text: string): Promise<string> {
  const path = join(home.path, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  return path;
}

describe('portico config upgrade', () => {
  const old = [
    '# mine',
    'version: "2"',
    'authtoken: TOKEN # secret',
    'server_addr: connect.example.dev:443',
    'region: eu',
    'socks5_proxy: localhost:1080',
    'tunnels:',
    '  web: {proto: http, addr: 3000, auth: "u:longenough", bind_tls: both, domain: a.example.dev}',
    '',
  ].join('\n');

  it('brings version 2 to version 3 and keeps the old file beside it', async () => {
    const path = await file('two.yml', old);
    const { code, stdout } = await home.run(['config', 'upgrade', '--config', path]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringContaining('server_addr is now agent.connect_url'),
    });
    const text = await readFile(path, 'utf8');
    expect(text).toContain('version: 3\nagent:\n  authtoken: TOKEN # secret\n  connect_url: connect.example.dev:443\n');
    expect(text).toContain('proxy_url: socks5://localhost:1080');
    expect(text).toMatch(
      /web: \{ proto: http, addr: 3000, domain: a\.example\.dev, basic_auth: \[ "?u:longenough"? \], schemes: \[ http, https \] \}/,
    );
    expect(text).not.toContain('region');
    expect(await readFile(`${path}.v2.bak`, 'utf8')).toBe(old);
    expect((await home.run(['config', 'check', '--config', path])).code).toBe(0);
    expect((await home.run(['config', 'upgrade', '--config', path])).stdout).toContain('Already version 3');
  });

  it('shows the result only, when asked to, and does not go back', async () => {
    const path = await file('two.yml', old);
    const { stdout } = await home.run(['config', 'upgrade', '--dry-run', '--config', path]);
    expect(stdout).toMatch(/^(# mine\n\n?)?version: 3\n/);
    expect(await readFile(path, 'utf8')).toBe(old);
    const back = await home.run(['config', 'upgrade', '2', '--config', path]);
    expect({ code: back.code, stderr: back.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('not brought back'),
    });
  });

  it("finds the file of ngrok's agent and moves it to our place", async () => {
    const path = await file('.config/ngrok/ngrok.yml', old);
    const { code } = await home.run(['config', 'upgrade', '--relocate']);
    expect(code).toBe(0);
    expect(await readFile(join(home.path, '.config/portico/portico.yml'), 'utf8')).toContain('version: 3');
    expect(existsSync(path)).toBe(false);
  });
});

describe('portico config', () => {
  it('saves an API key, and takes the verb of version 2 for the token', async () => {
    expect((await home.run(['config', 'add-api-key', 'key'])).code).toBe(0);
    const { code, stderr } = await home.run(['authtoken', 'tok']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('NOTICE: authtoken still works') });
    const path = join(home.path, '.config/portico/portico.yml');
    expect(await readFile(path, 'utf8')).toBe('version: 3\nagent:\n  api_key: key\n  authtoken: tok\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('opens the file in the editor, a wrong one too, and says what is wrong afterwards', async () => {
    const path = await file('bad.yml', 'version: 3\nagnet: {}\n');
    const fix = await file('fix.sh', '#!/bin/sh\nsed -i s/agnet/agent/ "$1"\n');
    const left = await home.run(['config', 'edit', '--config', path], { EDITOR: 'true' });
    expect({ code: left.code, stderr: left.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('unknown key "agnet"'),
    });
    const mended = await home.run(['config', 'edit', '--config', path], { EDITOR: `sh ${fix}` });
    expect(mended).toMatchObject({ code: 0, stdout: `Valid configuration file at ${path}\n` });
  });
});

describe('portico completion', () => {
  it('completes commands and flags in bash', async () => {
    const { stdout } = await home.run(['completion', 'bash']);
    const script = await file('completion.bash', stdout);
    const complete = async (words: readonly string[]): Promise<string[]> => {
      const line = `source ${script}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _portico; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return (await run('bash', ['-c', line])).stdout.trim().split('\n');
    };
    expect(await complete(['portico', 'ht'])).toEqual(['http']);
    expect(await complete(['portico', 'config', 'add-a'])).toEqual(['add-authtoken', 'add-api-key']);
    expect(await complete(['portico', 'http', '3000', '--subd'])).toEqual(['--subdomain']);
    expect(await complete(['portico', 'http', '--ho'])).toEqual(['--host-header']);
  });

  it('has scripts for zsh and fish', async () => {
    const zsh = await home.run(['completion'], { SHELL: '/bin/zsh' });
    expect(zsh.stdout).toMatch(/^#compdef portico\n/);
    expect((await home.run(['completion', 'fish'])).stdout).toContain("complete -c portico -n '__portico_at ");
    expect((await home.run(['completion', 'tcsh'])).code).toBe(1);
  });
});

describe('portico service', () => {
  const input = {
    command: ['/opt/my node/bin/node', '/opt/portico/50%/main.js'],
    configPath: '/etc/portico/$a "b".yml',
  };

  it('installs nothing for a file that would not start', async () => {
    const empty = await file('empty.yml', 'version: 3\nagent: {authtoken: t, connect_url: "localhost:1"}\n');
    const wrong = await file('wrong.yml', 'version: 3\nendpoints: [{name: a, upstream: {url: 0}}]\n');
    for (const path of [empty, wrong, '/nowhere.yml']) {
      expect((await home.run(['service', 'install', '--print', '--config', path])).code).toBe(1);
    }
  });

  it('is a unit that systemd accepts', async () => {
    const path = await file(
      'good.yml',
      'version: 3\nagent: {authtoken: t, connect_url: "localhost:1"}\nendpoints: [{name: a, upstream: {url: 80}}]\n',
    );
    const { code, stdout } = await home.run(['service', 'install', '--print', '--config', path]);
    expect(code).toBe(0);
    if (process.platform !== 'linux') return;
    expect(stdout).toContain(`start --all --config ${path} `);
    for (const [name, text] of [
      ['portico.service', stdout],
      ['odd.service', systemdUnit({ ...input, command: [process.execPath, '/opt/a b/50%/main.js'] }, 'user')],
    ] as const) {
      const unit = await file(name, text);
      const verified = await run('systemd-analyze', ['verify', unit]).catch((error: unknown) => error);
      // A machine without systemd says so by ENOENT; there the text alone is looked at.
      if (verified instanceof Error && 'code' in verified && verified.code === 'ENOENT') continue;
      expect({ name, verified }).toMatchObject({ name, verified: { stdout: '', stderr: '' } });
    }
  });

  it('has definitions for launchd and Windows in which nothing breaks out', () => {
    expect(systemdUnit(input, 'system')).toContain(
      'ExecStart="/opt/my node/bin/node" "/opt/portico/50%%/main.js" start --all --config "/etc/portico/$$a \\"b\\".yml"',
    );
    expect(launchdPlist(input, '/tmp/log')).toContain('<string>/etc/portico/$a &#34;b&#34;.yml</string>');
    expect(windowsTask(input)).toContain('<Command>/opt/my node/bin/node</Command>');
    expect(windowsTask(input)).toContain('--config &#34;/etc/portico/$a \\&#34;b\\&#34;.yml&#34;');
  });
});

describe('portico diagnose', () => {
  async function config(connectUrl: string, ca: string): Promise<string> {
    await file('ca.pem', ca);
    return file(
      'agent.yml',
      `version: 3\nagent: {authtoken: tok, connect_url: "${connectUrl}", connect_cas: ca.pem}\n`,
    );
  }

  it('says that all hops work, with region and latency on the last line', async () => {
    const server = await ConnectServer.start();
    cleanups.push(() => server.close());
    const report = join(home.path, 'report.json');
    const { code, stdout } = await home.run([
      'diagnose',
      '-w',
      report,
      '--config',
      await config(server.connectUrl, server.caPem),
    ]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/Internet Connectivity\n {2}Name Resolution +\[ OK \]/),
    });
    expect(stdout).toMatch(/Service Connectivity\n {2}Tunnel Protocol +\[ OK \]/);
    expect(stdout).toMatch(/^Connected: region test-1(, latency \d+ms)?$/m);
    expect(await readFile(report, 'utf8')).not.toContain('tok"');
    expect(JSON.parse(await readFile(report, 'utf8'))).toMatchObject({ brokenAt: null, region: 'test-1' });
  });

  it('names the hop that fails and what to do', async () => {
    const server = await ConnectServer.start();
    cleanups.push(() => server.close());
    const other = await ConnectServer.start();
    cleanups.push(() => other.close());
    const plain = createServer((socket) => socket.on('error', () => {}).end('hello, I speak no TLS\n'));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => plain.close());
    server.behaviour.refuseAuth = () => errorText(107, { token: 'x' });
    const cases: [string, string, RegExp, RegExp][] = [
      ['no.such.host.invalid:443', server.caPem, /Broken at Internet: Name Resolution/, /DNS gives no address/],
      [`localhost:${await deadPort()}`, server.caPem, /Broken at Internet: TCP/, /Is the server running/],
      [`localhost:${portOf(plain.address())}`, server.caPem, /Broken at Internet: TLS/, /connect port of the server/],
      [server.connectUrl, other.caPem, /Broken at Internet: TLS/, /--ca-sha256/],
      [
        server.connectUrl,
        server.caPem,
        /Broken at Service: Tunnel Protocol/,
        /ERR_NGROK_107[\s\S]*no fault of the network|add-authtoken|ERR_NGROK_107/,
      ],
    ];
    for (const [connectUrl, ca, brokenAt, advice] of cases) {
      const { code, stdout } = await home.run(['diagnose', '--config', await config(connectUrl, ca)]);
      expect({ connectUrl, code, stdout }).toEqual({ connectUrl, code: 1, stdout: expect.stringMatching(brokenAt) });
      expect(stdout).toMatch(advice);
    }
  });
});
