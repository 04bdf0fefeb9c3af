import { describe, expect, it } from 'vitest';
import { endsAtMs, parseSession, type Session, stateOf, wantsTouch } from './session.ts';

const session: Session = {
  v: 1,
  app: 'app',
  id: 'id',
  subject: 'sub',
  email: '',
  name: '',
  accessToken: '',
  refreshToken: '',
  idToken: '',
  accessExpiresMs: 0,
  signedInMs: 1_000_000,
  seenMs: 1_600_000,
  checkedMs: 1_000_000,
};
const rules = { maxMs: 1_000_000, idleMs: 300_000 };

describe('a session', () => {
  it('ends when it rests too long, and at its greatest age whatever happens', () => {
    expect(stateOf(session, rules, 1_899_999)).toBe('good');
    expect(stateOf(session, rules, 1_900_000)).toBe('timed-out');
    expect(stateOf({ ...session, seenMs: 1_999_999 }, rules, 1_999_999)).toBe('good');
    expect(stateOf({ ...session, seenMs: 1_999_999 }, rules, 2_000_000)).toBe('max-duration-reached');
    expect([endsAtMs(session, rules), endsAtMs({ ...session, seenMs: 1_999_999 }, rules)]).toEqual([
      1_900_000, 2_000_000,
    ]);
  });

  it('is written anew often enough to live on, and not for every request', () => {
    expect(wantsTouch(session, rules, 1_629_999)).toBe(false);
    expect(wantsTouch(session, rules, 1_630_000)).toBe(true);
    expect(wantsTouch(session, { ...rules, idleMs: 86_400_000 }, 1_660_000)).toBe(true);
  });

  it('is read back as it was, and nothing else is one', () => {
    expect(parseSession(JSON.parse(JSON.stringify(session)))).toEqual(session);
    for (const value of [
      null,
      1,
      'x',
      [],
      {},
      { ...session, v: 2 },
      { ...session, subject: 1 },
      { ...session, app: '' },
    ]) {
      expect(parseSession(value)).toBeNull();
    }
    expect(parseSession({ ...session, name: 5, signedInMs: 'x' })).toMatchObject({ name: '', signedInMs: 0 });
  });
});
