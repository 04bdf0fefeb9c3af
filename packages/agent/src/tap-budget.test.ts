import { describe, expect, it } from 'vitest';
import { CaptureStore } from './capture/capture-store.ts';
import { systemClock } from './clock.ts';
import { HttpTap } from './http-tap.ts';
import { BudgetTap, TapBudget } from './tap-budget.ts';

const get = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
const ok = (body = ''): Buffer => Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);

/** Streams under one budget, on a clock that stands still until it is moved. */
function setUp() {
  let nowMs = 1_000;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const captures = new CaptureStore();
  const budget = new TapBudget(clock);
  const passedMs: number[] = [];
  const stream = () =>
    new BudgetTap({
      budget,
      clock,
      makeTap: () => new HttpTap({ endpoint: 'web', clientIp: '192.0.2.1', clock, captures, onExchange: () => {} }),
      onPassedOver: () => captures.passOver(),
      onPassedOverEnd: (ms) => passedMs.push(ms),
    });
  const exchanges = (tap: BudgetTap, count: number, body = ''): void => {
    for (let i = 0; i < count; i += 1) {
      tap.request(get(`/${i}`));
      tap.response(ok(body));
    }
  };
  const advance = (ms: number): void => {
    nowMs += ms;
  };
  return { captures, stream, exchanges, passedMs, advance };
}

describe('looking at exchanges within a budget', () => {
  it('sees every one of a burst, and all of a page after a pause', () => {
    const { captures, stream, exchanges, advance } = setUp();
    const tap = stream();
    exchanges(tap, 1_000);
    expect([captures.total, captures.passedOver]).toEqual([1_000, 0]);
    advance(5_000);
    exchanges(stream(), 500);
    expect([captures.total, captures.passedOver]).toEqual([1_500, 0]);
  });

  it('counts what it passes over, and looks again at whole exchanges only', () => {
    const { captures, stream, exchanges, passedMs, advance } = setUp();
    const tap = stream();
    exchanges(tap, 1_200);
    expect([captures.total, captures.passedOver]).toEqual([1_000, 200]);
    expect(tap.isWatching).toBe(false);
    tap.request(Buffer.from('POST /long HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\n\r\n'));
    advance(1_000);
    tap.request(Buffer.from('0123456789'));
    // The answer comes before all of the request: what follows of it is no new exchange.
    tap.response(ok());
    tap.request(Buffer.from('0123456789'));
    expect([captures.total, captures.passedOver]).toEqual([1_000, 201]);
    tap.request(get('/again'));
    tap.response(ok('hello'));
    expect(captures.list({ limit: 1 })[0]).toMatchObject({ target: '/again', status: 200, state: 'done' });
    expect(passedMs).toHaveLength(201);
    expect(passedMs.at(-1)).toBe(1_000);
  });

  it('keeps looking at what it began to look at', () => {
    const { captures, stream, exchanges } = setUp();
    const early = stream();
    early.request(get('/slow'));
    exchanges(stream(), 1_500);
    early.response(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'));
    early.response(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab'));
    early.response(Buffer.from('cd'));
    expect(captures.list().at(-1)).toMatchObject({ target: '/slow', state: 'done', responseBytes: 4 });
  });

  it('spends bytes too: large bodies are looked at less often', () => {
    const { captures, stream, exchanges, advance } = setUp();
    const tap = stream();
    exchanges(tap, 100, 'x'.repeat(1024 * 1024));
    expect(captures.total).toBe(64);
    advance(1_000);
    exchanges(tap, 100, 'x'.repeat(1024 * 1024));
    expect(captures.total).toBe(68);
  });

  it('says that a request was cut while it passed', () => {
    const { stream, exchanges, passedMs } = setUp();
    exchanges(stream(), 1_000);
    const tap = stream();
    tap.request(get('/'));
    tap.closed(false);
    expect(passedMs).toHaveLength(1);
  });
});
