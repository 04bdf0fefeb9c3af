import { createPublicKey, generateKeyPair, type KeyObject, sign, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { PkiError } from './names.ts';

export interface KeyPair {
  /** SubjectPublicKeyInfo, PEM. */
  readonly publicKeyPem: string;
  /** PKCS#8, PEM, not encrypted. */
  readonly privateKeyPem: string;
}

const generate = promisify(generateKeyPair);

/** A new ECDSA P-256 pair, made on libuv's threads. */
export async function createKeyPair(): Promise<KeyPair> {
  const { publicKey, privateKey } = await generate('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { publicKeyPem: publicKey, privateKeyPem: privateKey };
}

/** Reads a public key that came from elsewhere; only ECDSA P-256 passes. Throws PkiError. */
export function readPublicKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    // createPublicKey would quietly take the public half of a private key or certificate.
    if (!/^-----BEGIN PUBLIC KEY-----/.test(pem)) {
      throw new Error('it does not begin with BEGIN PUBLIC KEY');
    }
    key = createPublicKey(pem);
  } catch (error) {
    throw new PkiError(`The public key cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new PkiError('The public key must be ECDSA P-256.');
  }
  return key;
}

/**
 * Shows that the sender of a public key holds the private one: a signature over both the key and what it is for
 * (`context`, such as the node's id), base64. Without it a node could have somebody else's key certified as its own.
 */
export function provePossession({ publicKeyPem, privateKeyPem }: KeyPair, context: string): string {
  return sign('sha256', possessionText(readPublicKey(publicKeyPem), context), privateKeyPem).toString('base64');
}

export function verifyPossession(publicKeyPem: string, context: string, proof: string): boolean {
  const key = readPublicKey(publicKeyPem);
  return verify('sha256', possessionText(key, context), key, Buffer.from(proof, 'base64'));
}

function possessionText(key: KeyObject, context: string): Buffer {
  const spki = key.export({ type: 'spki', format: 'der' }).toString('base64');
  return Buffer.from(`portico proof of possession 1\n${spki}\n${context}`);
}
