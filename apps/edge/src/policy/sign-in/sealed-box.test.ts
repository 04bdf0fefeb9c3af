import { randomBytes } from 'node:crypto';
import { CompactEncrypt } from 'jose';
import { describe, expect, it } from 'vitest';
import { type BindKey, KeyRing } from '../../session/key-ring.ts';
import { type SealContext, SealedBox } from './sealed-box.ts';

const context: SealContext = { purpose: 'session', accountId: 'ac_1', host: 'demo.example' };
const { signal } = new AbortController();

function key(id: string, createdAt: number): BindKey {
  return { id, secret: randomBytes(32), createdAt };
}

function boxWith(...keys: BindKey[]): SealedBox {
  const ring = new KeyRing();
  ring.replace(keys);
  return new SealedBox({ keys: ring });
}

describe('what browsers keep for us', () => {
  it('opens on every edge that has the same keys, after a restart and a rotation too', async () => {
    const [older, newer] = [key('a', 1), key('b', 2)];
    const text = await boxWith(older).seal(context, { hello: 'world' }, signal);
    expect(text).not.toContain('world');
    for (const box of [boxWith(older), boxWith(newer, older)]) {
      expect(await box.open(context, text, signal)).toEqual({ hello: 'world' });
      expect(await box.open(context, text, signal)).toEqual({ hello: 'world' });
    }
    expect(await boxWith(newer).open(context, text, signal)).toBeNull();
  });

  it('opens for nothing but what it was made for', async () => {
    const box = boxWith(key('a', 1));
    const text = await box.seal(context, { a: 1 }, signal);
    const others: SealContext[] = [
      { ...context, purpose: 'sign-in' },
      { ...context, accountId: 'ac_2' },
      { ...context, host: 'other.example' },
      { ...context, accountId: 'ac_1\ndemo.example', host: '' },
    ];
    for (const other of others) expect(await box.open(other, text, signal)).toBeNull();
  });

  it('stays closed when anything in it was changed', async () => {
    const box = boxWith(key('a', 1));
    const text = await box.seal(context, { a: 1 }, signal);
    for (let index = 0; index < text.length; index += 7) {
      const changed = `${text.slice(0, index)}${text[index] === 'A' ? 'B' : 'A'}${text.slice(index + 1)}`;
      expect(await box.open(context, changed, signal)).toBeNull();
    }
    for (const other of ['', 'a.b.c.d.e', '....', 'x'.repeat(100_000)]) {
      expect(await box.open(context, other, signal)).toBeNull();
    }
  });

  it('takes no other algorithm', async () => {
    const ring = new KeyRing();
    ring.replace([key('a', 1)]);
    const derived = ring.newestDerived('portico session v1\nac_1\ndemo.example');
    if (derived === null) throw new Error('no key');
    const other = await new CompactEncrypt(Buffer.from('{}'))
      .setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM', kid: 'a' })
      .encrypt(derived.key);
    expect(await new SealedBox({ keys: ring }).open(context, other, signal)).toBeNull();
  });

  it('is the same whether it was sealed at once or not', async () => {
    const box = boxWith(key('a', 1));
    expect(await box.open(context, box.sealNow(context, { text: 'grüße' }), signal)).toEqual({ text: 'grüße' });
    const other = box.sealNow({ ...context, host: 'other.example' }, {});
    expect(await box.open(context, other, signal)).toBeNull();
  });

  it('waits for the keys of an edge that has just started, no longer than the visitor', async () => {
    const ring = new KeyRing();
    const box = new SealedBox({ keys: ring });
    const stop = new AbortController();
    const given = box.seal(context, {}, stop.signal);
    const waiting = box.seal(context, {}, signal);
    stop.abort();
    await expect(given).rejects.toThrow();
    ring.replace([key('a', 1)]);
    expect(await waiting).toMatch(/^ey/);
  });
});
