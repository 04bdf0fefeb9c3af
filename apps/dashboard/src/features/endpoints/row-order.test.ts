import type { LiveEndpoint } from '@portico/api-contract/dashboard';
import { describe, expect, it } from 'vitest';
import { orderRows } from './row-order.ts';

function endpoint(id: string, failing = false): LiveEndpoint {
  return {
    id,
    url: `https://${id}.example`,
    proto: 'https',
    kind: 'agent',
    name: '',
    metadata: '',
    forwardsTo: '',
    sessionId: '',
    startedAt: '2026-11-20T19:00:00.000Z',
    requests: 0,
    connections: 0,
    bytesIn: 0,
    bytesOut: 0,
    errors: 0,
    upstream: failing ? { kind: 'fails', since: '2026-11-20T19:00:00.000Z', code: 8012 } : { kind: 'unknown' },
  };
}

const ids = (rows: readonly LiveEndpoint[]) => rows.map((row) => row.id);

describe('the order of rows', () => {
  it('opens with what fails, then by address', () => {
    expect(ids(orderRows([endpoint('c'), endpoint('a'), endpoint('b', true)], []))).toEqual(['b', 'a', 'c']);
  });

  it('holds still when a row begins to fail, puts new rows on top and closes gaps', () => {
    const rows = [endpoint('a'), endpoint('c', true), endpoint('d'), endpoint('new')];
    expect(ids(orderRows(rows, ['a', 'b', 'c', 'd']))).toEqual(['new', 'a', 'c', 'd']);
  });
});
