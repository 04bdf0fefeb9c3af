import { randomFillSync } from 'node:crypto';

/** The kinds of things that carry an id, by their prefix. */
export type IdPrefix =
  | 'ac'
  | 'ak'
  | 'appses'
  | 'appusr'
  | 'bot'
  | 'ca'
  | 'cert'
  | 'cr'
  | 'ed'
  | 'ep'
  | 'esb'
  | 'ev'
  | 'inv'
  | 'ipp'
  | 'ipr'
  | 'ipx'
  | 'mb'
  | 'nd'
  | 'op'
  | 'pt'
  | 'ra'
  | 'rd'
  | 'req'
  | 'secret'
  | 'service'
  | 'sshcr'
  | 'tn'
  | 'ts'
  | 'usr'
  | 'vault';

const EPOCH_S = 1_400_000_000;
const PAYLOAD_BYTES = 16;
const TEXT_LENGTH = 27;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Random bytes are drawn in batches: one system call for 256 ids. */
const pool = Buffer.alloc(PAYLOAD_BYTES * 256);
let poolUsed = pool.length;

/**
 * A new id: `prefix_` and a KSUID, 27 characters of base62 that sort by creation time (seconds).
 * 128 random bits make it unguessable.
 */
export function newId<P extends IdPrefix>(prefix: P, nowMs: number = Date.now()): `${P}_${string}` {
  return `${prefix}_${ksuid(nowMs)}`;
}

/** Whether `text` has the form of an id with this prefix. */
export function isId(prefix: IdPrefix, text: string): boolean {
  return (
    text.length === prefix.length + 1 + TEXT_LENGTH &&
    text.startsWith(`${prefix}_`) &&
    /^[0-9A-Za-z]+$/.test(text.slice(prefix.length + 1))
  );
}

/** The moment of an id's creation, in whole seconds since 1970. */
export function idTimeSeconds(id: string): number {
  let value = 0n;
  for (const character of id.slice(id.indexOf('_') + 1)) value = value * 62n + BigInt(ALPHABET.indexOf(character));
  return Number(value >> 128n) + EPOCH_S;
}

function ksuid(nowMs: number): string {
  if (poolUsed === pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const seconds = Math.floor(nowMs / 1000) - EPOCH_S;
  let value = (BigInt(seconds) << 128n) | (pool.readBigUInt64BE(poolUsed) << 64n) | pool.readBigUInt64BE(poolUsed + 8);
  poolUsed += PAYLOAD_BYTES;
  let text = '';
  for (let i = 0; i < TEXT_LENGTH; i += 1) {
    text = ALPHABET.charAt(Number(value % 62n)) + text;
    value /= 62n;
  }
  return text;
}
