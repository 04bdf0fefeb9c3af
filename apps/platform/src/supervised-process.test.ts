import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFile } from './log-file.ts';
import { SupervisedProcess } from './supervised-process.ts';

describe('a supervised process', () => {
  let root = '';
  let log: LogFile;
  let running: SupervisedProcess[] = [];
  const make = (source: string): SupervisedProcess => {
    const script = join(root, `${running.length}.mjs`);
    writeFileSync(script, source);
    const supervised = new SupervisedProcess({ name: 'part', script, environment: () => process.env, log });
    running.push(supervised);
    return supervised;
  };
  const serving =
    "import { writeSync } from 'node:fs'; writeSync(2, 'hello\\n'); setInterval(() => {}, 1e6); process.send({kind: 'ready', ports: {http: 81}});";

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'portico-supervised-'));
    log = new LogFile(join(root, 'part.log'));
  });
  afterEach(async () => {
    for (const supervised of running) await supervised.stop();
    running = [];
    log.close();
    rmSync(root, { recursive: true });
  });

  it('reports its ports once it serves, and logs what it says', async () => {
    const part = make(serving);
    expect(await part.start()).toEqual({ http: 81 });
    await part.stop();
    expect(readFileSync(log.path, 'utf8')).toContain('hello');
    expect(part.pid).toBeNull();
  });

  it('is started again with another pid when it is killed', async () => {
    const part = make(serving);
    await part.start();
    const first = part.pid ?? 0;
    const again = once(part, 'ready');
    process.kill(first, 'SIGKILL');
    await again;
    expect(part.pid).not.toBe(first);
    expect(part.pid).not.toBeNull();
  });

  it('gives the words of a failed start', async () => {
    const part = make("process.send({kind: 'failed', message: 'port 81 is taken'}, () => process.exit(1));");
    await expect(part.start()).rejects.toThrow('port 81 is taken');
  });

  it('gives the last line of a start that crashed', async () => {
    const part = make("console.error('Error: no such thing'); process.exit(3);");
    await expect(part.start()).rejects.toThrow('part ended with exit code 3: Error: no such thing');
  });
});
