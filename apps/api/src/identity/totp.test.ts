import { describe, expect, it } from 'vitest';
import { base32, newTotpSecret, totpCode, totpStepOf, totpUri } from './totp.ts';

/** RFC 6238, appendix B: SHA-1, the last six of its eight digits. */
const secret = base32(Buffer.from('12345678901234567890'));
const vectors = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
] as const;

describe('one-time codes', () => {
  it('are those of RFC 6238', () => {
    for (const [seconds, code] of vectors) {
      expect(totpCode(secret, BigInt(Math.floor(seconds / 30)))).toBe(code);
      expect(totpStepOf(secret, code, new Date(seconds * 1_000))).toBe(BigInt(Math.floor(seconds / 30)));
    }
  });

  it('are good half a minute before and after, and no longer', () => {
    const at = (seconds: number) => new Date((1_234_567_890 + seconds) * 1_000);
    const code = '005924';
    expect(totpStepOf(secret, code, at(-30))).not.toBeNull();
    expect(totpStepOf(secret, code, at(30))).not.toBeNull();
    expect(totpStepOf(secret, code, at(-60))).toBeNull();
    expect(totpStepOf(secret, code, at(60))).toBeNull();
  });

  it('of another form are none', () => {
    for (const text of ['', '00592', '0059240', '00592a', ' 05924', '٠٠٥٩٢٤']) {
      expect(totpStepOf(secret, text, new Date(1_234_567_890_000))).toBeNull();
    }
  });

  it('come of secrets of 160 bits, each its own', () => {
    const secrets = Array.from({ length: 50 }, newTotpSecret);
    expect(new Set(secrets).size).toBe(50);
    for (const text of secrets) expect(text).toMatch(/^[A-Z2-7]{32}$/);
  });

  it('are named to the app by issuer and address', () => {
    expect(totpUri({ secret, email: 'mira@harbor.example', issuer: 'Portico' })).toBe(
      `otpauth://totp/Portico:mira%40harbor.example?secret=${secret}&issuer=Portico&algorithm=SHA1&digits=6&period=30`,
    );
  });
});
