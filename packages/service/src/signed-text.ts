import { createHmac, timingSafeEqual } from 'node:crypto';

/** A key of a ring that several processes share. */
export interface SigningKey {
  readonly id: string;
  readonly secret: Buffer;
}

const TEXT_MAX = 4_096;

/**
 * An opaque text that others carry for us: `v1.<key id>.<base64url of JSON>.<base64url HMAC-SHA256>`. The purpose is part
 * of what is signed, so a text for one purpose is never good for another.
 */
export function signText(key: SigningKey, purpose: string, payload: object): string {
  const body = Buffer.from(JSON.stringify(payload)).toString('base64url');
  return `v1.${key.id}.${body}.${macOf(key, purpose, body).toString('base64url')}`;
}

/** The payload of a text that one of these keys signed for this purpose, else null. */
export function readSignedText(keyOf: (id: string) => SigningKey | null, purpose: string, text: string): unknown {
  if (text.length > TEXT_MAX) return null;
  const [version, keyId, body, mac, ...rest] = text.split('.');
  if (version !== 'v1' || keyId === undefined || body === undefined || mac === undefined || rest.length > 0)
    return null;
  const key = keyOf(keyId);
  if (key === null) return null;
  const given = Buffer.from(mac, 'base64url');
  const right = macOf(key, purpose, body);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
  try {
    return JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}

function macOf(key: SigningKey, purpose: string, body: string): Buffer {
  return createHmac('sha256', key.secret).update(`${purpose}\0${key.id}\0${body}`).digest();
}
