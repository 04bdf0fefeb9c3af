import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

describe('a head of 10 MiB', () => {
  it('is not buffered: memory grows by less than 1 MiB', async () => {
    // In a process of its own: other tests' memory would be measured too.
    const program = fileURLToPath(new URL('./testing/large-head.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program]);
    const { rssGrowth, keptBytesMax }: { rssGrowth: number; keptBytesMax: number } = JSON.parse(stdout);
    expect(keptBytesMax).toBeLessThanOrEqual(64 * 1024);
    expect(rssGrowth).toBeLessThan(1024 * 1024);
  });
});
