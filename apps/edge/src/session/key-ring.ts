import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** A key that the API gives to every edge; the newest signs, all that are still listed verify. */
export interface BindKey {
  readonly id: string;
  readonly secret: Buffer;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/**
 * Signs the opaque texts that agents carry for us: `v1.<key id>.<base64url of JSON>.<base64url HMAC-SHA256>`.
 * The purpose is part of what is signed, so a cookie is never good as a bind token.
 */
export class KeyRing {
  #keys = new Map<string, BindKey>();
  #newest: BindKey | null = null;
  readonly #waiting = new Set<() => void>();

  /** Replaces all keys; what was signed with a key that is gone no longer verifies. */
  replace(keys: readonly BindKey[]): void {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#newest = keys.reduce<BindKey | null>(
      (newest, key) => (newest === null || key.createdAt > newest.createdAt ? key : newest),
      null,
    );
    if (this.#newest === null) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  get ready(): boolean {
    return this.#newest !== null;
  }

  /** Settles when there is a key: an edge that started without the API has none yet. */
  whenReady(signal: AbortSignal): Promise<void> {
    if (this.ready) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = () => {
        this.#waiting.delete(done);
        reject(signal.reason);
      };
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.add(done);
    });
  }

  /** A key of 256 bits for one purpose from each key of the ring, the newest first: every edge derives the same. */
  derived(purpose: string): { readonly id: string; readonly key: Uint8Array }[] {
    return [...this.#keys.values()]
      .sort((a, b) => b.createdAt - a.createdAt)
      .map(({ id, secret }) => ({ id, key: new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32)) }));
  }

  sign(purpose: string, payload: object): string {
    if (this.#newest === null) throw new Error('no key to sign with yet');
    const body = Buffer.from(JSON.stringify(payload)).toString('base64url');
    const mac = macOf(this.#newest, purpose, body).toString('base64url');
    return `v1.${this.#newest.id}.${body}.${mac}`;
  }

  /** The payload of a text that this ring's keys signed for this purpose, else null. */
  verify(purpose: string, text: string): unknown {
    if (text.length > 4096) return null;
    const [version, keyId, body, mac, ...rest] = text.split('.');
    if (version !== 'v1' || keyId === undefined || body === undefined || mac === undefined || rest.length > 0)
      return null;
    const key = this.#keys.get(keyId);
    if (key === undefined) return null;
    const given = Buffer.from(mac, 'base64url');
    const right = macOf(key, purpose, body);
    if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
    try {
      return JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    } catch {
      return null;
    }
  }
}

function macOf(key: BindKey, purpose: string, body: string): Buffer {
  return createHmac('sha256', key.secret).update(`${purpose}\0${key.id}\0${body}`).digest();
}
