import { describe, expect, it } from 'vitest';
import type { ExchangeLine } from './exchange.ts';
import { accepts, parseFilter, toggled } from './filter.ts';

const line: ExchangeLine = {
  id: 'req_1',
  created_at: '2026-11-21T12:00:00.000Z',
  endpoint_id: 'ep_1',
  url: 'https://shop.example.com',
  method: 'POST',
  host: 'shop.example.com',
  path: '/api/cart?id=7',
  status_code: 502,
  error_code: 'ERR_NGROK_8012',
  outcome: 'complete',
  client_ip: '203.0.113.7',
  http_version: '2',
  agent: 'portico/1 (linux)',
  region: 'local',
  timing: { policy_ms: 1, tunnel_ms: 2, wait_ms: 200, total_ms: 251.4 },
  request_bytes: 1_000,
  response_bytes: 2_000_000,
  message_count: 0,
  replay_of: null,
  replayed_by: null,
};

describe('a filter of exchanges', () => {
  it.each<[string, boolean]>([
    ['', true],
    ['status:5xx', true],
    ['status:502', true],
    ['status:>=500', true],
    ['status:4xx', false],
    ['-status:4xx', true],
    ['status:4xx status:5xx', true],
    ['-status:5xx', false],
    ['method:post path:/cart', true],
    ['method:get', false],
    ['cart', true],
    ['-cart', false],
    ['basket', false],
    ['duration:>200', true],
    ['duration:>0.2s', true],
    ['duration:<251ms', false],
    ['size:>1.9MB', true],
    ['size:<2MB', false],
    ['ip:203.0.113.', true],
    ['endpoint:shop', true],
    ['agent:linux', true],
    ['code:8012', true],
    ['code:ERR_NGROK_8012', true],
    ['outcome:cut', false],
    ['replay:yes', false],
    ['replay:no', true],
    ['status:', false],
    ['duration:x', false],
    ['http://x', false],
  ])('%s', (field, expected) => {
    expect(accepts(parseFilter(field), line)).toBe(expected);
  });

  it('takes a term in, and out again', () => {
    expect(toggled('cart', 'status:5xx')).toBe('cart status:5xx');
    expect(toggled('cart  status:5xx', 'status:5xx')).toBe('cart');
  });
});
