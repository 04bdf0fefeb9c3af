import type { Exchange } from '@portico/agent';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { asciiGlyphs, makePaint, unicodeGlyphs } from './paint.ts';
import { renderScreen } from './render-screen.ts';
import type { ScreenView } from './screen-view.ts';

let nextId = 0;

function exchange(
  method: string,
  path: string,
  status: number | null,
  reason: string,
  durationMs: number | null,
  more: Partial<Exchange> = {},
): Exchange {
  nextId += 1;
  return {
    id: nextId,
    endpoint: 'web',
    clientIp: '192.0.2.1',
    startedAt: new Date(2026, 0, 2, 19, 4, 31, 902),
    method,
    path,
    upgrade: null,
    status,
    reason,
    durationMs,
    state: 'done',
    captureId: null,
    ...more,
  };
}

const session = {
  sessionId: 'ts_1',
  region: 'ams-1',
  accountName: 'Harbour Labs',
  planName: 'self-hosted',
  banner: null,
  serverVersion: '1',
};

const view: ScreenView = {
  now: new Date(2026, 0, 2, 19, 4, 32),
  state: { kind: 'online', session },
  retryInMs: null,
  connectUrl: 'connect.harbor.example:443',
  agentName: 'mira-mbp',
  version: '1.4.0',
  latencyMs: 24.2,
  upstreamMs: 2,
  upstreamFailure: null,
  webUrl: 'http://127.0.0.1:4040',
  finding: null,
  qr: null,
  selectedId: null,
  detail: null,
  endpoints: [
    {
      name: 'web',
      url: 'https://shop.harbor.example',
      forwardsTo: 'http://localhost:3000',
      isHttp: true,
      isOnline: true,
    },
    {
      name: 'db',
      url: 'tcp://3.tcp.harbor.example:20017',
      forwardsTo: 'localhost:5432',
      isHttp: false,
      isOnline: true,
    },
  ],
  figures: {
    total: 214,
    open: 3,
    rate1: 0.71,
    rate5: 0.38,
    rate15: 0.2,
    p50Ms: 20,
    p90Ms: 190,
    p95Ms: 200,
    p99Ms: 300,
    bytesIn: 0,
    bytesOut: 0,
  },
  exchanges: [
    exchange('POST', '/api/checkout', 422, 'Unprocessable Entity', 47),
    exchange('GET', '/cart/live', 101, 'Switching Protocols', null, { upgrade: 'websocket', state: 'open' }),
    exchange('GET', '/', 502, 'upstream refused', 2),
  ],
  exchangesTotal: 214,
  filter: '',
  isFiltering: false,
  isPaused: false,
  showsKeys: false,
  notice: '',
  leaving: null,
  isRestarting: false,
};

function draw(
  change: Partial<ScreenView>,
  columns: number,
  rows = 30,
  glyphs = unicodeGlyphs,
  colours = false,
): string[] {
  return renderScreen({ ...view, ...change }, { columns, rows, paint: makePaint(colours), glyphs });
}

describe('the screen at 100 columns', () => {
  it('shows the path, the rows, the figures and the requests', () => {
    expect(draw({}, 100).map((line) => line.trimEnd())).toEqual([
      `portico${' '.repeat(77)}(Ctrl+C to quit)`,
      '',
      '━'.repeat(100),
      '┃ Visitors               ┃ Edge                   ┃ Agent                  ┃ Upstream',
      '┃ 3 open                 ┃ ams-1 · 24 ms          ┃ mira-mbp               ┃ localhost:3000 · 2 ms',
      '',
      'Session Status                online',
      'Account                       Harbour Labs (Plan: self-hosted)',
      'Version                       1.4.0',
      'Region                        ams-1',
      'Latency                       24ms',
      'Web Interface                 http://127.0.0.1:4040',
      'Forwarding                    https://shop.harbor.example -> http://localhost:3000',
      'Forwarding                    tcp://3.tcp.harbor.example:20017 -> localhost:5432',
      '',
      'Connections                   ttl      opn      rt1      rt5      p50      p90',
      '                              214      3        0.71     0.38     0.02     0.19',
      '',
      `HTTP Requests${' '.repeat(74)}last 3 of 214`,
      '─'.repeat(100),
      '19:04:31.902  POST    /api/checkout                         422 Unprocessable Entity           47 ms',
      '19:04:31.902  WS      /cart/live                            101 Switching Protocols             open',
      '19:04:31.902  GET     /                                     502 upstream refused                2 ms',
      '',
      '',
      '',
      '',
      '',
      '',
      `q QR code   c copy URL   i inspector   / filter${' '.repeat(43)}? all keys`,
    ]);
  });

  it('says what fails where when the upstream refuses, and what to do', () => {
    const lines = draw({ upstreamFailure: 'connect ECONNREFUSED 127.0.0.1:3000' }, 100);
    expect(lines[2]).toMatch(/^━{69} ✕ ━{3}╌{25}$/);
    expect(lines[3]).toContain('╎ Upstream');
    expect(lines[4]).toContain('╎ :3000 · refuses');
    expect(lines.at(-2)).toBe('! localhost:3000 refuses connections. Is the app running, on this port?');
  });
});

