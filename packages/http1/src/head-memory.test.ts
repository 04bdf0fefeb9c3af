import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

interface Measured {
  readonly rssGrowth: number;
  readonly keptBytesMax: number;
}

/** In a process of its own: other tests' memory would be measured too. A small young generation, because its growth is
 * the garbage of any work, not memory that a head holds. */
async function measure(): Promise<Measured> {
  const program = fileURLToPath(new URL('./testing/large-head.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--max-semi-space-size=1', program]);
  return JSON.parse(stdout);
}

describe('a head of 10 MiB', () => {
  it('is not buffered: memory grows by less than 1 MiB while it comes', async () => {
    // The least of three: what else the process does only adds to it, a buffered head would be in all of them.
    const measured = [await measure(), await measure(), await measure()];
    for (const { keptBytesMax } of measured) expect(keptBytesMax).toBeLessThanOrEqual(64 * 1024);
    expect(Math.min(...measured.map(({ rssGrowth }) => rssGrowth))).toBeLessThan(1024 * 1024);
  });
});
