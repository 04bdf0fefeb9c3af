import { describe, expect, it } from 'vitest';
import { KeptLease } from './kept-lease.ts';

function keep(options: { ttlS: number; renew: () => Promise<boolean>; clock?: { ms: number } }) {
  const events: string[] = [];
  const { clock } = options;
  const lease = new KeptLease({
    id: 'l1',
    ttlS: options.ttlS,
    grantedAtMs: clock?.ms ?? performance.now(),
    renew: options.renew,
    revoke: async () => void events.push('revoke'),
    onEnd: () => events.push('end'),
    ...(clock === undefined ? {} : { nowMs: () => clock.ms }),
  });
  for (const event of ['late', 'renewed', 'lost'] as const) {
    lease.on(event, () => events.push(event));
  }
  return { lease, events, lost: new Promise<void>((resolve) => lease.on('lost', resolve)) };
}

const never = (): Promise<boolean> => new Promise(() => {});

describe('a kept lease', () => {
  it('is late and then lost when no renewal gets through, whether refused or unanswered', async () => {
    for (const renew of [never, () => Promise.reject(new Error('no route'))]) {
      const startedMs = performance.now();
      const { lease, events, lost } = keep({ ttlS: 0.3, renew });
      await lost;
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(299);
      expect(lease.state).toBe('lost');
      expect(events).toEqual(['late', 'lost', 'end']);
    }
  });

  it('is lost at once when the registry does not know it', async () => {
    const { events, lost } = keep({ ttlS: 3, renew: async () => false });
    await lost;
    expect(events).toEqual(['lost', 'end']);
  });

  it('is judged by the clock at every look, not only when a timer fires', () => {
    const clock = { ms: 0 };
    const { lease, events } = keep({ ttlS: 10, renew: never, clock });
    expect(lease.state).toBe('live');
    clock.ms = 8_100;
    expect(lease.state).toBe('late');
    clock.ms = 10_000;
    expect(lease.state).toBe('lost');
    expect(events).toEqual(['late', 'lost', 'end']);
    clock.ms = 0;
    expect(lease.state).toBe('lost');
  });

  it('is no longer late once a renewal gets through', async () => {
    let answers = false;
    const { lease, events } = keep({
      ttlS: 3,
      renew: async () => answers || Promise.reject(new Error('away')),
    });
    const renewed = new Promise<void>((resolve) => lease.on('renewed', resolve));
    lease.on('late', () => {
      answers = true;
    });
    await renewed;
    expect(lease.state).toBe('live');
    expect(events).toEqual(['late', 'renewed']);
    lease.abandon();
  });

  it('counts from when the renewal was sent, and is not revived by an answer that comes too late', async () => {
    const clock = { ms: 0 };
    let answer: (known: boolean) => void = () => {};
    const asked = Promise.withResolvers<void>();
    const { lease } = keep({
      ttlS: 0.3,
      clock,
      renew: () =>
        new Promise((resolve) => {
          answer = resolve;
          asked.resolve();
        }),
    });
    clock.ms = 100;
    await asked.promise;
    clock.ms = 299;
    answer(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(lease.state).toBe('live');
    // Sent at 100, so it ends at 400, not 299 + 300.
    clock.ms = 400;
    expect(lease.state).toBe('lost');

    const tooLate = Promise.withResolvers<boolean>();
    const late = keep({ ttlS: 0.3, clock, renew: () => tooLate.promise });
    clock.ms = 550;
    await new Promise((resolve) => setTimeout(resolve, 30));
    clock.ms = 701;
    tooLate.resolve(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(late.lease.state).toBe('lost');
  });

  it('tells a listener that comes after the loss', async () => {
    const { lease, lost } = keep({ ttlS: 1, renew: async () => false });
    await lost;
    await new Promise<void>((resolve) => lease.on('lost', resolve));
  });

  it('tells nobody anything after it was abandoned or revoked', async () => {
    const abandoned = keep({ ttlS: 0.1, renew: never });
    abandoned.lease.abandon();
    const revoked = keep({ ttlS: 0.1, renew: never });
    await revoked.lease.revoke();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(abandoned.events).toEqual(['end']);
    expect(revoked.events).toEqual(['end', 'revoke']);
    expect([abandoned.lease.state, revoked.lease.state]).toEqual(['ended', 'ended']);
  });
});