describe('the screen at 60 columns', () => {
  it('shows the network gone, the reason, and what is kept', () => {
    const reason = 'No answer from connect.harbor.example:443';
    const reach = { network: 'up', dns: 'answers', tcp: 'silent', tls: 'untried' } as const;
    const lines = draw(
      { state: { kind: 'reconnecting', attempt: 3, inMs: 4000, reason, reach }, retryInMs: 3600, latencyMs: null },
      60,
    );
    expect(lines.slice(0, 12).map((line) => line.trimEnd())).toEqual([
      `portico${' '.repeat(41)}Ctrl+C quits`,
      `${'╌'.repeat(24)} ✕ ╌╌╌${'━'.repeat(30)}`,
      '╎ Visitors     ╎ Edge         ┃ Agent        ┃ Upstream',
      '',
      'Session Status  reconnecting, try 3 in 4 s',
      '                No answer from connect.harbor.example:443',
      '                network is up, DNS answers, TCP times out',
      'Web Interface   http://127.0.0.1:4040',
      'Forwarding      https://shop.harbor.example',
      '                -> http://localhost:3000 (kept for you)',
      'Forwarding      tcp://3.tcp.harbor.example:20017',
      '                -> localhost:5432 (kept for you)',
    ]);
    expect(lines).toContain('19:04:31  POST  /api/checkout               422        47 ms');
  });

  it('keeps the end of long paths', () => {
    const long = exchange('GET', `/static/${'very/'.repeat(20)}index-BX2l9.js`, 200, 'OK', 9);
    const line = draw({ exchanges: [long] }, 60).find((each) => each.includes('index-BX2l9.js'));
    expect(line).toMatch(/^19:04:31 {2}GET {3}….*index-BX2l9\.js\s+200\s+9 ms$/);
  });
});

describe('any screen', () => {
  it.each([20, 40, 59, 60, 80, 89, 90, 100, 200])(
    'is never wider or higher than the terminal at %i columns',
    (columns) => {
      const wide = exchange('PROPFIND', `/日本語/${'x'.repeat(300)}`, 200, 'OK '.repeat(40), 123_456);
      for (const rows of [4, 10, 24, 60]) {
        for (const state of [
          view.state,
          { kind: 'connecting' },
          { kind: 'reconnecting', attempt: 12, inMs: 1, reason: `${'long '.repeat(60)}\nmore`, reach: null },
          { kind: 'stopped', error: null },
        ] as const) {
          const lines = draw(
            { state, exchanges: [wide, ...view.exchanges], upstreamFailure: 'y'.repeat(400) },
            columns,
            rows,
            unicodeGlyphs,
            true,
          );
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) expect(stringWidth(line), line).toBeLessThanOrEqual(columns);
        }
      }
    },
  );

  it('lets nothing from a visitor or the server move the cursor', () => {
    const evil = '\u001b[2J\u001b]0;owned\u0007\r\n\u009b31m\u202e';
    const lines = draw(
      {
        exchanges: [exchange(`G${evil}`, `/${evil}`, 200, evil, 1)],
        state: { kind: 'online', session: { ...session, accountName: evil, region: evil, banner: evil } },
        filter: evil,
        upstreamFailure: evil,
      },
      120,
    );
    for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  it('uses colours only as an addition', () => {
    const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
    const coloured = draw({}, 100, 30, unicodeGlyphs, true).map((line) => line.replace(escapes, ''));
    expect(coloured).toEqual(draw({}, 100));
    expect(draw({}, 100, 30, unicodeGlyphs, true).join('')).toMatch(escapes);
  });

  it('is ASCII where the terminal may show no more', () => {
    for (const columns of [60, 100]) {
      const lines = draw({ upstreamFailure: 'connect ECONNREFUSED' }, columns, 30, asciiGlyphs);
      expect(lines.join('')).toMatch(/^[\x20-\x7e]*$/);
      expect(lines.some((line) => line.includes(' x '))).toBe(true);
    }
  });

  it('filters, pauses and shows its keys', () => {
    const filtered = draw({ filter: 'post 422', isFiltering: true }, 100);
    expect(filtered.filter((line) => line.startsWith('19:04'))).toHaveLength(1);
    expect(filtered.at(-1)).toBe('/post 422_');
    expect(draw({ isPaused: true }, 100).some((line) => line.includes('paused'))).toBe(true);
    const keys = draw({ showsKeys: true }, 100).join('\n');
    expect(keys).toContain('copy the URL');
    expect(keys).not.toContain('HTTP Requests');
  });

  it('says that it waits for what is in flight', () => {
    expect(draw({ leaving: 1, isRestarting: true }, 100).join('\n')).toContain('restarting, 1 connection finishes');
    expect(draw({ leaving: 2 }, 100).join('\n')).toContain('stopping, 2 connections finish (Ctrl+C again to cut)');
  });
});
