import { describe, expect, it } from 'vitest';
import { cgroupLimitBytes, MemoryPressure } from './memory-pressure.ts';

describe('memory pressure', () => {
  it('is high above three quarters of the limit, looked at once a second', () => {
    let used = 74;
    const seen: boolean[] = [];
    const pressure = new MemoryPressure({
      limitBytes: 100,
      usedBytes: () => used,
      onChange: (isHigh) => seen.push(isHigh),
    });
    pressure.sweep(0);
    expect(pressure.isHigh).toBe(false);
    used = 76;
    pressure.sweep(500);
    expect(pressure.isHigh).toBe(false);
    pressure.sweep(1_000);
    expect(pressure.isHigh).toBe(true);
    used = 10;
    pressure.sweep(2_000);
    expect(seen).toEqual([true, false]);
  });

  it('is critical above nine tenths, at every look', () => {
    let used = 89;
    let calls = 0;
    const pressure = new MemoryPressure({
      limitBytes: 100,
      usedBytes: () => used,
      onCritical: () => {
        calls += 1;
      },
    });
    pressure.sweep(0);
    used = 91;
    for (const nowMs of [1_000, 1_500, 2_000]) pressure.sweep(nowMs);
    expect(calls).toBe(2);
  });

  it('stays as it is while it cannot be read, as without a free descriptor', () => {
    let used = (): number => 80;
    const pressure = new MemoryPressure({ limitBytes: 100, usedBytes: () => used() });
    pressure.sweep(0);
    used = () => {
      throw new Error('EMFILE: too many open files, uv_resident_set_memory');
    };
    pressure.sweep(2_000);
    expect(pressure.isHigh).toBe(true);
  });

  it('is not high in this process', () => {
    const pressure = new MemoryPressure();
    pressure.sweep(0);
    expect(pressure.isHigh).toBe(false);
    expect(cgroupLimitBytes()).toBeGreaterThan(process.memoryUsage.rss());
  });
});
