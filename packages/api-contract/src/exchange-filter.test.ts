import { describe, expect, it } from 'vitest';
import {
  asksForContents,
  type FilteredLine,
  oldestAccepted,
  parseFilter,
  toggled,
  type Verdict,
  verdictOf,
} from './exchange-filter.ts';

const now = new Date('2026-11-21T12:10:00.000Z');
const line: FilteredLine = {
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
  agent: 'portico/1 (linux)',
  timing: { policy_ms: 1, tunnel_ms: 2, wait_ms: 200, total_ms: 251.4 },
  request_bytes: 1_000,
  response_bytes: 2_000_000,
  replay_of: null,
};

describe('a filter of exchanges', () => {
  it.each<[string, Verdict]>([
    ['', 'yes'],
    ['status:5xx', 'yes'],
    ['status:502', 'yes'],
    ['status:>=500', 'yes'],
    ['status:4xx', 'no'],
    ['-status:4xx', 'yes'],
    ['status:4xx status:5xx', 'yes'],
    ['-status:5xx', 'no'],
    ['method:post path:/cart', 'yes'],
    ['method:get', 'no'],
    ['cart', 'yes'],
    ['-cart', 'no'],
    ['-basket', 'unknown'],
    ['basket status:4xx', 'no'],
    ['basket status:5xx', 'unknown'],
    ['"shop.example.com/api"', 'yes'],
    ['"status:5xx"', 'unknown'],
    ['header:accept', 'unknown'],
    ['rule:deny', 'unknown'],
    ['since:15m', 'yes'],
    ['since:5m', 'no'],
    ['since:2026-11-21T11:00:00Z until:5m', 'yes'],
    ['until:1h', 'no'],
    ['since:yesterday', 'no'],
    ['basket', 'unknown'],
    ['duration:>200', 'yes'],
    ['duration:>0.2s', 'yes'],
    ['duration:<251ms', 'no'],
    ['size:>1.9MB', 'yes'],
    ['size:<2MB', 'no'],
    ['ip:203.0.113.', 'yes'],
    ['endpoint:shop', 'yes'],
    ['agent:linux', 'yes'],
    ['code:8012', 'yes'],
    ['code:ERR_NGROK_8012', 'yes'],
    ['outcome:cut', 'no'],
    ['replay:yes', 'no'],
    ['replay:no', 'yes'],
    ['status:', 'unknown'],
    ['duration:x', 'no'],
    ['http://x', 'unknown'],
  ])('%s', (field, expected) => {
    expect(verdictOf(parseFilter(field, now), line)).toBe(expected);
  });

  const contents = {
    fields: ['User-Agent', 'curl/8 (linux)', 'Authorization', '', 'Content-Type', 'text/html; charset=utf-8'],
    rules: ['deny', 'only for admins'],
  };
  it.each<[string, Verdict]>([
    ['curl', 'yes'],
    ['-curl', 'no'],
    ['basket', 'no'],
    ['"text/html; charset"', 'yes'],
    ['header:user-agent', 'yes'],
    ['header:user-agent=CURL', 'yes'],
    ['header:user-agent="curl/8 (linux)"', 'yes'],
    ['header:user=curl', 'no'],
    ['header:content-type=curl', 'no'],
    ['header:user-agent=curl header:content-type=html status:5xx', 'yes'],
    ['header:user-agent=curl header:content-type=json', 'no'],
    ['-header:x-none', 'yes'],
    ['rule:admins', 'yes'],
    ['rule:rate-limit', 'no'],
  ])('%s, by what is in it', (field, expected) => {
    expect(verdictOf(parseFilter(field, now), line, contents)).toBe(expected);
  });

  it('knows what it takes to decide, and how far back it can matter', () => {
    expect(asksForContents(parseFilter('status:5xx since:1h'))).toBe(false);
    expect(asksForContents(parseFilter('status:5xx cart'))).toBe(true);
    expect(oldestAccepted(parseFilter('since:15m since:1h', now), now)?.toISOString()).toBe('2026-11-21T11:55:00.000Z');
    expect(oldestAccepted(parseFilter('status:5xx', now), now)).toBeNull();
  });

  it('takes a term in, and out again', () => {
    expect(toggled('"a  b" x', 'x')).toBe('"a  b"');
    expect(toggled('cart', 'status:5xx')).toBe('cart status:5xx');
    expect(toggled('cart  status:5xx', 'status:5xx')).toBe('cart');
  });
});
