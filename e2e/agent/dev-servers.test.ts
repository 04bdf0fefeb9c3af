import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectAgent, type Finding } from '@portico/agent';
import { ConnectServer, deadPort } from '@portico/agent/testing';
import { createServer as createVite } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { long } from '../support/long.ts';
import { endWithTests } from '../support/own-processes.ts';
import { checkout } from '../support/platform.ts';

const run = promisify(execFile);
const hasPython = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;
const hasRails = spawnSync('rails', ['--version']).status === 0;

/** Development servers as they are, not their words as we know them. */
describe('a dev server that refuses the public Host', () => {
  let server: ConnectServer;
  let home: string;
  const cleanups: (() => Promise<unknown> | unknown)[] = [];
  beforeAll(async () => {
    server = await ConnectServer.start();
    home = await mkdtemp(join(tmpdir(), 'portico-dev-servers-'));
  });
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean();
  });
  afterAll(async () => {
    await server.close();
    await rm(home, { recursive: true, force: true });
  });

  /** What the agent finds out when a visitor asks for `path`. */
  async function finding(port: number, path: string, fields: readonly string[] = []): Promise<Finding> {
    const agent = connectAgent({
      connectUrl: server.connectUrl,
      ca: server.caPem,
      authtoken: 'tok',
      observeExchanges: true,
    });
    cleanups.push(() => agent.close());
    const found = new Promise<Finding>((resolve) => agent.once('finding', resolve));
    await agent.forward({ proto: 'http', name: 'web', upstream: `127.0.0.1:${port}` });
    const session = await server.until(() => server.live);
    const head = [`GET ${path} HTTP/1.1`, 'host: shop.portico.test', ...fields, 'connection: close'];
    const visitor = session.visit({ first: `${head.join('\r\n')}\r\n\r\n` });
    const answer = visitor.ended.then(
      (bytes) => bytes.toString('latin1').slice(0, 400),
      (error: unknown) => String(error),
    );
    // What was not recognised is shown, instead of a test that only takes too long.
    return Promise.race([
      found,
      answer.then(async (text) => {
        visitor.stream.end();
        await new Promise((resolve) => setTimeout(resolve, 5_000));
        throw new Error(`nothing was found out from:\n${text}`);
      }),
    ]);
  }

  /** Starts a program that listens on `port`; it ends with the test. */
  async function started(port: number, command: string, args: readonly string[], cwd: string): Promise<void> {
    const child = spawn(command, args, {
      cwd,
      stdio: 'ignore',
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', PYTHONPATH: join(home, 'python'), FORCE_COLOR: '0' },
    });
    endWithTests(child);
    const ended = new Promise<never>((_resolve, reject) =>
      child.once('exit', (code) => reject(new Error(`${command} ended with ${code}`))),
    );
    ended.catch(() => {});
    cleanups.push(() => child.kill('SIGKILL'));
    const listens = async (): Promise<void> => {
      while (!(await takes(port))) await new Promise((resolve) => setTimeout(resolve, 100));
    };
    await Promise.race([listens(), ended]);
  }

  it('Vite', async () => {
    const root = join(home, 'vite');
    await mkdir(root);
    await writeFile(join(root, 'index.html'), '<!doctype html>');
    const vite = await createVite({
      root,
      configFile: false,
      logLevel: 'silent',
      cacheDir: join(root, '.vite'),
      server: { host: '127.0.0.1', port: 0 },
    });
    cleanups.push(() => vite.close());
    await vite.listen();
    const address = vite.httpServer?.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await finding(port, '/')).toMatchObject({
      kind: 'host-refused',
      summary: 'Vite refuses this Host.',
      fix: 'In vite.config:  server: { allowedHosts: ["shop.portico.test"] }',
    });
  });

  it.skipIf(!long)(
    'Next, for what its development needs',
    async () => {
      const root = join(home, 'next');
      await mkdir(join(root, 'app'), { recursive: true });
      await symlink(join(checkout, 'apps/dashboard/node_modules'), join(root, 'node_modules'));
      await writeFile(join(root, 'package.json'), '{"private":true}');
      await writeFile(join(root, 'app/page.jsx'), 'export default function Page() { return <p>hi</p>; }\n');
      await writeFile(
        join(root, 'app/layout.jsx'),
        'export default function Layout({ children }) { return <html><body>{children}</body></html>; }\n',
      );
      const port = await deadPort();
      const script = join(root, 'node_modules/next/dist/bin/next');
      await started(port, process.execPath, [script, 'dev', '--webpack', '-p', String(port), '-H', '127.0.0.1'], root);
      const origin = ['origin: https://shop.portico.test'];
      expect(await finding(port, '/_next/static/chunks/main-app.js', origin)).toMatchObject({
        kind: 'origin-refused',
        fix: 'In next.config:  allowedDevOrigins: ["shop.portico.test"]',
      });
    },
    180_000,
  );

  it.skipIf(!long)(
    'webpack',
    async () => {
      const root = join(home, 'webpack');
      await mkdir(root);
      await writeFile(join(root, 'package.json'), '{"private":true}');
      await run(
        'npm',
        ['install', '--no-audit', '--no-fund', '--ignore-scripts', 'webpack@5', 'webpack-dev-server@5'],
        {
          cwd: root,
        },
      );
      await writeFile(join(root, 'index.js'), 'console.log(1);\n');
      const port = await deadPort();
      await writeFile(
        join(root, 'serve.cjs'),
        `const webpack = require('webpack');
const Server = require('webpack-dev-server');
const compiler = webpack({ mode: 'development', context: ${JSON.stringify(root)}, entry: './index.js' });
new Server({ port: ${port}, host: '127.0.0.1' }, compiler).start();
`,
      );
      await started(port, process.execPath, ['serve.cjs'], root);
      expect(await finding(port, '/')).toMatchObject({
        kind: 'host-refused',
        fix: 'In webpack.config:  devServer: { allowedHosts: ["shop.portico.test"] }',
      });
    },
    300_000,
  );

  it.skipIf(!long || !hasPython)(
    `Django${hasPython ? '' : ' (not run: python3 with pip is not installed)'}`,
    async () => {
      await run('python3', ['-m', 'pip', 'install', '-q', '--target', join(home, 'python'), 'django==5.2.19']);
      await writeFile(
        join(home, 'shop.py'),
        `import sys
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
common = ['django.middleware.common.CommonMiddleware']
settings.configure(DEBUG=True, SECRET_KEY='x', ROOT_URLCONF=__name__, MIDDLEWARE=common)
urlpatterns = [path('', lambda request: HttpResponse('hi'))]
from django.core.management import execute_from_command_line
execute_from_command_line(['shop', 'runserver', '--noreload', sys.argv[1]])
`,
      );
      const port = await deadPort();
      await started(port, 'python3', [join(home, 'shop.py'), `127.0.0.1:${port}`], home);
      expect(await finding(port, '/')).toMatchObject({
        kind: 'host-refused',
        summary: 'Django refuses this Host.',
        fix: 'In settings.py:  ALLOWED_HOSTS = ["shop.portico.test"]',
      });
    },
    300_000,
  );

  it.skipIf(!long || !hasRails)(
    `Rails${hasRails ? '' : ' (not run: rails is not installed)'}`,
    async () => {
      await run('rails', ['new', 'shop', '--minimal', '--skip-git'], { cwd: home });
      const port = await deadPort();
      await started(port, 'bin/rails', ['server', '-b', '127.0.0.1', '-p', String(port)], join(home, 'shop'));
      expect(await finding(port, '/')).toMatchObject({ kind: 'host-refused', summary: 'Rails refuses this Host.' });
    },
    600_000,
  );
});

function takes(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
