import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
let script: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portico-process-'));
  script = join(folder, 'stuck.mjs');
  const life = JSON.stringify(new URL('./process-life.ts', import.meta.url).href);
  const logger = JSON.stringify(new URL('./logger.ts', import.meta.url).href);
  writeFileSync(
    script,
    `import { createServer } from 'node:net';
     import { runProcess } from ${life};
     import { createLogger } from ${logger};
     // A socket that never closes, as it were: something keeps the process, and its end does not come.
     createServer().listen(0, '127.0.0.1');
     const start = async () => ({ ports: {}, close: () => new Promise(() => {}) });
     await runProcess(createLogger({ name: 'stuck', level: 'fatal' }), start, { closeWithinMs: 200 });`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a server process that cannot close', () => {
  it.each([
    ['whose parent is gone', (child: ReturnType<typeof fork>) => child.disconnect()],
    ['that is told to end', (child: ReturnType<typeof fork>) => child.kill('SIGTERM')],
  ])('%s ends all the same', async (_how, stop) => {
    const child = fork(script, { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await once(child, 'message');
    stop(child);
    expect(await ended).toEqual([1, null]);
  });
});
