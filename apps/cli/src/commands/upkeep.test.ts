import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { spawn as spawnTerminal } from '@lydell/node-pty';
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

function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}

function unless(shell: string): string {
  return isInstalled(shell) ? '' : ` (not run: ${shell} is not installed)`;
}

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

  it.skipIf(!isInstalled('fish'))(`completes commands and flags in fish${unless('fish')}`, async () => {
    const { stdout } = await home.run(['completion', 'fish']);
    const script = await file('completion.fish', stdout);
    const complete = async (line: string): Promise<string[]> => {
      const words = ['--no-config', '-c', `source '${script}'; complete -C '${line}'`];
      const { stdout: found } = await run('fish', words, { env: home.env() });
      return found
        .trimEnd()
        .split('\n')
        .map((each) => each.split('\t')[0] ?? '');
    };
    expect(await complete('portico ht')).toEqual(['http']);
    expect((await complete('portico config add-a')).toSorted()).toEqual(['add-api-key', 'add-authtoken']);
    expect(await complete('portico http 3000 --subd')).toEqual(['--subdomain']);
    expect(await complete('portico http --ho')).toEqual(['--host-header']);
  });

  it.skipIf(!isInstalled('zsh'))(`completes commands and flags at the keys of zsh${unless('zsh')}`, async () => {
    // With the shell of the person: the same line works in all of them.
    const { stdout } = await home.run(['completion'], { SHELL: '/bin/zsh' });
    const script = await file('completion.zsh', stdout);
    // The line editor says when it takes keys: before that the terminal does with them as it likes.
    const ready = "zle-line-init() { print -n 'read''y>' }; zle -N zle-line-init";
    await file('.zshrc', `PS1=''\nsource ${script}\n${ready}\n`);
    const shell = spawnTerminal('zsh', ['-d', '-i'], {
      cols: 100,
      rows: 30,
      env: home.env({ ZDOTDIR: home.path, TERM: 'xterm' }),
    });
    cleanups.push(() => shell.kill('SIGKILL'));
    let raw = '';
    const looks = new Set<() => void>();
    shell.onData((data) => {
      raw += data;
      for (const look of [...looks]) look();
    });
    const sees = (pattern: RegExp): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!pattern.test(stripVTControlCharacters(raw))) return;
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        look();
      });
    await sees(/ready>/);
    for (const [keys, wanted] of [
      ['portico ht\t', /portico http $/],
      ['portico http 3000 --subd\t', /portico http 3000 --subdomain $/],
      ['portico http --ho\t', /--host-header $/],
      ['portico config add-a\t\t', /add-api-key +add-authtoken/],
    ] as const) {
      raw = '';
      // Ctrl-U, a key as the others, takes back what is on the line: a signal might come amidst a completion.
      shell.write(`\u0015${keys}`);
      await sees(wanted);
    }
  });

  it('says which shells it knows', async () => {
    expect((await home.run(['completion'], { SHELL: '/bin/zsh' })).stdout).toMatch(/^#compdef portico\n/);
    const { code, stderr } = await home.run(['completion', 'tcsh']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('bash, zsh, fish') });
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

  it('is a unit whose command, as systemd reads it, runs the endpoints, reads the file again and ends', async () => {
    const server = await ConnectServer.start();
    cleanups.push(() => server.close());
    await file('my conf/ca.pem', server.caPem);
    const head = `version: 3\nagent: {authtoken: tok, connect_url: "${server.connectUrl}", connect_cas: ca.pem, web_addr: false}\n`;
    const path = await file('my conf/50% $x "y".yml', `${head}endpoints: [{name: a, upstream: {url: 80}}]\n`);
    const { stdout } = await home.run(['service', 'install', '--print', '--config', path]);
    const [program = '', ...args] = systemdWords(/^ExecStart=(.*)$/m.exec(stdout)?.[1] ?? '');
    expect(args).toContain(path);
    const child = spawn(program, args, { env: home.env(), stdio: ['ignore', 'pipe', 'inherit'] });
    cleanups.push(() => child.kill('SIGKILL'));
    const session = await server.until(() => (server.live?.binds.size === 1 ? server.live : null));
    expect(session.bindRequests[0]?.name).toBe('a');
    await writeFile(path, `${head}endpoints: [{name: b, upstream: {url: 80}}]\n`);
    expect(stdout).toContain('ExecReload=/bin/kill -HUP $MAINPID');
    child.kill('SIGHUP');
    await server.until(() => session.bindRequests.some(({ name }) => name === 'b'));
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  it('is a property list for launchd with every word as it is', () => {
    const list = readXml(launchdPlist(input, '/tmp/a & b.log'));
    const [dict] = list.children;
    expect({ root: list.name, inside: dict?.name }).toEqual({ root: 'plist', inside: 'dict' });
    const pairs = new Map<string, XmlElement>();
    const items = dict?.children ?? [];
    for (let i = 0; i + 1 < items.length; i += 2) {
      const [key, value] = [items[i], items[i + 1]];
      expect(key?.name).toBe('key');
      if (key !== undefined && value !== undefined) pairs.set(key.text, value);
    }
    const words = pairs.get('ProgramArguments');
    expect(words?.name).toBe('array');
    expect(words?.children.map(({ name, text }) => [name, text])).toEqual(
      [
        ...input.command,
        'start',
        '--all',
        '--config',
        input.configPath,
        '--log',
        'stdout',
        '--log-format',
        'logfmt',
      ].map((word) => ['string', word]),
    );
    expect(pairs.get('Label')).toMatchObject({ name: 'string', text: 'portico.agent' });
    expect(pairs.get('KeepAlive')?.name).toBe('true');
    expect(pairs.get('RunAtLoad')?.name).toBe('true');
    expect(pairs.get('ExitTimeOut')).toMatchObject({ name: 'integer', text: '35' });
    expect(pairs.get('StandardOutPath')).toMatchObject({ name: 'string', text: '/tmp/a & b.log' });
  });

  it('is a task for Windows whose command line Windows takes apart into the same words', () => {
    const odd = { command: ['C:\\Program Files\\node\\node.exe', 'C:\\my apps\\'], configPath: 'C:\\a "b"\\c&d.yml' };
    const task = readXml(windowsTask(odd));
    expect(task).toMatchObject({ name: 'Task', attributes: expect.stringContaining('version="1.2"') });
    expect(task.children.map(({ name }) => name)).toEqual([
      'RegistrationInfo',
      'Triggers',
      'Principals',
      'Settings',
      'Actions',
    ]);
    const exec = task.children.at(-1)?.children[0];
    const [command, words] = exec?.children ?? [];
    expect({ exec: exec?.name, command: command?.text }).toEqual({ exec: 'Exec', command: odd.command[0] });
    expect(windowsWords(words?.text ?? '')).toEqual([
      odd.command[1],
      ...['start', '--all', '--config', odd.configPath, '--log', 'stdout', '--log-format', 'logfmt'],
    ]);
    const principal = task.children[2]?.children[0];
    expect(principal?.attributes).toContain(`id="${/Context="(\w+)"/.exec(task.children[4]?.attributes ?? '')?.[1]}"`);
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

/** The words of a command line of systemd.service(5): quotes, C escapes, `%%` and `$$`. */
function systemdWords(line: string): string[] {
  const words = line.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
  return words.map((word) => {
    const inside = word.startsWith('"') ? word.slice(1, -1) : word;
    return inside.replace(/\\(.)/g, '$1').replaceAll('%%', '%').replaceAll('$$', '$');
  });
}

/** What CommandLineToArgvW makes of the arguments of a program. */
function windowsWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let isQuoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const slashes = /^\\*/.exec(line.slice(at))?.[0].length ?? 0;
    if (slashes > 0 && line[at + slashes] === '"') {
      word = (word ?? '') + '\\'.repeat(slashes >> 1);
      at += slashes;
      if (slashes % 2 === 1) word += '"';
      else isQuoted = !isQuoted;
    } else if (line[at] === '"') {
      isQuoted = !isQuoted;
      word ??= '';
    } else if (/\s/.test(line[at] ?? '') && !isQuoted) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + line[at];
  }
  return word === null ? words : [...words, word];
}

interface XmlElement {
  readonly name: string;
  readonly attributes: string;
  readonly children: XmlElement[];
  text: string;
}

/** Reads what is well formed, and throws at the rest: tags that do not match, a bare `&` or `<`. */
function readXml(xml: string): XmlElement {
  const body = xml.replace(/^<\?xml [^>]*\?>\s*/, '').replace(/^<!DOCTYPE [^>]*>\s*/, '');
  const root: XmlElement = { name: '', attributes: '', children: [], text: '' };
  const open = [root];
  let at = 0;
  for (const found of body.matchAll(/<(\/?)([A-Za-z]\w*)((?:\s+[\w:]+="[^"<]*")*)\s*(\/?)>|&#(\d+);|[^<&]+/g)) {
    if (found.index !== at) throw new Error(`not XML at ${body.slice(at, at + 40)}`);
    at += found[0].length;
    const [all, slash, name, attributes = '', empty, code] = found;
    const inside = open.at(-1);
    if (inside === undefined) throw new Error('more is closed than was opened');
    if (code !== undefined) inside.text += String.fromCharCode(Number(code));
    else if (name === undefined) inside.text += all;
    else if (slash === '/') {
      if (inside.name !== name) throw new Error(`</${name}> ends <${inside.name}>`);
      open.pop();
    } else {
      const element = { name, attributes, children: [], text: '' };
      inside.children.push(element);
      if (empty !== '/') open.push(element);
    }
  }
  if (at !== body.length || open.length !== 1) throw new Error('the end is missing');
  const [only, ...more] = root.children;
  if (only === undefined || more.length > 0) throw new Error('not one element');
  return only;
}
