import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const stepMs = 30_000;
const digits = 6;

/** A new secret of 160 bits, as base32: what apps for one-time codes take. */
export function newTotpSecret(): string {
  return base32(randomBytes(20));
}

/** What a QR code says to such an app. */
export function totpUri({ secret, email, issuer }: { secret: string; email: string; issuer: string }): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(email)}`;
  return `otpauth://totp/${label}?secret=${secret}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=${digits}&period=30`;
}

/**
 * The 30 seconds that a code is of: those of now, or one before or after, since clocks differ. Null when it is of
 * none. Whether the code was used before is for the caller to know (RFC 6238, section 5.2).
 */
export function totpStepOf(secret: string, code: string, at: Date): bigint | null {
  if (!/^\d{6}$/.test(code)) return null;
  const now = BigInt(Math.floor(at.getTime() / stepMs));
  let found: bigint | null = null;
  for (const step of [now, now - 1n, now + 1n]) {
    // All three are compared, so that time does not tell which one it was.
    if (timingSafeEqual(Buffer.from(totpCode(secret, step)), Buffer.from(code))) found ??= step;
  }
  return found;
}

/** RFC 4226, section 5.3, over the number of half minutes since 1970 (RFC 6238). */
export function totpCode(secret: string, step: bigint): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(step);
  const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const number = (mac.readUInt32BE(offset) & 0x7fffffff) % 10 ** digits;
  return String(number).padStart(digits, '0');
}

/** RFC 4648, section 6, without padding. */
export function base32(bytes: Uint8Array): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => ALPHABET.charAt(Number.parseInt(five.padEnd(5, '0'), 2))).join('');
}

function fromBase32(text: string): Buffer {
  let bits = '';
  for (const letter of text) bits += ALPHABET.indexOf(letter).toString(2).padStart(5, '0');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)));
}
