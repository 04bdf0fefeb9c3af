import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@portico/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'portico-api-process-'));
});

afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

function run(env: Record<string, string> = {}): { child: ChildProcess; errors: () => string } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: database.url,
      PORTICO_DATA_DIR: folder,
      PORTICO_BOOTSTRAP_DIR: folder,
      PORTICO_API_PORT: '0',
      PORTICO_INTERNAL_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { child, errors: () => text };
}

describe('the process of the API', () => {
  it('says when it is ready and on which ports, and ends with 0 on SIGTERM, leaving open pages to end', async () => {
    const { child, errors } = run();
    const [message] = await once(child, 'message');
    expect(message).toEqual({ kind: 'ready', ports: { api: expect.any(Number), internal: expect.any(Number) } });
    const answer = await fetch(`http://127.0.0.1:${message.ports.api}/healthz`);
    expect(await answer.json()).toEqual({ ready: true });
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(errors()).not.toMatch(/pat_|pak_|pnc_|PRIVATE KEY/);
  });

  it('ends with 1 and names a setting that it cannot use', async () => {
    const { child, errors } = run({ PORTICO_API_PORT: 'eighty' });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(errors()).toContain('PORTICO_API_PORT is "eighty"; accepted: a port from 1 to 65535');
  });

  it('ends with 1 and names a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { child, errors } = run({ PORTICO_INTERNAL_PORT: String(port) });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(errors()).toContain(`port ${port} on 127.0.0.1 is taken`);
    await new Promise((resolve) => other.close(resolve));
  });

  it('ends with its parent', async () => {
    const { child } = run();
    await once(child, 'message');
    child.disconnect();
    // Node tells no 'close' of a child from which it was disconnected.
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
