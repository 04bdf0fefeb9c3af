import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrap, SealError, sealer } from './sealer.ts';

const master = randomBytes(32);
const { seal, open } = sealer(master);

describe('a sealed secret', () => {
  it('opens to what it was, for its own row', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3_000 }), fc.string(), (secret, row) => {
        expect(open(seal(secret, row), row).equals(Buffer.from(secret))).toBe(true);
      }),
    );
    expect(open(seal('-----BEGIN PRIVATE KEY-----', 'ca_1'), 'ca_1').toString()).toBe('-----BEGIN PRIVATE KEY-----');
  });

  it('shows nothing of the secret, and never looks the same twice', () => {
    const secret = 'PRIVATE KEY '.repeat(10);
    const sealed = seal(secret, 'row');
    expect(sealed.includes('PRIVATE KEY')).toBe(false);
    expect(sealed.equals(seal(secret, 'row'))).toBe(false);
  });

  it('does not open in another row or with another master key', () => {
    const sealed = seal('secret', 'row 1');
    expect(() => open(sealed, 'row 2')).toThrow(SealError);
    expect(() => sealer(randomBytes(32)).open(sealed, 'row 1')).toThrow('another master key');
  });

  it('does not open when any bit was changed, or anything cut off or added', () => {
    const sealed = seal('secret', 'row');
    for (let index = 0; index < sealed.length * 8; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index >> 3] = (changed[index >> 3] ?? 0) ^ (1 << (index & 7));
      expect(() => open(changed, 'row')).toThrow(SealError);
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => open(sealed.subarray(0, length), 'row')).toThrow(SealError);
    }
    expect(() => open(Buffer.concat([sealed, Buffer.from([0])]), 'row')).toThrow(SealError);
  });

  it('does not open when its content is that of another value of the same row', () => {
    const [one, two] = [seal('one', 'row'), seal('two', 'row')];
    expect(() => open(Buffer.concat([one.subarray(0, 69), two.subarray(69)]), 'row')).toThrow(SealError);
  });

  it('moves to another master key without being decrypted', () => {
    const next = randomBytes(32);
    const sealed = seal('secret', 'row');
    const moved = rewrap(sealed, 'row', master, next);
    expect(sealer(next).open(moved, 'row').toString()).toBe('secret');
    expect(() => open(moved, 'row')).toThrow(SealError);
    expect(moved.subarray(69).equals(sealed.subarray(69))).toBe(true);
    expect(() => rewrap(sealed, 'other row', master, next)).toThrow(SealError);
  });

  it('needs a master key of 32 bytes', () => {
    expect(() => sealer(randomBytes(16)).seal('secret', 'row')).toThrow(SealError);
  });
});
