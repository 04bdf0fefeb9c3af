import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { ExchangeDetail } from './exchange.ts';
import { asCurl, asHar } from './export.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const exchange: ExchangeDetail = {
  id: 'req_1',
  created_at: '2026-11-21T12:00:00.000Z',
  endpoint_id: 'ep_1',
  url: 'https://*.example.com:8443',
  method: 'POST',
  host: 'shop.example.com',
  path: "/a?x=$(rm -rf /)&y='z'",
  status_code: 200,
  error_code: null,
  outcome: 'complete',
  client_ip: '203.0.113.7',
  http_version: '1.1',
  agent: null,
  region: 'local',
  timing: { policy_ms: null, tunnel_ms: 1, wait_ms: 20, total_ms: 30 },
  request_bytes: 4,
  response_bytes: 2,
  message_count: 0,
  replay_of: null,
  replayed_by: null,
  policy: null,
  request: {
    headers: [
      ['Host', 'shop.example.com'],
      ['Authorization', ''],
      ['X-Quote', "it's; `id`"],
      ['X-Empty', ''],
    ],
    trailers: [],
    body: base64("don't $HOME"),
    truncated: false,
  },
  response: { headers: [['Content-Type', 'text/plain']], trailers: [], body: base64('ok'), truncated: false },
  hiddenHeaders: ['authorization'],
};

describe('copy as curl', () => {
  it('is one command whose words a shell reads as they were', () => {
    const line = asCurl(exchange).replace(/^curl/, `printf '%s\\n'`);
    const words = execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' }).trimEnd().split('\n');
    expect(words).toEqual([
      "https://shop.example.com:8443/a?x=$(rm -rf /)&y='z'",
      '-X',
      'POST',
      '-H',
      'Authorization: HIDDEN',
      '-H',
      "X-Quote: it's; `id`",
      '-H',
      'X-Empty;',
      '--data-binary',
      "don't $HOME",
    ]);
  });
});

describe('HAR', () => {
  it('has request, response and times', () => {
    const { log } = JSON.parse(asHar([exchange]));
    expect(log.version).toBe('1.2');
    expect(log.entries[0]).toMatchObject({
      time: 30,
      request: { method: 'POST', postData: { text: "don't $HOME" }, queryString: [{ name: 'x' }, { name: 'y' }] },
      response: { status: 200, content: { mimeType: 'text/plain', text: 'ok', size: 2 } },
      timings: { wait: 20, receive: 10 },
    });
  });
});
