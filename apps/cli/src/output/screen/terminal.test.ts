import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import { ConnectServer, deadPort, portOf } from '@portico/agent/testing';
import xterm from '@xterm/headless';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliHome, mainPath } from '../../testing/cli-process.util.ts';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
let home: CliHome;
let server: ConnectServer;

beforeEach(async () => {
  home = await CliHome.make();
  cleanups.push(() => home.remove());
  server = await ConnectServer.start();
  cleanups.push(() => server.close());
  await writeFile(join(home.path, 'ca.pem'), server.caPem);
  await writeFile(
    join(home.path, 'agent.yml'),
    `version: 3\nagent: {authtoken: tok, connect_url: "${server.connectUrl}", connect_cas: ca.pem}\n`,
  );
});

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** A person at a terminal: what the process writes is drawn by a real terminal emulator. */
class Person {
  readonly exited: Promise<number>;
  raw = '';
  readonly #pty: IPty;
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  readonly #looks = new Set<() => void>();

  constructor(args: readonly string[], columns: number, rows: number, env: Record<string, string> = {}) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    this.#pty = spawn(process.execPath, [mainPath, ...args, '--config', join(home.path, 'agent.yml')], {
      name: env.TERM ?? 'xterm-256color',
      cols: columns,
      rows,
      env: home.env(env),
    });
    this.#pty.onData((data) => {
      this.raw += data;
      this.#terminal.write(data, () => {
        for (const look of [...this.#looks]) look();
      });
    });
    let isOver = false;
    this.exited = new Promise((resolve) =>
      this.#pty.onExit(({ exitCode }) => {
        isOver = true;
        resolve(exitCode);
      }),
    );
    cleanups.push(() => {
      if (!isOver) this.#pty.kill('SIGKILL');
      this.#terminal.dispose();
    });
  }

  get lines(): string[] {
    const { active } = this.#terminal.buffer;
    return Array.from(
      { length: this.#terminal.rows },
      (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? '',
    );
  }

  get isOnSecondScreen(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  get pid(): number {
    return this.#pty.pid;
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
    this.#pty.resize(columns, rows);
  }

  /** Resolves with the screen when a line of it matches. */
  sees(pattern: RegExp, timeoutMs = 15_000): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#looks.delete(look);
        reject(new Error(`no ${pattern} on the screen:\n${this.lines.join('\n')}`));
      }, timeoutMs);
      const look = (): void => {
        const { lines } = this;
        if (!lines.some((line) => pattern.test(line))) return;
        clearTimeout(timer);
        this.#looks.delete(look);
        resolve(lines);
      };
      this.#looks.add(look);
      look();
    });
  }
}

