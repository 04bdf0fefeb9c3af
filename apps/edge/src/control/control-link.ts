import { type Change, InternalApiError, type InternalClient } from '@portico/api-contract/internal';
import type { Logger } from '@portico/service';
import type { KeyRing } from '../session/key-ring.ts';
import type { AccountSettings } from './account-settings.ts';
import { Backoff, pause } from './backoff.ts';
import type { CloudFeed } from './cloud-feed.ts';
import type { Grants } from './grants.ts';

/** How an edge introduces itself to the API. */
export interface EdgeIdentity {
  readonly nodeId: string;
  /** Random, anew at each start. */
  readonly epoch: string;
  readonly version: string;
  /** `host:port` where agents dial in, as people should write it. */
  readonly connectAddress: string;
}

/**
 * The standing line to the API: says hello, takes the signing keys, listens to changes, and reconciles what the edge
 * keeps (grants, settings of accounts, cloud endpoints) on every (re)connect and every `reconcileMs`. Comes back by
 * itself for as long as it is open.
 */
export class ControlLink {
  readonly #client: InternalClient;
  readonly #identity: EdgeIdentity;
  readonly #keys: KeyRing;
  readonly #grants: Grants;
  readonly #settings: AccountSettings;
  readonly #cloud: CloudFeed;
  readonly #log: Logger;
  readonly #reconcileMs: number;
  readonly #onChange: (change: Change) => void;
  readonly #onUp: () => void;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #reconciling: Promise<void> | null = null;
  #again = false;
  #isStreamOpen = false;
  #up = false;
  readonly #tried = Promise.withResolvers<void>();

  constructor(options: {
    client: InternalClient;
    identity: EdgeIdentity;
    keys: KeyRing;
    grants: Grants;
    settings: AccountSettings;
    cloud: CloudFeed;
    log: Logger;
    reconcileMs: number;
    /** Changes that concern sessions and domains; what is reconciled is dealt with here. */
    onChange: (change: Change) => void;
    /** All was just reconciled: the API and its database answer. */
    onUp: () => void;
  }) {
    this.#client = options.client;
    this.#identity = options.identity;
    this.#keys = options.keys;
    this.#grants = options.grants;
    this.#settings = options.settings;
    this.#cloud = options.cloud;
    this.#log = options.log;
    this.#reconcileMs = options.reconcileMs;
    this.#onChange = options.onChange;
    this.#onUp = options.onUp;
  }

  start(): void {
    this.#running = this.#run();
    this.#timer = setInterval(() => void this.#reconcile(), this.#reconcileMs);
    this.#timer.unref();
  }

  /** Whether the changes stream stands and what is kept is the API's own: it is there and nothing is missed. */
  get up(): boolean {
    return this.#up;
  }

  /** Settles when everything is reconciled for the first time, or the API turns out to be away. */
  get tried(): Promise<void> {
    return this.#tried.promise;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#running;
    await this.#reconciling;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff();
    let lastFault = '';
    while (!signal.aborted) {
      try {
        const hello = await this.#client.hello({ ...this.#identity, kind: 'edge' });
        this.#takeKeys(hello.bindKeys);
        const { nodeId, epoch } = this.#identity;
        // The stream first, then the question: what changes in between comes on the stream.
        const opened = () => {
          lastFault = '';
          backoff.reset();
          this.#isStreamOpen = true;
          void this.#reconcile();
        };
        for await (const change of this.#client.changes({ nodeId, epoch, signal, onOpen: opened })) this.#apply(change);
        if (!signal.aborted) lastFault = this.#report(lastFault, 'the API closed the changes stream');
      } catch (error) {
        lastFault = this.#report(lastFault, error instanceof Error ? error.message : String(error));
      }
      this.#isStreamOpen = false;
      this.#up = false;
      await pause(backoff.nextMs(), signal);
    }
  }

  /** The same fault is one line, not one a second. */
  #report(lastFault: string, fault: string): string {
    this.#tried.resolve();
    if (fault !== lastFault) this.#log.warn({ fault }, 'the API is away');
    return fault;
  }

  /**
   * Brings all that is kept up to date, and tries again while the API (or its database) cannot. Until it worked the API
   * counts as away: what is allowed meanwhile on the word of a token is asked for afterwards.
   */
  #reconcile(): Promise<void> {
    this.#again = true;
    this.#reconciling ??= this.#reconcileUntilDone().finally(() => {
      this.#reconciling = null;
    });
    return this.#reconciling;
  }

  async #reconcileUntilDone(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff();
    while (this.#isStreamOpen && !signal.aborted && this.#again) {
      // What changes while the question is on its way is asked for again.
      this.#again = false;
      try {
        await this.#grants.reconcile();
        await this.#settings.reconcile();
        await this.#cloud.reconcile();
        if (!this.#isStreamOpen) return;
        if (!this.#up) this.#log.info('connected to the API');
        this.#up = true;
        this.#tried.resolve();
        this.#onUp();
      } catch (error) {
        if (!(error instanceof InternalApiError)) throw error;
        this.#up = false;
        this.#again = true;
        this.#tried.resolve();
        this.#log.debug({ err: error }, 'reconciling with the API failed');
        await pause(backoff.nextMs(), signal);
      }
    }
  }

  #apply(change: Change): void {
    if (change.kind === 'bind-keys') this.#takeKeys(change.keys);
    else if (change.kind === 'grant-revoked') this.#grants.revoke(change.credentialId);
    else if (change.kind === 'grant-changed') void this.#reconcile();
    else if (change.kind === 'endpoint-changed') this.#follow(this.#cloud.reconcile());
    else if (change.kind === 'account-changed') {
      if (this.#settings.knows(change.accountId)) this.#follow(this.#settings.refresh(change.accountId));
    } else this.#onChange(change);
  }

  /** What could not be asked at a hint is asked for until it can be. */
  #follow(asked: Promise<void>): void {
    asked.catch((error: unknown) => {
      if (!(error instanceof InternalApiError)) throw error;
      void this.#reconcile();
    });
  }

  #takeKeys(keys: readonly { id: string; secret: string; createdAt: string }[]): void {
    this.#keys.replace(
      keys.map((key) => ({
        id: key.id,
        secret: Buffer.from(key.secret, 'base64'),
        createdAt: Date.parse(key.createdAt),
      })),
    );
  }
}
