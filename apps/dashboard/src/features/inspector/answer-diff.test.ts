import { describe, expect, it } from 'vitest';
import { compareAnswers } from './answer-diff.ts';
import type { ExchangeDetail } from './exchange.ts';

const answer = (status: number, headers: [string, string][], body: string): ExchangeDetail => ({
  id: 'req_1',
  created_at: '2026-11-21T12:00:00.000Z',
  endpoint_id: 'ep_1',
  url: 'https://a.example.com',
  method: 'GET',
  host: 'a.example.com',
  path: '/',
  status_code: status,
  error_code: null,
  outcome: 'complete',
  client_ip: '203.0.113.7',
  http_version: '1.1',
  agent: null,
  region: 'local',
  timing: { policy_ms: null, tunnel_ms: null, wait_ms: 1, total_ms: 1 },
  request_bytes: 0,
  response_bytes: body.length,
  message_count: 0,
  replay_of: null,
  replayed_by: null,
  policy: null,
  request: null,
  response: { headers, trailers: [], body: Buffer.from(body).toString('base64'), truncated: false },
  hiddenHeaders: [],
});

describe('the difference of two answers', () => {
  it('compares JSON by value, whatever the order of its keys', () => {
    const a = answer(
      500,
      [
        ['Date', 'x'],
        ['A', '1'],
        ['C', 'c'],
      ],
      '{"x":{"y":1,"z":[1,2]},"gone":true}',
    );
    const b = answer(
      200,
      [
        ['date', 'y'],
        ['a', '1'],
        ['c', 'd'],
      ],
      '{"x":{"z":[1,3,4],"y":1}}',
    );
    expect(compareAnswers(a, b)).toEqual({
      sameHeaders: 1,
      differences: [
        { part: 'status', path: 'status', a: '500', b: '200' },
        { part: 'header', path: 'c', a: 'c', b: 'd' },
        { part: 'body', path: 'x.z[1]', a: '2', b: '3' },
        { part: 'body', path: 'x.z[2]', a: null, b: '4' },
        { part: 'body', path: 'gone', a: 'true', b: null },
      ],
    });
  });

  it('compares other texts by line, and finds nothing between equal ones', () => {
    const a = answer(200, [], 'one\ntwo');
    expect(compareAnswers(a, answer(200, [], 'one\nthree')).differences).toEqual([
      { part: 'body', path: 'line 2', a: 'two', b: 'three' },
    ]);
    expect(compareAnswers(a, a).differences).toEqual([]);
  });

  it('is bounded', () => {
    const long = Array.from({ length: 5_000 }, (_, at) => `${at}`).join('\n');
    expect(compareAnswers(answer(200, [], long), answer(200, [], '')).differences).toHaveLength(500);
  });
});
