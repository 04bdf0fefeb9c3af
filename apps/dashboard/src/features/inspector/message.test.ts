import { describe, expect, it } from 'vitest';
import { accepted, holes, type Message, messagesMax, textOfMessage, withMessages } from './message.ts';

function message(number: number, changes: Partial<Message> & { text?: string } = {}): Message {
  const { text = `message ${number}`, ...rest } = changes;
  return {
    number,
    created_at: '2026-11-21T12:00:00.000Z',
    from: 'visitor',
    kind: 'text',
    bytes: text.length,
    payload: btoa(text),
    truncated: false,
    compressed: false,
    ...rest,
  };
}

describe('messages of a connection', () => {
  it('come once each, and the oldest leave when there are too many', () => {
    const first = withMessages([], [message(1), message(2)]);
    expect(withMessages(first, [message(2), message(3)]).map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(withMessages(first, [message(1)])).toBe(first);
    const many = Array.from({ length: messagesMax + 10 }, (_, at) => message(at + 1));
    expect(withMessages([], many)).toHaveLength(messagesMax);
    expect(withMessages([], many)[0]?.number).toBe(11);
  });

  it('show where some are missing', () => {
    expect(holes([message(3), message(4), message(10)], 12)).toEqual({ before: [2, 0, 5], after: 2 });
    expect(holes([], 4)).toEqual({ before: [], after: 4 });
  });

  it('are text when they are, JSON in lines, and hex when they are not', () => {
    expect(textOfMessage(message(1, { text: '{"a":1}' }))).toEqual({
      line: '{"a":1}',
      whole: '{\n  "a": 1\n}',
      isHex: false,
    });
    expect(textOfMessage(message(1, { kind: 'binary', text: 'abc' }))).toMatchObject({ line: '61 62 63', isHex: true });
    expect(textOfMessage(message(1, { compressed: true, text: '\u00ca' })).isHex).toBe(true);
    expect(textOfMessage(message(1, { text: '\u00ff\u00fe' })).isHex).toBe(true);
    expect(textOfMessage(message(1, { text: '' }))).toEqual({ line: '', whole: '', isHex: false });
  });

  it('say why a connection was closed', () => {
    expect(textOfMessage(message(1, { kind: 'close', text: '\u0003\u00e8bye' })).line).toBe('1000 bye');
    expect(textOfMessage(message(1, { kind: 'close', text: '' })).line).toBe('without a code');
  });

  it('are found by their side, their kind and their words', () => {
    const all = [
      message(1),
      message(2, { from: 'upstream', text: '{"A":"B"}' }),
      message(3, { kind: 'ping', text: '' }),
    ];
    const numbers = (from: 'all' | 'visitor' | 'upstream', word: string) =>
      accepted(all, from, word).map(({ number }) => number);
    expect(numbers('upstream', '')).toEqual([2]);
    expect(numbers('all', '"a": "b"')).toEqual([2]);
    expect(numbers('all', 'ping')).toEqual([3]);
    expect(numbers('visitor', 'nothing')).toEqual([]);
  });
});
