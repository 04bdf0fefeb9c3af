import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MiB = 1024 * 1024;

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
    // Up to three tries: what else the process does can only add to it, a buffered head would show in all of them.
    let rssGrowth = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3 && rssGrowth >= MiB; i++) {
      const measured = await measure();
      expect(measured.keptBytesMax).toBeGreaterThan(0);
      expect(measured.keptBytesMax).toBeLessThanOrEqual(64 * 1024);
      rssGrowth = measured.rssGrowth;
    }
    expect(rssGrowth).toBeLessThan(MiB);
  });
});
