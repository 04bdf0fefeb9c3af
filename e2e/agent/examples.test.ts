import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endWithTests } from '../support/own-processes.ts';
import { checkout } from '../support/platform.ts';
import { visit, visitUntil } from '../support/visit.ts';

const folder = join(checkout, 'examples/embedded');

/** Every example runs as it is written, at a real edge. */
describe('the example', () => {
  let env: DevEnv;
  beforeAll(async () => {
    env = await startDevEnv();
  });
  afterAll(() => env.close());

  function start(
    args: readonly string[],
    more: Readonly<Record<string, string>> = {},
  ): {
    child: ChildProcess;
    output(): string;
    saw(pattern: RegExp): Promise<RegExpExecArray>;
    exited: Promise<number | null>;
  } {
    const child = spawn(process.execPath, [...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PORTICO_CONNECT_URL: env.connectUrl,
        PORTICO_CONNECT_CAS: env.caFile,
        PORTICO_AUTHTOKEN: env.authtoken,
        NO_COLOR: '1',
        ...more,
      },
    });
    endWithTests(child);
    let text = '';
    const looks = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        text += bytes.toString();
        for (const look of looks) look();
      });
    }
    const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
    const saw = (pattern: RegExp): Promise<RegExpExecArray> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(text);
          if (match !== null) resolve(match);
        };
        looks.add(look);
        look();
        void exited.then((code) => reject(new Error(`ended with ${code}:\n${text}`)));
      });
    return { child, output: () => text, saw, exited };
  }

  for (const [name, path, answer] of [
    ['express', '/hello/you', 'Hello you, from Express'],
    ['fastify', '/hello/you', '{"hello":"you","from":"Fastify"}'],
    ['forward', '/x', 'you asked for /x'],
  ] as const) {
    it(`${name} answers through its tunnel, and gives the URL back`, async () => {
      const { child, saw, exited } = start([`${name}.ts`]);
      const [, url = ''] = await saw(/public at (\S+)/);
      expect((await visit(env, url + path)).body.toString()).toBe(answer);
      child.kill('SIGINT');
      expect(await exited).toBe(0);
      await visitUntil(env, url, ({ status }) => status === 404);
    });
  }

  it('of the Vite plugin serves the page under the public Host', async () => {
    const vite = join(dirname(join(folder, 'node_modules/vite/package.json')), 'bin/vite.js');
    const { child, saw } = start([vite, '--config', 'vite.config.ts', '--clearScreen', 'false']);
    const [, url = ''] = await saw(/public at (\S+)/);
    const page = await visit(env, `${url}/`);
    expect(page.status).toBe(200);
    expect(page.body.toString()).toContain('Served by Vite, through a tunnel');
    child.kill('SIGTERM');
  });

  it('of vitest gets a webhook from outside', async () => {
    const helper = join(dirname(env.caFile), 'visit.mjs');
    await writeFile(
      helper,
      `import { request } from 'node:https';
import { readFileSync } from 'node:fs';
export const visit = (url, { method, body }) => new Promise((resolve, reject) => {
  const { hostname, pathname } = new URL(url);
  const asked = request({ host: '127.0.0.1', port: ${env.https.port}, servername: hostname, path: pathname, method, headers: { host: hostname }, ca: readFileSync(${JSON.stringify(env.caFile)}) }, (response) => response.resume().on('end', resolve));
  asked.on('error', reject);
  asked.end(body);
});
`,
    );
    const vitest = join(folder, 'node_modules/vitest/vitest.mjs');
    const { exited, output } = start([vitest, 'run', 'webhook.test.ts', '--root', folder], {
      PORTICO_VISIT: helper,
      VITEST: '',
    });
    expect({ code: await exited, output: output() }).toMatchObject({
      code: 0,
      output: expect.stringMatching(/1 passed/),
    });
  });
});
