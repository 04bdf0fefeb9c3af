import { describe, expect, it } from 'vitest';
import { daysUpTo, inCsv, totalOf, type UsageBucket } from './usage-days.ts';

const bucket = (start: string, requests: number, url: string | null = null): UsageBucket => ({
  start,
  url,
  endpointId: null,
  requests,
  connections: 1,
  bytesIn: 2,
  bytesOut: 3,
  errors: 0,
});

describe('usage by day', () => {
  it('has a bucket for each day, zero where nothing was reported', () => {
    const days = daysUpTo(
      [bucket('2026-11-20T00:00:00.000Z', 7)],
      new Date('2026-11-19T00:00:00Z'),
      new Date('2026-11-21T09:00:00Z'),
    );
    expect(days.map(({ start, requests }) => [start.slice(0, 10), requests])).toEqual([
      ['2026-11-19', 0],
      ['2026-11-20', 7],
      ['2026-11-21', 0],
    ]);
    expect(totalOf(days)).toMatchObject({ requests: 7, connections: 1, bytesIn: 2, bytesOut: 3 });
  });

  it('is exported with nothing that a spreadsheet would run', () => {
    const csv = inCsv([bucket('2026-11-20T00:00:00.000Z', 7, '=cmd,"x"')]);
    expect(csv).toBe(
      'day,url,requests,connections,bytes_in,bytes_out,errors\r\n2026-11-20,"\'=cmd,""x""",7,1,2,3,0\r\n',
    );
  });
});
