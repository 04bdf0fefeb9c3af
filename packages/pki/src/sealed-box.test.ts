import { describe, expect, it } from 'vitest';
import { createBoxKey, sealToBox } from './sealed-box.ts';
import { SealError } from './sealer.ts';

describe('a box', () => {
  it('opens for its receiver, and each one is another', () => {
    const key = createBoxKey();
    const sealed = sealToBox(key.publicKey, 'a private key', 'a.example');
    expect(key.open(sealed, 'a.example').toString()).toBe('a private key');
    expect(sealed.equals(sealToBox(key.publicKey, 'a private key', 'a.example'))).toBe(false);
    expect(sealed.includes('a private key')).toBe(false);
  });

  it('opens for nobody else, for no other purpose, and not when a bit of it was changed', () => {
    const key = createBoxKey();
    const sealed = sealToBox(key.publicKey, 'x', 'a.example');
    expect(() => createBoxKey().open(sealed, 'a.example')).toThrow(SealError);
    expect(() => key.open(sealed, 'b.example')).toThrow(SealError);
    for (let at = 0; at < sealed.length; at += 7) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => key.open(changed, 'a.example')).toThrow(SealError);
    }
    expect(() => key.open(sealed.subarray(0, 30), 'a.example')).toThrow(SealError);
    expect(() => sealToBox('AAAA', 'x', 'a')).toThrow(SealError);
  });
});
