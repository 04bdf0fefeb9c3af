import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/**
 * Envelope encryption for secrets at rest. Each secret has a data key of its own; the master key wraps only that, so
 * changing the master key touches 60 bytes a row and never the secret. The row's id is authenticated with both
 * layers: a sealed value that is copied into another row does not open.
 *
 * Bytes: version (1) | id of the master key (8) | nonce (12), tag (16), wrapped data key (32) | nonce (12), tag (16),
 * ciphertext. AES-256-GCM (NIST SP 800-38D) with random nonces.
 */
export interface Sealer {
  seal(plaintext: Uint8Array | string, rowId: string): Buffer;
  /** Throws SealError when the value was changed, belongs to another row, or to another master key. */
  open(sealed: Uint8Array, rowId: string): Buffer;
}

export class SealError extends Error {
  override readonly name = 'SealError';
}

const VERSION = 1;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const WRAPPED_BYTES = NONCE_BYTES + TAG_BYTES + KEY_BYTES;
const HEAD_BYTES = 1 + KEY_ID_BYTES + WRAPPED_BYTES;

/** `masterKey` is 32 bytes, as `loadOrCreateMasterKey` gives them. */
export function sealer(masterKey: Uint8Array): Sealer {
  return {
    seal(plaintext, rowId) {
      const dataKey = randomBytes(KEY_BYTES);
      return Buffer.concat([wrap(dataKey, masterKey, rowId), encrypt(dataKey, Buffer.from(plaintext), content(rowId))]);
    },
    open(sealed, rowId) {
      const dataKey = unwrap(sealed, masterKey, rowId);
      return decrypt(dataKey, Buffer.from(sealed.subarray(HEAD_BYTES)), content(rowId));
    },
  };
}

/** The same secret under another master key; the secret itself is not decrypted. */
export function rewrap(sealed: Uint8Array, rowId: string, from: Uint8Array, to: Uint8Array): Buffer {
  const dataKey = unwrap(sealed, from, rowId);
  return Buffer.concat([wrap(dataKey, to, rowId), sealed.subarray(HEAD_BYTES)]);
}

/** Which master key a sealed value needs: says nothing about the key itself. */
export function masterKeyId(masterKey: Uint8Array): Buffer {
  return createHash('sha256').update('portico master key id\0').update(masterKey).digest().subarray(0, KEY_ID_BYTES);
}

function wrap(dataKey: Buffer, masterKey: Uint8Array, rowId: string): Buffer {
  checkKey(masterKey);
  return Buffer.concat([Buffer.from([VERSION]), masterKeyId(masterKey), encrypt(masterKey, dataKey, wrapping(rowId))]);
}

function unwrap(sealed: Uint8Array, masterKey: Uint8Array, rowId: string): Buffer {
  checkKey(masterKey);
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < HEAD_BYTES + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION) {
    throw new SealError('This is not a sealed value.');
  }
  if (!bytes.subarray(1, 1 + KEY_ID_BYTES).equals(masterKeyId(masterKey))) {
    throw new SealError('The value was sealed with another master key.');
  }
  return decrypt(masterKey, bytes.subarray(1 + KEY_ID_BYTES, HEAD_BYTES), wrapping(rowId));
}

function encrypt(key: Uint8Array, plaintext: Buffer, associated: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associated);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
}

function decrypt(key: Uint8Array, box: Buffer, associated: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(associated).setAuthTag(box.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new SealError('The sealed value was changed, or belongs to another row.', { cause: error });
  }
}

function wrapping(rowId: string): Buffer {
  return Buffer.from(`portico sealed key 1\0${rowId}`);
}

function content(rowId: string): Buffer {
  return Buffer.from(`portico sealed value 1\0${rowId}`);
}

function checkKey(masterKey: Uint8Array): void {
  if (masterKey.byteLength !== KEY_BYTES) {
    throw new SealError(`A master key has ${KEY_BYTES} bytes, not ${masterKey.byteLength}.`);
  }
}
