import { createCipheriv, randomBytes } from 'node:crypto';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import { LRUCache } from 'lru-cache';
import type { KeyRing } from '../../session/key-ring.ts';

/** What a sealed text is good for: a text made for one of these opens for no other. */
export interface SealContext {
  readonly purpose: 'session' | 'sign-in' | 'callback';
  readonly accountId: string;
  /** Host name, or the domain that cookies are shared under. */
  readonly host: string;
}

const TEXT_CHARACTERS_MAX = 32_768;
const OPENED_BYTES_MAX = 8 * 1_048_576;

/**
 * Seals what browsers keep for us: JWE (RFC 7516), A256GCM, under keys derived from those that the API gives to every
 * edge. Nothing is remembered here, so a restarted edge, or another one, opens the same texts.
 */
export class SealedBox {
  readonly #keys: KeyRing;
  /** What was opened before: a browser sends the same cookie with every request. */
  readonly #opened = new LRUCache<string, { readonly payload: unknown }>({
    max: 10_000,
    maxSize: OPENED_BYTES_MAX,
    sizeCalculation: (_value, key) => 2 * key.length,
  });

  constructor({ keys }: { keys: KeyRing }) {
    this.#keys = keys;
  }

  /** Waits for keys where the API has not given any yet. */
  async seal(context: SealContext, payload: object, signal: AbortSignal): Promise<string> {
    await this.#keys.whenReady(signal);
    const newest = this.#keys.newestDerived(purposeText(context));
    if (newest === null) throw new Error('no key to seal with');
    return new CompactEncrypt(Buffer.from(JSON.stringify(payload), 'utf8'))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: newest.id })
      .encrypt(newest.key);
  }

  /**
   * The same at once, for the shortest way through the edge.
   * @throws {Error} while there are no keys
   */
  sealNow(context: SealContext, payload: object): string {
    const newest = this.#keys.newestDerived(purposeText(context));
    if (newest === null) throw new Error('no key to seal with');
    const header = base64url(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: newest.id }));
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', newest.key, iv).setAAD(Buffer.from(header, 'ascii'));
    const text = Buffer.concat([cipher.update(JSON.stringify(payload), 'utf8'), cipher.final()]);
    // RFC 7516 section 7.1: header, no wrapped key, IV, ciphertext, tag.
    return [header, '', base64url(iv), base64url(text), base64url(cipher.getAuthTag())].join('.');
  }

  /** What was sealed, or null when it was not sealed by these keys for this context. */
  async open(context: SealContext, text: string, signal: AbortSignal): Promise<unknown> {
    if (text.length > TEXT_CHARACTERS_MAX) return null;
    await this.#keys.whenReady(signal);
    const purpose = purposeText(context);
    const known = `${purpose}\n${text}`;
    const opened = this.#opened.get(known);
    if (opened !== undefined) return opened.payload;
    try {
      const { kid } = decodeProtectedHeader(text);
      const key = kid === undefined ? null : this.#keys.derived(purpose, kid);
      if (key === null) return null;
      const { plaintext } = await compactDecrypt(text, key, {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      const payload: unknown = JSON.parse(Buffer.from(plaintext).toString('utf8'));
      if (context.purpose === 'session') this.#opened.set(known, { payload });
      return payload;
    } catch {
      return null;
    }
  }
}

function purposeText({ purpose, accountId, host }: SealContext): string {
  return `portico ${purpose} v1\n${accountId}\n${host}`;
}

function base64url(data: string | Buffer): string {
  return Buffer.from(data).toString('base64url');
}
