import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { ConnectServer, deadPort, errorText, portOf } from '@portico/agent/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CliHome } from '../testing/cli-process.util.ts';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
let home: CliHome;
let server: ConnectServer;

beforeEach(async () => {
  home = await CliHome.make();
  cleanups.push(() => home.remove());
  server = await ConnectServer.start();
  cleanups.push(() => server.close());
});

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** A configuration of the test server; the paths in it are relative to the file. */
async function config(more = '', connectUrl = server.connectUrl): Promise<string> {
  await writeFile(join(home.path, 'ca.pem'), server.caPem);
  const path = join(home.path, 'agent.yml');
  await writeFile(
    path,
    `version: 3\nagent:\n  authtoken: tok\n  connect_url: "${connectUrl}"\n  connect_cas: ca.pem\n${more}`,
  );
  return path;
}

async function hello(): Promise<string> {
  const http = createServer((request, response) => response.end(`hello from ${request.url}`));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => http.close());
  return String(portOf(http.address()));
}

describe('portico http', () => {
  it('prints the URL in a log line, carries requests, and gives the name back at Ctrl-C', async () => {
    const port = await hello();
    const cli = home.start(['http', port, '--subdomain', 'demo', '--config', await config(), '--metadata', 'm']);
    const [line] = await cli.saw(/^.*msg="started tunnel".*$/m);
    expect(line).toMatch(
      new RegExp(
        `^t=\\S+ lvl=info msg="started tunnel" obj=tunnels name=command_line addr=http://localhost:${port} url=https://demo\\.portico\\.test$`,
      ),
    );
    const session = await server.until(() => server.live);
    expect(session.bindRequests[0]).toMatchObject({ proto: 'https', name: 'command_line', metadata: 'm' });
    const visitor = session.visit({ first: 'GET /x HTTP/1.1\r\nhost: demo.portico.test\r\nconnection: close\r\n\r\n' });
    expect((await visitor.ended).toString()).toContain('hello from /x');
    visitor.stream.end();
    await cli.saw(/msg="join connections" obj=join id=\w+ l=http:\/\/localhost:\d+ r=192\.0\.2\.7:4711/);
    cli.kill('SIGINT');
    expect(await cli.exited).toMatchObject({ code: 0, stderr: '' });
    expect(session.unbound).toHaveLength(1);
  });

  it('finishes what is in flight at SIGTERM, and cuts it at the second', async () => {
    const cuts: (() => void)[] = [];
    const http = createServer((request, response) => {
      response.write('begun ');
      if (request.url === '/slow') setTimeout(() => response.end('and finished'), 400);
      else cuts.push(() => response.end());
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => http.close());
    const port = String(portOf(http.address()));
    for (const path of ['/slow', '/never']) {
      const cli = home.start(['http', port, '--config', await config()]);
      await cli.saw(/url=https/);
      const session = await server.until(() => server.live);
      const visitor = session.visit({ first: `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n` });
      await visitor.saw('begun');
      cli.kill('SIGTERM');
      await server.until(() => session.unbound.length === 1);
      if (path === '/never') cli.kill('SIGTERM');
      else {
        expect((await visitor.ended).toString()).toContain('and finished');
        visitor.stream.end();
      }
      expect((await cli.exited).code).toBe(0);
      await server.until(() => session.end);
    }
    for (const cut of cuts) cut();
  });

  it('takes the token from flag before environment before file', async () => {
    const path = await config();
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(': tok', ': from-file'));
    server.behaviour.refuseAuth = () => errorText(107, { token: 'x' });
    const run = (args: string[], env: Record<string, string>) =>
      home.run(['http', '80', '--config', path, ...args], env);
    await run(['--authtoken', 'from-flag'], { PORTICO_AUTHTOKEN: 'from-env', NGROK_AUTHTOKEN: 'old-env' });
    await run([], { PORTICO_AUTHTOKEN: 'from-env', NGROK_AUTHTOKEN: 'old-env' });
    await run([], { NGROK_AUTHTOKEN: 'old-env' });
    await run([], {});
    expect(server.auths.map((auth) => auth.token)).toEqual(['from-flag', 'from-env', 'old-env', 'from-file']);
  });

  it.each([
    ['an unknown token', 107, { token: 'tok' }],
    ['a revoked token', 300, { token: 'tok' }],
  ] as const)('ends with exit code 1 and the code on the last line at %s', async (_case, code, details) => {
    server.behaviour.refuseAuth = () => errorText(code, details);
    const { code: exit, stderr } = await home.run(['http', '80', '--config', await config()]);
    expect(exit).toBe(1);
    expect(stderr).toMatch(/^ERROR: {2}\S/);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(`ERROR:  ERR_NGROK_${code}`);
    expect(server.auths).toHaveLength(1);
  });

  it('ends with exit code 1 when its name is taken', async () => {
    server.behaviour.refuseBind = () => errorText(334, { url: 'https://demo.portico.test' });
    const { code, stderr } = await home.run(['http', '80', '--subdomain', 'demo', '--config', await config()]);
    expect(code).toBe(1);
    expect(stderr).toContain('https://demo.portico.test is online already');
    expect(stderr.trimEnd().endsWith('ERROR:  ERR_NGROK_334')).toBe(true);
  });

  it('ends with exit code 1 at a server that cannot prove itself, and says how to trust it', async () => {
    const other = await ConnectServer.start();
    cleanups.push(() => other.close());
    const { code, stderr } = await home.run(['http', '80', '--config', await config('', other.connectUrl)]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/CA that is not trusted here/);
    expect(stderr).toMatch(/--ca-sha256/);
    expect(other.auths).toHaveLength(0);
  });

  it('never ends because the network is away, and comes back under its URL', async () => {
    const port = await server.down();
    const cli = home.start(['http', '80', '--config', await config('', `localhost:${port}`)]);
    await cli.saw(/lvl=warn msg="failed to reconnect session" obj=csess err="localhost:\d+ refuses connections/);
    await server.listen(port);
    const [, url] = await cli.saw(/msg="started tunnel".* url=(\S+)/);
    server.cut();
    await cli.saw(new RegExp(`msg="restarted tunnel".* url=${url}`));
    cli.kill('SIGINT');
    expect((await cli.exited).code).toBe(0);
  });

  it('says in its log when the upstream does not answer', async () => {
    const port = await deadPort();
    const cli = home.start(['http', String(port), '--config', await config()]);
    await cli.saw(/url=https/);
    server.live?.visit({ first: 'GET / HTTP/1.1\r\nhost: a\r\n\r\n' });
    await cli.saw(new RegExp(`lvl=warn msg="failed to open private leg".* err="connect ECONNREFUSED [^"]*:${port}"`));
    cli.kill('SIGTERM');
    expect((await cli.exited).code).toBe(0);
  });

  it('ends with exit code 0 when it is stopped from afar', async () => {
    const cli = home.start(['http', '80', '--config', await config()]);
    await cli.saw(/url=https/);
    expect(await server.live?.command(5, {})).toEqual({});
    expect((await cli.exited).code).toBe(0);
  });

  it('begins anew in its own process when it is restarted from afar: same id and URL, nothing cut', async () => {
    const finish = Promise.withResolvers<void>();
    const http = createServer((request, response) => {
      if (request.url !== '/slow') response.end(`quick ${request.url}`);
      else {
        response.write('begun ');
        void finish.promise.then(() => response.end('and finished'));
      }
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => http.close());
    const args = ['http', String(portOf(http.address())), '--config', await config(), '--metadata', 'the same'];
    const cli = home.start([...args, '--log', 'stdout', '--log-format', 'logfmt']);
    const [, url = ''] = await cli.saw(/url=(https:\S+)/);
    const old = await server.until(() => server.live);
    const visitor = old.visit({ first: 'GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n' });
    await visitor.saw('begun');
    expect(await old.command(4, {})).toEqual({});
    await server.until(() => old.unbound.length === 1);
    // It waits for what it carries, whatever that takes.
    expect(server.sessions).toEqual([old]);
    finish.resolve();
    expect((await visitor.ended).toString()).toContain('and finished');
    visitor.stream.end();
    const next = await server.until(() => server.sessions.find((each) => each !== old && each.binds.size === 1));
    expect(next.auth?.clientId).toMatch(/^\w+$/);
    expect(next.auth?.cookie).toBe(`cookie-of-${next.auth?.clientId}`);
    expect(next.bindRequests[0]).toMatchObject({
      metadata: 'the same',
      id: old.unbound[0],
      token: `token-${old.unbound[0]}`,
    });
    await cli.saw(new RegExp(`url=${url}[^]*url=${url}`));
    const again = next.visit({ first: 'GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n' });
    expect((await again.ended).toString()).toContain('quick /x');
    again.stream.end();
    // The same process: the signal reaches it, and its output is still ours.
    process.kill(cli.pid ?? 0, 'SIGINT');
    expect(await cli.exited).toMatchObject({ code: 0, stderr: '' });
    const { stdout } = await cli.exited;
    expect(stdout.match(/cmd=restart/g)).toHaveLength(1);
    expect(stdout).not.toContain(`token-${old.unbound[0]}`);
  });

  it('ends with the reason when the server takes its last endpoint away', async () => {
    const cli = home.start(['http', '80', '--config', await config()]);
    await cli.saw(/url=https/);
    server.live?.stopTunnel(server.live.bindId, 'The domain was given to somebody else.', 'ERR_NGROK_309');
    const { code, stderr } = await cli.exited;
    expect(code).toBe(1);
    expect(stderr).toBe('ERROR:  The domain was given to somebody else.\nERROR:\nERROR:  ERR_NGROK_309\n');
  });

  it('writes JSON lines, to a file that is its own', async () => {
    const log = join(home.path, 'agent.log');
    const cli = home.start([
      'http',
      '80',
      '--config',
      await config(),
      '--log',
      log,
      '--log-format',
      'json',
      '--log-level',
      'info',
    ]);
    await vi.waitFor(async () => expect(await readFile(log, 'utf8')).toContain('started tunnel'), { timeout: 10_000 });
    cli.kill('SIGINT');
    expect(await cli.exited).toMatchObject({ code: 0, stdout: '' });
    const lines = (await readFile(log, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({ lvl: 'info', msg: 'started tunnel', url: expect.stringMatching(/^https:/) }),
    );
    expect((await stat(log)).mode & 0o777).toBe(0o600);
  });

  it('never writes its token, cookie or keys', async () => {
    const path = await config();
    const cli = home.start(['http', '80', '--config', path, '--log-level', 'debug', '--authtoken', 'tok']);
    await cli.saw(/url=https/);
    const session = await server.until(() => server.live);
    const secrets = [`cookie-of-`, `token-${session.bindId}`];
    server.cut();
    await cli.saw(/restarted tunnel/);
    cli.kill('SIGINT');
    const { stdout, stderr } = await cli.exited;
    for (const secret of secrets) expect(stdout + stderr).not.toContain(secret);
    expect(stdout + stderr).not.toMatch(/\btok\b/);
  });
});

describe('portico tcp and tls', () => {
  it('ask for what their flags say', async () => {
    const path = await config();
    const tcp = home.start(['tcp', '22', '--url', 'tcp://localhost:20007', '--config', path]);
    await tcp.saw(/addr=localhost:22 url=tcp:\/\/localhost:20007/);
    expect(server.live?.bindRequests[0]).toMatchObject({ proto: 'tcp', rawOpts: { URL: 'tcp://localhost:20007' } });
    tcp.kill('SIGINT');
    expect((await tcp.exited).code).toBe(0);
    const tls = home.start(['tls', '443', '--hostname', 'tls.portico.test', '--config', path]);
    await tls.saw(/url=tls:\/\//);
    expect(server.live?.bindRequests[0]).toMatchObject({ proto: 'tls', rawOpts: { URL: 'tls.portico.test' } });
    tls.kill('SIGINT');
    expect((await tls.exited).code).toBe(0);
  });
});

describe('portico start', () => {
  it('opens endpoints and tunnels of the file', async () => {
    const path = await config(
      [
        'endpoints:',
        '  - {name: web, url: "https://shop.portico.test", upstream: {url: 3000}, description: d, traffic_policy: {on_http_request: []}}',
        'tunnels:',
        '  ssh: {proto: tcp, addr: 22}',
        '  app: {proto: http, addr: "localhost:8080", subdomain: app}',
        '',
      ].join('\n'),
    );
    const cli = home.start(['start', '--all', '--config', path]);
    const session = await server.until(() => (server.live?.binds.size === 3 ? server.live : null));
    const byName = Object.fromEntries(session.bindRequests.map((bind) => [bind.name, bind]));
    expect(byName.web).toMatchObject({ proto: 'https', description: 'd', forwardsTo: 'http://localhost:3000' });
    expect(byName.web?.rawOpts).toMatchObject({
      URL: 'https://shop.portico.test',
      TrafficPolicy: '{"on_http_request":[]}',
    });
    expect(byName.ssh).toMatchObject({ proto: 'tcp', forwardsTo: 'localhost:22' });
    expect(byName.app?.rawOpts).toMatchObject({ Subdomain: 'app' });
    cli.kill('SIGINT');
    expect((await cli.exited).code).toBe(0);
    expect(session.unbound).toHaveLength(3);
  });
});

describe('a configuration that changes', () => {
  const endpoints = (lines: readonly string[]): string =>
    ['endpoints:', ...lines.map((line) => `  - ${line}`), ''].join('\n');
  const web = '{name: web, url: "https://web.portico.test", upstream: {url: 3000}}';

  it('opens what is new, closes what is gone, opens anew what changed, and leaves the rest alone', async () => {
    const path = await config(
      endpoints([
        web,
        '{name: old, url: "https://old.portico.test", upstream: {url: 3001}}',
        '{name: changed, url: "https://changed.portico.test", upstream: {url: 3002}}',
      ]),
    );
    const cli = home.start(['start', '--all', '--config', path]);
    const session = await server.until(() => (server.live?.binds.size === 3 ? server.live : null));
    await config(
      endpoints([
        web,
        '{name: changed, url: "https://changed.portico.test", upstream: {url: 4002}}',
        '{name: new, url: "https://new.portico.test", upstream: {url: 3003}}',
      ]),
    );
    await cli.saw(/msg="configuration read again" obj=config endpoints=3 changed=2/);
    expect(session.bindRequests.map(({ name, forwardsTo }) => [name, forwardsTo]).slice(3)).toEqual([
      ['changed', 'http://localhost:4002'],
      ['new', 'http://localhost:3003'],
    ]);
    expect(session.unbound).toHaveLength(2);
    expect(server.live).toBe(session);
    // A fault in the file changes nothing.
    await config(endpoints(['{name: web, upstream: {url: 0}}', '{nme: x}']));
    await cli.saw(/lvl=eror msg="configuration not taken over" obj=config err=".*unknown key/);
    expect(session.unbound).toHaveLength(2);
    await config(endpoints([web]));
    await cli.saw(/endpoints=1 changed=0/);
    await server.until(() => session.unbound.length === 4);
    cli.kill('SIGHUP');
    await cli.saw(/endpoints=1 changed=0[\s\S]*endpoints=1 changed=0/);
    cli.kill('SIGINT');
    expect((await cli.exited).code).toBe(0);
  });
});

describe('portico start --none', () => {
  it('connects and opens what the local API is told to', async () => {
    const path = await config('  web_addr: "127.0.0.1:0"\n');
    const cli = home.start(['start', '--none', '--config', path, '--metadata', 'mine']);
    const [, addr] = await cli.saw(/obj=web addr=(\S+)/);
    await server.until(() => server.live);
    expect(server.auths[0]).toMatchObject({ metadata: 'mine' });
    const made = await fetch(`http://${addr}/api/tunnels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'late', proto: 'http', addr: 3000, subdomain: 'late' }),
    });
    expect(made.status).toBe(201);
    await cli.saw(
      /msg="started tunnel" obj=tunnels name=late addr=http:\/\/localhost:3000 url=https:\/\/late\.portico\.test/,
    );
    expect((await fetch(`http://${addr}/api/tunnels/late`, { method: 'DELETE' })).status).toBe(204);
    cli.kill('SIGINT');
    expect((await cli.exited).code).toBe(0);
  });
});

describe('older flags', () => {
  it('work, and say on stderr what is written today', async () => {
    const path = await config();
    const cli = home.start(['http', '3000', '--region', 'eu', '--hostname', 'old.portico.test', '--config', path]);
    await cli.saw(/url=https:\/\/old\.portico\.test/);
    cli.kill('SIGINT');
    const { code, stderr } = await cli.exited;
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr:
        'NOTICE: --hostname still works; today it is --url.\nNOTICE: --region has no effect: your server is where you run it.\n',
    });
  });
});

describe('portico config', () => {
  it('stores a token that the next command uses, readable by its owner alone', async () => {
    const saved = await home.run(['config', 'add-authtoken', 'tok']);
    const path = join(home.path, '.config', 'portico', 'portico.yml');
    expect(saved).toMatchObject({ code: 0, stdout: `Authtoken saved to configuration file: ${path}\n` });
    expect(await readFile(path, 'utf8')).toBe('version: 3\nagent:\n  authtoken: tok\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await home.run(['config', 'check'])).toMatchObject({
      code: 0,
      stdout: `Valid configuration file at ${path}\n`,
    });
  });

  it('keeps comments and other keys, also of version 2', async () => {
    const path = join(home.path, 'two.yml');
    await writeFile(
      path,
      '# mine\nversion: 2 # old\nauthtoken: old\nregion: eu\ntunnels:\n  web: {proto: http, addr: 80} # web\n',
    );
    expect((await home.run(['config', 'add-authtoken', 'new', '--config', path])).code).toBe(0);
    expect(await readFile(path, 'utf8')).toBe(
      '# mine\nversion: 2 # old\nauthtoken: new\nregion: eu\ntunnels:\n  web: { proto: http, addr: 80 } # web\n',
    );
  });

  it('does not touch a file that is not valid', async () => {
    const path = join(home.path, 'bad.yml');
    await writeFile(path, 'version: 3\nagnet: {}\n');
    const { code, stderr } = await home.run(['config', 'add-authtoken', 'tok', '--config', path]);
    expect(code).toBe(1);
    expect(stderr).toContain('unknown key "agnet"');
    expect(await readFile(path, 'utf8')).toBe('version: 3\nagnet: {}\n');
  });

  it('trusts a server by the fingerprint of its root, and connects with nothing else said', async () => {
    await home.run(['config', 'add-authtoken', 'tok']);
    const saved = await home.run([
      'config',
      'add-connect-url',
      server.connectUrl,
      '--ca-sha256',
      server.rootFingerprint,
    ]);
    expect(saved).toMatchObject({ code: 0, stderr: '' });
    expect(saved.stdout).toContain('proved itself by the root Portico test root');
    const cli = home.start(['http', '80']);
    await cli.saw(/url=https/);
    cli.kill('SIGINT');
    expect((await cli.exited).code).toBe(0);
  });

  it('takes the fingerprint in any usual form, and the CA as a file', async () => {
    const plain = server.rootFingerprint.replaceAll(':', '').toLowerCase();
    expect(
      (await home.run(['config', 'add-server-addr', server.connectUrl, '--ca-sha256', `sha256:${plain}`])).code,
    ).toBe(0);
    await config();
    expect(
      (await home.run(['config', 'add-connect-url', server.connectUrl, '--ca', join(home.path, 'ca.pem')])).code,
    ).toBe(0);
  });

  it('stores nothing for a server that is not the one meant', async () => {
    const other = await ConnectServer.start();
    cleanups.push(() => other.close());
    await writeFile(join(home.path, 'other.pem'), other.caPem);
    const path = join(home.path, '.config', 'portico', 'portico.yml');
    const tries: [string[], RegExp][] = [
      [['--ca-sha256', other.rootFingerprint], /did not send a certificate with this fingerprint/],
      [['--ca', join(home.path, 'other.pem')], /CA that is not trusted here/],
      [[], /CA that this system does not know[\s\S]*--ca-sha256 FINGERPRINT/],
    ];
    for (const [flags, reason] of tries) {
      const { code, stderr } = await home.run(['config', 'add-connect-url', server.connectUrl, ...flags]);
      expect({ flags, code }).toEqual({ flags, code: 1 });
      expect(stderr).toMatch(reason);
      expect(stderr).not.toContain(server.rootFingerprint);
      await expect(stat(path)).rejects.toThrow('ENOENT');
    }
  });

  it('does not trust a leaf that was given for a root', async () => {
    const { X509Certificate } = await import('node:crypto');
    const { connect } = await import('node:tls');
    const leaf = await new Promise<string>((resolve) => {
      const socket = connect(
        { port: server.port, host: '127.0.0.1', servername: 'localhost', ca: server.caPem },
        () => {
          resolve(new X509Certificate(socket.getPeerCertificate().raw).fingerprint256);
          socket.destroy();
        },
      );
    });
    const { code, stderr } = await home.run(['config', 'add-connect-url', server.connectUrl, '--ca-sha256', leaf]);
    expect(code).toBe(1);
    expect(stderr).toContain('which is no root');
  });
});
