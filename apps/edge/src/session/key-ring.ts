import { hkdfSync } from 'node:crypto';
import { readSignedText, signText } from '@portico/service';

/** A key that the API gives to every edge; the newest signs, all that are still listed verify. */
export interface BindKey {
  readonly id: string;
  readonly secret: Buffer;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** The keys that all edges and the API share, and the opaque texts that agents carry for us, signed with them. */
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

  /** The key to seal with for one purpose; null while there is none. */
  newestDerived(purpose: string): { readonly id: string; readonly key: Uint8Array } | null {
    return this.#newest === null ? null : { id: this.#newest.id, key: derive(this.#newest, purpose) };
  }

  /** A key of 256 bits for one purpose, from the key of that id; every edge derives the same. */
  derived(purpose: string, id: string): Uint8Array | null {
    const key = this.#keys.get(id);
    return key === undefined ? null : derive(key, purpose);
  }

  sign(purpose: string, payload: object): string {
    if (this.#newest === null) throw new Error('no key to sign with yet');
    return signText(this.#newest, purpose, payload);
  }

  /** The payload of a text that this ring's keys signed for this purpose, else null. */
  verify(purpose: string, text: string): unknown {
    return readSignedText((id) => this.#keys.get(id) ?? null, purpose, text);
  }
}

function derive(key: BindKey, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key.secret, '', purpose, 32));
}
