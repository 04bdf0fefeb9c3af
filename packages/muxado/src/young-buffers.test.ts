import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Lets 500 MiB of buffers pass beside a heap of some size, as bulk transfers do. */
const program = `
globalThis.heap = Array.from({ length: 100_000 }, (_, i) => ({ i, list: [i] }));
(async () => {
  if (process.argv[1] === 'young') (await import(process.argv[2])).collectBuffersYoung();
  for (let turn = 0; turn < 500; turn += 1) {
    for (let i = 0; i < 64; i += 1) Buffer.allocUnsafeSlow(16_384);
    await new Promise(setImmediate);
  }
})();
`;

function majorCollections(mode: 'young' | 'default'): number {
  const path = join(import.meta.dirname, 'young-buffers.ts');
  const { stdout } = spawnSync(process.execPath, ['--trace-gc', '-e', program, mode, path], { encoding: 'utf8' });
  return stdout.split('Mark-Compact').length - 1;
}

describe('buffers that pass', () => {
  it('are collected without marking the whole heap again and again', () => {
    const before = majorCollections('default');
    expect(before).toBeGreaterThanOrEqual(3);
    expect(majorCollections('young')).toBeLessThanOrEqual(before / 3);
  });
});
