import { hash, timingSafeEqual } from 'node:crypto';

export interface BasicAuthCheck {
  /** Whether the request has credentials at all. */
  readonly presented: boolean;
  readonly username: string;
  readonly authorized: boolean;
}

/**
 * Compares an `Authorization` field with the allowed `user:password` pairs (RFC 7617). Every pair is compared in full,
 * over digests of equal length, so the time tells neither which user exists nor how much of a password is right.
 */
export function checkBasicAuth(authorization: string | null, credentials: readonly string[]): BasicAuthCheck {
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return { presented: false, username: '', authorized: false };
  const bytes = Buffer.from(encoded, 'base64');
  const given = digest(bytes);
  let matches = 0;
  for (const credential of credentials) {
    // A credential without a colon can only come from a template; it never matches.
    const usable = credential.includes(':') ? 1 : 0;
    matches += usable & Number(timingSafeEqual(given, digest(Buffer.from(credential, 'utf8'))));
  }
  const text = bytes.toString('utf8');
  const colon = text.indexOf(':');
  return {
    presented: true,
    username: colon === -1 ? text : text.slice(0, colon),
    authorized: colon !== -1 && matches > 0,
  };
}

function digest(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer');
}
