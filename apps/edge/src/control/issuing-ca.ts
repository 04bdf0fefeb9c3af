import { InternalApiError, type InternalClient } from '@portico/api-contract/internal';
import { checkIssuingCa, createKeyPair, LeafIssuer, PkiError, provePossession, renewAt } from '@portico/pki';
import type { Logger } from '@portico/service';
import { Backoff, pause } from './backoff.ts';

/** How often the dates are looked at: a sleep of weeks would miss a clock that was set. */
const LOOK_MS = 60_000;

/**
 * This edge's own issuing CA (design D5): the key is made here and never leaves; the API signs its certificate. Made
 * anew at 2/3 of its life, tried again for as long as the API is away; meanwhile the one at hand goes on issuing.
 */
export class IssuingCa {
  readonly #client: InternalClient;
  readonly #nodeId: string;
  readonly #now: () => Date;
  readonly #log: Logger;
  readonly #onIssuer: (issuer: LeafIssuer, rootPem: string) => void;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: {
    client: InternalClient;
    nodeId: string;
    now: () => Date;
    log: Logger;
    /** A new issuer is there; the first comes as soon as the API has signed it. */
    onIssuer: (issuer: LeafIssuer, rootPem: string) => void;
  }) {
    this.#client = options.client;
    this.#nodeId = options.nodeId;
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
    while (!signal.aborted) {
      const renewal = await this.#obtain();
      while (!signal.aborted && renewal !== null && this.#now() < renewal) await pause(LOOK_MS, signal);
    }
  }

  /** @returns when to make the next one; null if closed before. */
  async #obtain(): Promise<Date | null> {
    const { signal } = this.#closing;
    const backoff = new Backoff();
    const keys = await createKeyPair();
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
