import { describe, expect, it } from 'vitest';
import { AgentTokens, type BindClaim } from './agent-tokens.ts';
import { type BindKey, KeyRing } from './key-ring.ts';

const key = (id: string, createdAt: number): BindKey => ({ id, secret: Buffer.alloc(32, id), createdAt });
const claim: BindClaim = {
  bindId: 'b1',
  endpointId: 'ep_1',
  accountId: 'ac_1',
  name: 'https/a.test',
  optionsHash: 'h',
};

function setUp(keys = [key('k1', 1)]) {
  const ring = new KeyRing();
  ring.replace(keys);
  const clock = { now: 1_700_000_000_000 };
  return { ring, clock, tokens: new AgentTokens({ keys: ring, now: () => clock.now }) };
}

describe('bind tokens and cookies', () => {
  it('gives back what was signed', () => {
    const { tokens } = setUp();
    expect(tokens.readBindToken(tokens.bindToken(claim))).toEqual(claim);
  });

  it('refuses every text that differs in one character', () => {
    const { tokens } = setUp();
    const token = tokens.bindToken(claim);
    for (let i = 0; i < token.length; i += 1) {
      const other = token.charAt(i) === 'A' ? 'B' : 'A';
      const changed = `${token.slice(0, i)}${other}${token.slice(i + 1)}`;
      const read = tokens.readBindToken(changed);
      // The unused bits of the last base64 character carry no information: such a text is the same token.
      if (i === token.length - 1) continue;
      expect(read, `position ${i}`).toBeNull();
    }
  });

  it('takes no cookie for a bind token, nor the cookie of another client or account', () => {
    const { tokens } = setUp();
    const cookie = tokens.cookie('c1', 'ac_1');
    expect(tokens.readBindToken(cookie)).toBeNull();
    expect(tokens.isCookie(cookie, 'c1', 'ac_1')).toBe(true);
    expect(tokens.isCookie(cookie, 'c2', 'ac_1')).toBe(false);
    expect(tokens.isCookie(cookie, 'c1', 'ac_2')).toBe(false);
    expect(tokens.isCookie(tokens.bindToken(claim), 'c1', 'ac_1')).toBe(false);
  });

  it('verifies with an older key after rotation, and no longer once that key is gone', () => {
    const { ring, tokens } = setUp();
    const old = tokens.bindToken(claim);
    ring.replace([key('k1', 1), key('k2', 2)]);
    expect(tokens.readBindToken(old)).toEqual(claim);
    expect(tokens.bindToken(claim).split('.')[1]).toBe('k2');
    ring.replace([key('k2', 2)]);
    expect(tokens.readBindToken(old)).toBeNull();
  });

  it('expires after 30 days', () => {
    const { clock, tokens } = setUp();
    const token = tokens.bindToken(claim);
    clock.now += 30 * 86_400_000 - 2000;
    expect(tokens.readBindToken(token)).toEqual(claim);
    clock.now += 4000;
    expect(tokens.readBindToken(token)).toBeNull();
  });

  it.each(['', '.', 'v1...', 'v1.k1.e30.', 'v2.k1.e30.AAAA', 'x'.repeat(10_000)])('refuses %j', (text) => {
    expect(setUp().tokens.readBindToken(text)).toBeNull();
  });

  it('waits for the first key', async () => {
    const ring = new KeyRing();
    const ready = ring.whenReady(new AbortController().signal);
    ring.replace([key('k1', 1)]);
    await expect(ready).resolves.toBeUndefined();
    const stop = new AbortController();
    const never = new KeyRing().whenReady(stop.signal);
    stop.abort(new Error('closing'));
    await expect(never).rejects.toThrow('closing');
  });
});