async function app(): Promise<string> {
  const http = createServer((request, response) => {
    response.statusCode = request.url === '/missing' ? 404 : 200;
    response.end('x');
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => http.close());
  return String(portOf(http.address()));
}

describe('a terminal of 100 columns', () => {
  it('shows the tunnel, its requests as they come, and is given back at Ctrl-C', async () => {
    const port = await app();
    const person = new Person(['http', port, '--subdomain', 'demo'], 100, 30);
    const lines = await person.sees(/https:\/\/demo\.portico\.test -> http:\/\/localhost:\d+/);
    expect(person.isOnSecondScreen).toBe(true);
    expect(lines[0]).toMatch(/^portico {77}\(Ctrl\+C to quit\)$/);
    expect(lines[2]).toBe('━'.repeat(100));
    expect(lines[3]).toMatch(/^┃ Visitors\s+┃ Edge\s+┃ Agent\s+┃ Upstream$/);
    expect(lines).toContain('Session Status                online');
    expect(lines).toContain('Account                       Harbour Labs (Plan: self-hosted)');
    expect(lines).toContain('Region                        test-1');

    const session = await server.until(() => server.live);
    const visitor = session.visit({ first: 'GET /first HTTP/1.1\r\nhost: a\r\n\r\n' });
    await person.sees(/^\d\d:\d\d:\d\d\.\d{3} {2}GET {5}\/first\s+200 OK\s+\d+ ms$/);
    // The next request on the same connection, then one that is upgraded and stays.
    visitor.write('GET /missing HTTP/1.1\r\nhost: a\r\n\r\n');
    const two = await person.sees(/GET {5}\/missing\s+404 Not Found\s+\d+ ms$/);
    const rows = two.filter((line) => /^\d\d:\d\d:/.test(line));
    expect(rows[0]).toContain('/missing');
    expect(rows[1]).toContain('/first');
    await person.sees(/HTTP Requests\s+last 2 of 2$/);
    await person.sees(/^ {30}1 {8}1 {8}0\.\d\d/);

    person.type('\u0003');
    expect(await person.exited).toBe(0);
    expect(session.unbound).toHaveLength(1);
    expect(person.isOnSecondScreen).toBe(false);
    expect(person.raw).toMatch(/\u001b\[\?25h\u001b\[\?1049l$/);
  });

  it('shows the reason and the countdown while the server is away, and the same URL after', async () => {
    const person = new Person(['http', await app(), '--subdomain', 'demo'], 100, 30);
    await person.sees(/demo\.portico\.test ->/);
    const port = await server.down();
    const lines = await person.sees(/reconnecting, try [2-9] (in \d+ s|now)/);
    expect(lines.join('\n')).toContain('refuses connections');
    expect(lines.join('\n')).toContain('https://demo.portico.test -> http://localhost');
    expect(lines.join('\n')).toContain('(kept for you)');
    expect(lines[2]).toMatch(/^╌+ ✕ ╌+━+$/);
    await server.listen(port);
    await person.sees(/^Session Status\s+online$/);
    person.type('\u0003');
    expect(await person.exited).toBe(0);
  });

  it('is given back and taken again when the agent is restarted from afar', async () => {
    const person = new Person(['http', await app()], 100, 30);
    await person.sees(/\.portico\.test ->/);
    const old = await server.until(() => server.live);
    const { pid } = person;
    // The first frames are drawn one after another by the terminal: what counts is what stays.
    const forwarding = (): string[] => person.lines.filter((line) => line.startsWith('Forwarding'));
    const before = forwarding();
    await old.command(4, {});
    await server.until(() => server.sessions.some((each) => each !== old && each.binds.size === 1));
    // Left once, taken twice.
    const timeout = 15_000;
    await expect.poll(() => person.raw.split('\u001b[?1049h').length, { timeout }).toBe(3);
    expect(person.raw.split('\u001b[?1049l')).toHaveLength(2);
    await expect.poll(forwarding, { timeout }).toEqual(before);
    expect(person.pid).toBe(pid);
    // Keys reach it one by one.
    person.type('?');
    await person.sees(/filter the requests/);
    person.type('\u0003');
    expect(await person.exited).toBe(0);
    // The last bytes may come after the news of the end.
    await expect.poll(() => person.isOnSecondScreen, { timeout }).toBe(false);
    expect(person.raw).toMatch(/\u001b\[\?25h\u001b\[\?1049l$/);
  });

  it('shows an upstream that refuses as the broken hop, until it answers', async () => {
    const port = await deadPort();
    const person = new Person(['http', String(port)], 100, 30);
    await person.sees(/Session Status\s+online/);
    const session = await server.until(() => (server.live?.binds.size === 1 ? server.live : null));
    session.visit({ first: 'GET /x HTTP/1.1\r\nhost: a\r\n\r\n' });
    const lines = await person.sees(new RegExp(`^! localhost:${port} refuses connections\\.`));
    expect(lines[2]).toMatch(/^━+ ✕ ━+╌+$/);
    expect(lines.join('\n')).toMatch(/GET {5}\/x\s+502 upstream refused/);
    const http = createServer((_request, response) => response.end('x'));
    await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
    cleanups.push(() => http.close());
    session.visit({ first: 'GET /y HTTP/1.1\r\nhost: a\r\n\r\n' });
    await person.sees(/GET {5}\/y\s+200 OK/);
    await person.sees(/^━{100}$/);
    person.type('\u0003');
    expect(await person.exited).toBe(0);
  });

  it('filters, pauses and copies by keys', async () => {
    const person = new Person(['http', await app(), '--subdomain', 'demo'], 100, 30);
    await person.sees(/demo\.portico\.test ->/);
    const session = await server.until(() => server.live);
    for (const path of ['/apple', '/pear', '/missing'])
      session.visit({ first: `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n` });
    await person.sees(/last 3 of 3/);
    person.type('/');
    person.type('404');
    await person.sees(/^\/404_$/);
    await person.sees(/last 1 of 3/);
    person.type('\r');
    person.type('\u001b');
    await person.sees(/last 3 of 3/);
    person.type('p');
    await person.sees(/paused/);
    session.visit({ first: 'GET /plum HTTP/1.1\r\nhost: a\r\n\r\n' });
    await person.sees(/of 4$/);
    expect(person.lines.join('\n')).not.toContain('/plum');
    person.type('p');
    await person.sees(/\/plum/);
    person.type('c');
    await person.sees(/sent to the clipboard/);
    expect(person.raw).toContain(`\u001b]52;c;${Buffer.from('https://demo.portico.test').toString('base64')}\u0007`);
    person.type('?');
    await person.sees(/filter the requests/);
    person.type('\u0003');
    expect(await person.exited).toBe(0);
  });
});

describe('keys that open something', () => {
  it('show the QR code of the URL, which a camera reads, and the inspector', async () => {
    const person = new Person(['http', await app(), '--subdomain', 'demo'], 100, 50);
    await person.sees(/demo\.portico\.test ->/);
    await person.sees(/^Web Interface {17}http:\/\/127\.0\.0\.1:\d+$/);
    await person.sees(/^q QR code {3}c copy URL {3}i inspector {3}\/ filter\s+\? all keys$/);
    person.type('q');
    const lines = await person.sees(/^[█▀▄ ]{25,}$/);
    const code = lines.filter((line) => /^[█▀▄ ]{25,}$/.test(line));
    // Two rows of modules a line: light is drawn, dark is left out.
    const isDark = (x: number, y: number): boolean =>
      !{ '█': [true, true], '▀': [true, false], '▄': [false, true], ' ': [false, false] }[code[y >> 1]?.[x] ?? ' ']?.[
        y % 2
      ];
    const { encode } = await import('uqr');
    const { data, size } = encode('https://demo.portico.test', { border: 2, ecc: 'L' });
    for (let y = 0; y < size; y += 1) for (let x = 0; x < size; x += 1) expect(isDark(x, y)).toBe(data[y]?.[x]);
    person.type('q');
    await person.sees(/^HTTP Requests/);
    person.type('i');
    await person.sees(/^The inspector is at http:\/\/127\.0\.0\.1:\d+$/);
    person.type('?');
    await person.sees(/^Enter {3}look at it$/);
    person.type('\u0003');
    expect(await person.exited).toBe(0);
  });

  it('choose a request, look at it and send it again', async () => {
    const port = await app();
    const person = new Person(['http', port, '--subdomain', 'demo'], 100, 40);
    await person.sees(/demo\.portico\.test ->/);
    const session = await server.until(() => server.live);
    for (const path of ['/one', '/missing']) {
      const visitor = session.visit({
        first: `GET ${path} HTTP/1.1\r\nhost: a\r\nx-mark: ${path}\r\nconnection: close\r\n\r\n`,
      });
      await visitor.ended;
      visitor.stream.end();
      await person.sees(new RegExp(`GET {5}${path}`));
    }
    person.type('\u001b[B');
    await person.sees(/^\d\d:\d\d:\d\d\.\d{3} ›GET {5}\/missing/);
    person.type('\u001b[B');
    await person.sees(/^\d\d:\d\d:\d\d\.\d{3} ›GET {5}\/one/);
    person.type('\r');
    const lines = await person.sees(/^GET \/one$/);
    expect(lines).toContain('  x-mark: /one');
    expect(lines).toContain('200 OK');
    person.type('\u001b');
    person.type('r');
    await person.sees(/last 3 of 3/);
    expect(person.lines.filter((line) => /GET {5}\/one/.test(line))).toHaveLength(2);
    person.type('\u0003');
    expect(await person.exited).toBe(0);
  });

  it('are not needed for the line that lets a public Host in', async () => {
    const http = createServer((_request, response) =>
      response.writeHead(403).end('Blocked request. This host ("demo.portico.test") is not allowed.'),
    );
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => http.close());
    const person = new Person(['http', String(portOf(http.address())), '--subdomain', 'demo'], 100, 30);
    await person.sees(/demo\.portico\.test ->/);
    server.live?.visit({ first: 'GET / HTTP/1.1\r\nhost: demo.portico.test\r\n\r\n' });
    await person.sees(
      /^! Vite refuses this Host\. In vite\.config: {2}server: \{ allowedHosts: \["demo\.portico\.test"\] \}$/,
    );
    person.type('\u0003');
    expect(await person.exited).toBe(0);
  });
});

describe('a narrow terminal', () => {
  it('of 60 columns has short labels, and follows when it is made wider', async () => {
    const person = new Person(['http', await app(), '--subdomain', 'demo'], 60, 24);
    const lines = await person.sees(/https:\/\/demo\.portico\.test/);
    expect(lines[0]).toMatch(/^portico {41}Ctrl\+C quits$/);
    expect(lines[1]).toBe('━'.repeat(60));
    expect(lines).toContain('Session Status  online');
    server.live?.visit({ first: 'GET /narrow HTTP/1.1\r\nhost: a\r\n\r\n' });
    await person.sees(/^\d\d:\d\d:\d\d {2}GET {3}\/narrow\s+200\s+\d+ ms$/);
    person.resize(100, 30);
    await person.sees(/^Session Status {16}online$/);
    await person.sees(/^━{100}$/);
    person.resize(40, 12);
    await person.sees(/^Session Status {2}online$/);
    expect(person.lines.join('\n')).not.toContain('Visitors');
    person.type('\u0003');
    expect(await person.exited).toBe(0);
  });
});

describe('a terminal while the server is out of reach', () => {
  /** Waits are drawn between 0 and up to 15 s: here they are short ones. */
  const impatient = { NODE_OPTIONS: '--import=data:text/javascript,Math.random=()=>0.02' };
  /** Without the countdown, which goes on. */
  const steady = (lines: readonly string[]): string[] =>
    lines.slice(0, 10).map((line) => line.replace(/try \d+ (in \d+ s|now)/, 'try N'));

  it('tells refused, silent and back apart, as it is drawn', async () => {
    await writeFile(
      join(home.path, 'agent.yml'),
      `version: 3\nagent: {authtoken: tok, connect_url: "${server.connectUrl}", connect_cas: ca.pem, connect_timeout: 1s, web_addr: false}\n`,
    );
    const port = await app();
    const person = new Person(['http', port, '--subdomain', 'demo'], 60, 24, impatient);
    await person.sees(/^Session Status {2}online$/);
    const at = await server.down();
    const screen = (...why: readonly string[]): string[] => [
      `portico${' '.repeat(41)}Ctrl+C quits`,
      `${'╌'.repeat(24)} ✕ ╌╌╌${'━'.repeat(30)}`,
      '╎ Visitors     ╎ Edge         ┃ Agent        ┃ Upstream',
      '',
      'Session Status  reconnecting, try N',
      ...why.map((line) => `${' '.repeat(16)}${line}`),
      'Forwarding      https://demo.portico.test',
      `${' '.repeat(16)}-> http://localhost:${port} (kept for you)`,
    ];
    const refused = screen(
      `localhost:${at} refuses connections`,
      '(ECONNREFUSED). Is the server running?',
      'DNS answers, TCP is refused',
    );
    expect(steady(await person.sees(/TCP is refused$/)).slice(0, refused.length)).toEqual(refused);

    const silent = createTcpServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(at, '127.0.0.1', resolve));
    const timedOut = screen(`No answer from localhost:${at} within 1 s.`, 'DNS answers, TCP connects, TLS times out');
    expect(steady(await person.sees(/TLS times out$/, 60_000)).slice(0, timedOut.length)).toEqual(timedOut);
    await new Promise<void>((resolve) => silent.close(() => resolve()));

    await server.listen(at);
    const back = await person.sees(/^Session Status {2}online$/, 60_000);
    expect(back[1]).toBe('━'.repeat(60));
    person.type('\u0003');
    expect(await person.exited).toBe(0);
  });

  it('names DNS where it has no answer, and a port that speaks no TLS', async () => {
    const agentOf = (connectUrl: string): Promise<void> =>
      writeFile(
        join(home.path, 'agent.yml'),
        `version: 3\nagent: {authtoken: tok, connect_url: "${connectUrl}", connect_cas: ca.pem, web_addr: false}\n`,
      );
    await agentOf('connect.nowhere.invalid:443');
    const lost = new Person(['http', '80'], 100, 24);
    await lost.sees(/^ +(network is (up|down), )?DNS (knows no such name|does not answer)$/);
    lost.type('\u0003');
    expect(await lost.exited).toBe(0);

    const closing = createTcpServer((socket) => socket.on('error', () => {}).end());
    await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => closing.close());
    await agentOf(`127.0.0.1:${portOf(closing.address())}`);
    const cut = new Person(['http', '80'], 100, 24);
    await cut.sees(/^ +TCP connects, TLS is cut$/);
    cut.type('\u0003');
    expect(await cut.exited).toBe(0);
  });
});

describe('a terminal that can or wants less', () => {
  it('gets no colours with NO_COLOR, and ASCII without UTF-8', async () => {
    const person = new Person(['http', await app()], 100, 30, { NO_COLOR: '1', LANG: 'C' });
    const lines = await person.sees(/Session Status\s+online/);
    expect(lines[2]).toBe('='.repeat(100));
    expect(person.raw).not.toMatch(/\u001b\[[0-9;]*m/);
    person.type('\u0003');
    expect(await person.exited).toBe(0);
  });

  it('gets plain log lines when it is dumb, or when it asks for them', async () => {
    for (const [args, env] of [
      [[], { TERM: 'dumb' }],
      [['--log', 'stdout', '--log-format', 'logfmt'], {}],
    ] as const) {
      const person = new Person(['http', '80', '--subdomain', 'demo', ...args], 200, 24, env);
      await person.sees(/started tunnel.* url=https:\/\/demo\.portico\.test/);
      expect(person.isOnSecondScreen).toBe(false);
      person.type('\u0003');
      expect(await person.exited).toBe(0);
    }
  });

  it('is given back before an error is shown', async () => {
    server.behaviour.refuseAuth = () => 'This token is unknown.\n\nERR_NGROK_107\n';
    const person = new Person(['http', '80'], 100, 30);
    expect(await person.exited).toBe(1);
    await person.sees(/^ERROR: {2}This token is unknown\.$/);
    await person.sees(/^ERROR: {2}ERR_NGROK_107$/);
    expect(person.isOnSecondScreen).toBe(false);
  });
});
