import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a secret is for; each kind has a prefix of its own, which scanners for leaked secrets can look for. */
export type TokenKind = 'authtoken' | 'api-key' | 'personal' | 'node';

const prefixes = { authtoken: 'pat', 'api-key': 'pak', personal: 'ppt', node: 'pnc' } as const satisfies Record<
  TokenKind,
  string
>;
const idPrefixes = { authtoken: 'cr', 'api-key': 'ak', personal: 'pt', node: 'nd' } as const satisfies Record<
  TokenKind,
  string
>;

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_BYTES = 32;
/** 62^43 is just above 2^256. */
const SECRET_LENGTH = 43;

export interface ParsedToken {
  readonly kind: TokenKind;
  /** Of the row whose hash the token has to match: `cr_…`, `ak_…`, `pt_…` or `nd_…`. */
  readonly id: string;
}

/** `pat_<27 characters of the id>_<43 characters: 256 random bits>`, shown once and never stored. */
export function makeToken(kind: TokenKind, id: string): string {
  return `${prefixes[kind]}_${id.slice(id.indexOf('_') + 1)}_${randomSecret()}`;
}

/** Null when the text does not have the form of any of our secrets. Says nothing about whether it is known. */
export function parseToken(text: string): ParsedToken | null {
  const match = /^(pat|pak|ppt|pnc)_([0-9A-Za-z]{27})_[0-9A-Za-z]{43}$/.exec(text);
  if (match === null) return null;
  for (const kind of ['authtoken', 'api-key', 'personal', 'node'] as const) {
    if (prefixes[kind] === match[1]) return { kind, id: `${idPrefixes[kind]}_${match[2]}` };
  }
  return null;
}

/** The start of a secret, as it is stored and shown to tell several apart. */
export function tokenPrefix(token: string): string {
  return token.slice(0, 10);
}

/**
 * Hashes secrets under a pepper that is not in the database: who can only read or write rows can neither use nor
 * forge one. The secrets are 256 random bits, so one fast hash is enough.
 */
export class TokenHasher {
  readonly #pepper: Buffer;

  constructor(masterKey: Uint8Array) {
    this.#pepper = Buffer.from(hkdfSync('sha256', masterKey, '', 'portico token pepper 1', 32));
  }

  hash(token: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(createHmac('sha256', this.#pepper).update(token).digest());
  }

  /** In constant time. */
  matches(token: string, hash: Uint8Array): boolean {
    const computed = this.hash(token);
    return computed.length === hash.length && timingSafeEqual(computed, hash);
  }
}

function randomSecret(): string {
  let value = BigInt(`0x${randomBytes(SECRET_BYTES).toString('hex')}`);
  let text = '';
  for (let i = 0; i < SECRET_LENGTH; i += 1) {
    text = ALPHABET.charAt(Number(value % 62n)) + text;
    value /= 62n;
  }
  return text;
}
