import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadOrCreateMasterKey, MasterKeyError } from './master-key.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portico-key-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the master key', () => {
  it('is made once, for its owner alone, and then read', async () => {
    const file = join(folder, 'new', 'master.key');
    const key = await loadOrCreateMasterKey(file);
    expect(key.length).toBe(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await loadOrCreateMasterKey(file)).equals(key)).toBe(true);
    expect(await readdir(join(folder, 'new'))).toEqual(['master.key']);
  });

  it('is one and the same for all who make it at once', async () => {
    const file = join(folder, 'master.key');
    const keys = await Promise.all(Array.from({ length: 10 }, () => loadOrCreateMasterKey(file)));
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
  });

  it('is refused when others may read it', async () => {
    const file = join(folder, 'master.key');
    await loadOrCreateMasterKey(file);
    await chmod(file, 0o640);
    await expect(loadOrCreateMasterKey(file)).rejects.toThrow(`chmod 600 ${file}`);
  });

  it('is never replaced when the file holds something else', async () => {
    const file = join(folder, 'master.key');
    for (const text of ['', 'hello', 'portico-master-key-1:AAAA']) {
      await writeFile(file, text, { mode: 0o600 });
      await expect(loadOrCreateMasterKey(file)).rejects.toThrow(MasterKeyError);
    }
  });
});
