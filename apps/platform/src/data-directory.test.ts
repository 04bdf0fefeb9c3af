import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataDirectory } from './data-directory.ts';

describe('the data directory', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'portico-data-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is made, closed to others, and loses a stale ready file when it is claimed', () => {
    const path = join(root, 'a/b');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'ready.json'), '{}');
    const data = new DataDirectory(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    data.claim();
    expect(existsSync(data.readyFile)).toBe(false);
  });

  it('names the process that owns it', () => {
    new DataDirectory(root).claim();
    expect(() => new DataDirectory(root).claim()).toThrow(`already runs on ${root} as process ${process.pid}`);
  });

  it('is free again after a release, and after its owner was killed', async () => {
    const first = new DataDirectory(root);
    first.claim();
    first.release();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6); console.log("up")'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    writeFileSync(first.file('platform.pid'), `${child.pid} ${ticks}`);
    expect(() => new DataDirectory(root).claim()).toThrow(`as process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(() => new DataDirectory(root).claim()).not.toThrow();
  });

  it('does not take another program with a reused pid for its owner', () => {
    const data = new DataDirectory(root);
    writeFileSync(data.file('platform.pid'), `${process.pid} 1`);
    expect(() => data.claim()).not.toThrow();
  });

  it('ends processes that a killed platform left behind', async () => {
    const data = new DataDirectory(root);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6); console.log("up")'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    data.recordChildren([child.pid ?? 0]);
    const ended = once(child, 'exit');
    await data.endLeftovers();
    expect(await ended).toEqual([null, 'SIGKILL']);
  });

  it('says what to do when it cannot be written', () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    expect(() => new DataDirectory(join(file, 'sub'))).toThrow(/cannot be written by this user .*Set PORTICO_DATA_DIR/);
  });

  it('writes secrets for the owner only', () => {
    const data = new DataDirectory(root);
    data.writeSecret('x', 'secret');
    expect(statSync(data.file('x')).mode & 0o777).toBe(0o600);
  });
});
