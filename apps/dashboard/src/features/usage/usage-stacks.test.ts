import { describe, expect, it } from 'vitest';
import type { UsageBucket } from './usage-days.ts';
import { stacksOf } from './usage-stacks.ts';

function bucket(day: number, url: string | null, requests: number): UsageBucket {
  const start = `2026-11-0${day}T00:00:00.000Z`;
  return { start, endpointId: url, url, requests, connections: 0, bytesIn: 0, bytesOut: 0, errors: 0 };
}

describe('days by endpoint', () => {
  const days = [bucket(1, null, 100), bucket(2, null, 0), bucket(3, null, 40)];

  it('name the busiest, and leave the rest of each day to the others', () => {
    const endpoints = [bucket(1, 'a', 60), bucket(3, 'a', 40), bucket(1, 'b', 30), bucket(1, 'b', 5)];
    expect(stacksOf(days, endpoints, 'requests')).toEqual([
      { url: 'a', total: 100, values: [60, 0, 40] },
      { url: 'b', total: 35, values: [35, 0, 0] },
      { url: null, total: 5, values: [5, 0, 0] },
    ]);
  });

  it('name no more than five, and nothing that had no traffic of this kind', () => {
    const endpoints = ['a', 'b', 'c', 'd', 'e', 'f'].map((url, at) => bucket(1, url, at + 1));
    expect(stacksOf(days, endpoints, 'requests').map(({ url }) => url)).toEqual(['f', 'e', 'd', 'c', 'b', null]);
    expect(stacksOf(days, endpoints, 'bytes')).toEqual([]);
  });
});
