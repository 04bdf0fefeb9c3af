import { describe, expect, it } from 'vitest';
import { Gate } from './gate.ts';

describe('a gate', () => {
  const patient = new AbortController().signal;

  it('lets no more through than it has places, and all in the end, in order', async () => {
    const gate = new Gate(3);
    let inside = 0;
    let most = 0;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const leave = await gate.enter(patient);
        inside += 1;
        most = Math.max(most, inside);
        order.push(index);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
        leave();
      }),
    );
    expect(most).toBe(3);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it('loses no place to those who give up', async () => {
    const gate = new Gate(1);
    const leave = await gate.enter(patient);
    const impatient = new AbortController();
    const waiting = gate.enter(impatient.signal);
    const next = gate.enter(patient);
    impatient.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(gate.enter(impatient.signal)).rejects.toThrow('enough');
    leave();
    (await next)();
    (await gate.enter(patient))();
  });
});
