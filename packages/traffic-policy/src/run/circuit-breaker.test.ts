import { describe, expect, it } from 'vitest';
import { CircuitBreaker } from './circuit-breaker.ts';

const config = { errorThreshold: 0.5, volumeThreshold: 10, windowMs: 10_000, trippedMs: 5_000, enforce: true };

function breaker(): {
  circuit: CircuitBreaker;
  clock: { nowMs: number };
  send: (failed: boolean, times?: number) => void;
} {
  const clock = { nowMs: 50_000 };
  const circuit = new CircuitBreaker(config, () => clock.nowMs);
  const send = (failed: boolean, times = 1): void => {
    for (let time = 0; time < times; time += 1) if (circuit.allow()) circuit.record(failed);
  };
  return { circuit, clock, send };
}

describe('a circuit breaker', () => {
  it('opens when half of ten requests failed, not before', () => {
    const { circuit, send } = breaker();
    send(false, 5);
    send(true, 4);
    expect(circuit.allow()).toBe(true);
    circuit.record(true);
    expect(circuit.state).toMatchObject({ kind: 'open' });
    expect(circuit.allow()).toBe(false);
  });

  it('stays closed below the volume and below the share', () => {
    const { circuit, send } = breaker();
    send(true, 9);
    expect(circuit.state.kind).toBe('closed');
    const other = breaker();
    other.send(false, 30);
    other.send(true, 29);
    expect(other.circuit.state.kind).toBe('closed');
    other.send(true, 1);
    expect(other.circuit.state.kind).toBe('open');
  });

  it('forgets what is older than its window', () => {
    const { circuit, clock, send } = breaker();
    send(true, 9);
    clock.nowMs += 11_000;
    send(false, 1);
    expect(circuit.counts()).toEqual({ total: 1, failed: 0 });
    expect(circuit.state.kind).toBe('closed');
  });

  it('tries one request after a while: a good one closes, a bad one opens again', () => {
    const { circuit, clock, send } = breaker();
    send(true, 10);
    clock.nowMs += 4_999;
    expect(circuit.wouldAllow()).toBe(false);
    clock.nowMs += 1;
    expect(circuit.wouldAllow()).toBe(true);
    expect([circuit.allow(), circuit.allow()]).toEqual([true, false]);
    circuit.record(true);
    expect(circuit.allow()).toBe(false);
    clock.nowMs += 5_000;
    expect(circuit.allow()).toBe(true);
    circuit.record(false);
    expect(circuit.state.kind).toBe('closed');
    expect(circuit.counts()).toEqual({ total: 0, failed: 0 });
  });

  it('tries again when the trial never came back', () => {
    const { circuit, clock, send } = breaker();
    send(true, 10);
    clock.nowMs += 5_000;
    expect(circuit.allow()).toBe(true);
    expect(circuit.allow()).toBe(false);
    clock.nowMs += 5_000;
    expect(circuit.allow()).toBe(true);
  });
});
