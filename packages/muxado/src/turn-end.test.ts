import { describe, expect, it } from 'vitest';
import { TurnEnd } from './turn-end.ts';

/** One turn that brings so many things: whether they left before its end. */
function turn(turnEnd: TurnEnd, things: number, bytes = 100): Promise<'at once' | 'at its end'> {
  return new Promise((resolve) => {
    setImmediate(() => {
      let isOver = false;
      // Immediates of one turn run in order: this one stands before that of `schedule`.
      setImmediate(() => {
        isOver = true;
      });
      turnEnd.schedule(() => {
        turnEnd.found(things, bytes);
        resolve(isOver ? 'at its end' : 'at once');
      });
    });
  });
}

async function turns(turnEnd: TurnEnd, count: number, things: number, bytes = 100): Promise<string[]> {
  const left: string[] = [];
  for (let i = 0; i < count; i += 1) left.push(await turn(turnEnd, things, bytes));
  return left;
}

describe('what gathers in a turn', () => {
  it('leaves at its end when turns bring much', async () => {
    expect(new Set(await turns(new TurnEnd(), 40, 2))).toEqual(new Set(['at its end']));
    expect(new Set(await turns(new TurnEnd(), 40, 1, 60_000))).toEqual(new Set(['at its end']));
  });

  it('leaves at once after turns that brought one small thing each, and waits now and then to see', async () => {
    const left = await turns(new TurnEnd(), 8 + 2 * 17, 1);
    const rounds = [...Array(16).fill('at once'), 'at its end'];
    expect(left).toEqual([...Array(8).fill('at its end'), ...rounds, ...rounds]);
  });

  it('waits again once a turn was seen to bring more', async () => {
    const turnEnd = new TurnEnd();
    await turns(turnEnd, 8, 1);
    expect(await turns(turnEnd, 20, 3)).toEqual([...Array(16).fill('at once'), ...Array(4).fill('at its end')]);
    expect(await turns(turnEnd, 8, 1)).toEqual(Array(8).fill('at its end'));
    expect(await turn(turnEnd, 1)).toBe('at once');
  });
});
