import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { SealError } from './sealer.ts';

/** X25519 in SubjectPublicKeyInfo form (RFC 8410) is this and 32 bytes. */
const PUBLIC_KEY_BYTES = 44;
const TAG_BYTES = 16;
const NONCE = Buffer.alloc(12);

/** Who may open what is sealed to it; made for one exchange. */
export interface BoxKey {
  /** X25519, SubjectPublicKeyInfo, base64. */
  readonly publicKey: string;
  /** Throws SealError when it was changed, or was sealed to another key or for another purpose. */
  open(sealed: Uint8Array, purpose: string): Buffer;
}

export function createBoxKey(): BoxKey {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    open: (sealed, purpose) => openBox(privateKey, publicKey, sealed, purpose),
  };
}

/**
 * Seals a secret to one receiver: an ephemeral X25519 agreement, HKDF-SHA256 over both public keys, AES-256-GCM. The
 * key is used once, so the nonce is constant. Bytes: ephemeral public key (44) | tag (16) | ciphertext.
 */
export function sealToBox(receiver: string, secret: Uint8Array | string, purpose: string): Buffer {
  const theirs = readPublicKey(Buffer.from(receiver, 'base64'));
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const ephemeral = publicKey.export({ type: 'spki', format: 'der' });
  const cipher = createCipheriv('aes-256-gcm', boxKey(privateKey, theirs, ephemeral, theirs, purpose), NONCE);
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([ephemeral, cipher.getAuthTag(), ciphertext]);
}

function openBox(own: KeyObject, ownPublic: KeyObject, sealed: Uint8Array, purpose: string): Buffer {
  const bytes = Buffer.from(sealed);
  try {
    const ephemeral = bytes.subarray(0, PUBLIC_KEY_BYTES);
    const key = boxKey(own, readPublicKey(ephemeral), ephemeral, ownPublic, purpose);
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(PUBLIC_KEY_BYTES + TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new SealError('The box was changed, or was sealed to another key.', { cause: error });
  }
}

function boxKey(own: KeyObject, peer: KeyObject, ephemeral: Buffer, receiver: KeyObject, purpose: string): Buffer {
  const shared = diffieHellman({ privateKey: own, publicKey: peer });
  const salt = Buffer.concat([ephemeral, receiver.export({ type: 'spki', format: 'der' })]);
  return Buffer.from(hkdfSync('sha256', shared, salt, `portico box 1\0${purpose}`, 32));
}

function readPublicKey(der: Buffer): KeyObject {
  try {
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    if (key.asymmetricKeyType === 'x25519') return key;
  } catch {
    // Said below.
  }
  throw new SealError('This is no X25519 key.');
}
