import { createPublicKey } from 'node:crypto';
import { InternalApiError, type InternalClient } from '@portico/api-contract/internal';
import {
  checkIssuingCa,
  createKeyPair,
  type KeyPair,
  LeafIssuer,
  PkiError,
  provePossession,
  renewAt,
} from '@portico/pki';
import type { Logger } from '@portico/service';
import { Backoff, pause } from './backoff.ts';
import type { IssuingStore } from './issuing-store.ts';

/** How often the dates are looked at: a sleep of weeks would miss a clock that was set. */
const LOOK_MS = 60_000;

/**
 * This edge's own issuing CA (design D5): the key is made here and never leaves; the API signs its certificate. Made
 * anew at 2/3 of its life, tried again for as long as the API is away; meanwhile the one at hand goes on issuing. The
 * one of the last run serves until the API has signed its key again: root and names may have changed since.
 */
export class IssuingCa {
  readonly #client: InternalClient;
  readonly #nodeId: string;
  readonly #store: IssuingStore;
  readonly #mustCover: readonly string[];
  readonly #now: () => Date;
  readonly #log: Logger;
  readonly #onIssuer: (issuer: LeafIssuer, rootPem: string) => void;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: {
    client: InternalClient;
    nodeId: string;
    store: IssuingStore;
    /** Host names without which a CA of an earlier run is of no use. */
    mustCover: readonly string[];
    now: () => Date;
    log: Logger;
    /** A new issuer is there; the first comes as soon as the API has signed it. */
    onIssuer: (issuer: LeafIssuer, rootPem: string) => void;
  }) {
    this.#client = options.client;
    this.#nodeId = options.nodeId;
    this.#store = options.store;
    this.#mustCover = options.mustCover;
    this.#now = options.now;
    this.#log = options.log;
    this.#onIssuer = options.onIssuer;
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let keys = await this.#resume();
    while (!signal.aborted) {
      const renewal = await this.#obtain(keys ?? (await createKeyPair()));
      keys = null;
      while (!signal.aborted && renewal !== null && this.#now() < renewal) await pause(LOOK_MS, signal);
    }
  }

  /** Takes up the CA of the last run. @returns its keys, or null if there is none that is still good. */
  async #resume(): Promise<KeyPair | null> {
    const kept = await this.#store.load();
    if (kept === null || this.#closing.signal.aborted) return null;
    const { certificatePem, rootPem, privateKeyPem } = kept;
    try {
      checkIssuingCa({ certificatePem, rootPem, privateKeyPem, now: this.#now() });
      const issuer = new LeafIssuer({ certificatePem, privateKeyPem, now: this.#now });
      if (!issuer.covers({ dns: [...this.#mustCover], ips: [] })) return null;
      this.#log.info({ notAfter: issuer.notAfter.toISOString() }, 'the issuing CA of the last run is good');
      this.#onIssuer(issuer, rootPem);
      const publicKeyPem = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
      return { publicKeyPem, privateKeyPem };
    } catch (error) {
      this.#log.warn({ err: error }, 'the issuing CA of the last run is not good any more');
      return null;
    }
  }

  /** @returns when to make the next one; null if closed before. */
  async #obtain(keys: KeyPair): Promise<Date | null> {
    const { signal } = this.#closing;
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        const answer = await this.#client.signIssuing({
          nodeId: this.#nodeId,
          publicKeyPem: keys.publicKeyPem,
          proof: provePossession(keys, this.#nodeId),
        });
        const certificatePem = answer.chainPem;
        checkIssuingCa({
          certificatePem,
          rootPem: answer.rootPem,
          privateKeyPem: keys.privateKeyPem,
          now: this.#now(),
        });
        const issuer = new LeafIssuer({ certificatePem, privateKeyPem: keys.privateKeyPem, now: this.#now });
        this.#log.info({ notAfter: issuer.notAfter.toISOString() }, 'the issuing CA is signed');
        this.#onIssuer(issuer, answer.rootPem);
        await this.#store.save({ certificatePem, rootPem: answer.rootPem, privateKeyPem: keys.privateKeyPem });
        return renewAt(certificatePem);
      } catch (error) {
        if (error instanceof PkiError || (error instanceof InternalApiError && error.kind !== 'unavailable')) {
          this.#log.error({ err: error }, 'the issuing CA could not be signed');
        } else if (!(error instanceof InternalApiError)) throw error;
        await pause(backoff.nextMs(), signal);
      }
    }
    return null;
  }
}
