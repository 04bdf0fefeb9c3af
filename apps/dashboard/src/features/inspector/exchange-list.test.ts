import { describe, expect, it } from 'vitest';
import type { ExchangeLine } from './exchange.ts';
import { linesMax, withNewer } from './exchange-list.ts';

const at = (ms: number, id = `req_${ms}`): ExchangeLine => ({
  id,
  created_at: new Date(1_700_000_000_000 + ms).toISOString(),
  endpoint_id: 'ep_1',
  url: 'https://a.example.com',
  method: 'GET',
  host: 'a.example.com',
  path: '/',
  status_code: 200,
  error_code: null,
  outcome: 'complete',
  client_ip: '203.0.113.7',
  http_version: '1.1',
  agent: null,
  region: 'local',
  timing: { policy_ms: null, tunnel_ms: null, wait_ms: 1, total_ms: 1 },
  request_bytes: 0,
  response_bytes: 0,
  message_count: 0,
  replay_of: null,
  replayed_by: null,
});
const ids = (lines: readonly ExchangeLine[]): string[] => lines.map(({ id }) => id);

describe('the list of exchanges', () => {
  it('takes in newer ones in front, each once, whatever order they come in', () => {
    const had = [at(30), at(20), at(10)];
    expect(ids(withNewer(had, [at(40), at(50)]))).toEqual(['req_50', 'req_40', 'req_30', 'req_20', 'req_10']);
    expect(ids(withNewer(had, [at(40), at(25), at(30)]))).toEqual(['req_40', 'req_30', 'req_25', 'req_20', 'req_10']);
    expect(withNewer(had, [])).toBe(had);
  });

  it('keeps so many and no more', () => {
    let lines: readonly ExchangeLine[] = [];
    for (let batch = 0; batch < 25; batch += 1) {
      lines = withNewer(
        lines,
        Array.from({ length: 500 }, (_, index) => at(batch * 500 + index)),
      );
    }
    expect(lines).toHaveLength(linesMax);
    expect(lines[0]?.id).toBe('req_12499');
    expect(lines.at(-1)?.id).toBe('req_2500');
  });
});
