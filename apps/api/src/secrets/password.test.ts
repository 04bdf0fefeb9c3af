import { describe, expect, it } from 'vitest';
import { Passwords, PasswordsBusyError, passwordFault, randomPassword } from './password.ts';

const cheap = { memoryKiB: 64, passes: 1 };

describe('passwords', () => {
  it('are stored as argon2id with the cost they were made with, and checked by it', async () => {
    const stored = await new Passwords({ memoryKiB: 128, passes: 2 }).hash('a good long one');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=128,t=2,p=1\$/);
    const passwords = new Passwords(cheap);
    expect(await passwords.verify('a good long one', stored)).toBe(true);
    expect(await passwords.verify('a good long One', stored)).toBe(false);
  });

  it('of a user who does not exist are never right', async () => {
    const passwords = new Passwords(cheap);
    expect(await passwords.verify('anything at all', null)).toBe(false);
  });

  // Wants a machine with nothing else to do, hence only in the long run (reliability.md S3: ± 10 %).
  it.runIf(process.env.PORTICO_LONG === '1')('take as long to be wrong as a user takes to be unknown', async () => {
    const passwords = new Passwords({ memoryKiB: 65_536, passes: 3 });
    const stored = await passwords.hash('a good long one');
    const times = { known: [] as number[], unknown: [] as number[] };
    await passwords.verify('first', null);
    for (let i = 0; i < 21; i += 1) {
      for (const kind of ['known', 'unknown'] as const) {
        const began = performance.now();
        await passwords.verify('wrong one', kind === 'known' ? stored : null);
        times[kind].push(performance.now() - began);
      }
    }
    const median = (list: number[]) => list.toSorted((a, b) => a - b)[10] ?? 0;
    const ratio = median(times.known) / median(times.unknown);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.1);
  });

  it('are refused beyond a bound when too many come at once, and all others are served', async () => {
    const passwords = new Passwords(cheap);
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, () => passwords.hash('x'.repeat(20))));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.every((outcome) => outcome.reason instanceof PasswordsBusyError)).toBe(true);
    expect(outcomes.length - refused.length).toBe(103);
    expect(await passwords.hash('works again')).toContain('argon2id');
  });

  it('that the system makes pass its own rules and never come twice', async () => {
    const made = new Set(Array.from({ length: 200 }, randomPassword));
    expect(made.size).toBe(200);
    for (const password of made) expect(await passwordFault(password, 'owner@example.com')).toBeNull();
  });

  it.each([
    'short',
    'aaaaaaaaaaaaaaaa',
    'abababababab',
    '012345678901',
    'qwertyuiopas',
    'Password1234',
    'P@ssw0rd!!!!1',
    '1q2w3e4r5t6y',
    'Sunshine!2026',
    'margaret1234567',
    'mira.okafor123',
  ])('%s is refused', async (password) =>
    expect(await passwordFault(password, 'mira.okafor@example.com')).not.toBeNull(),
  );

  it.each(['tower of nine herons', 'пароль из двенадцати', '🦩🦩🦩 flamingos in a row', 'x7#kQ!m2pL9z'])(
    '%s is accepted',
    async (password) => expect(await passwordFault(password, 'mira@example.com')).toBeNull(),
  );
});
