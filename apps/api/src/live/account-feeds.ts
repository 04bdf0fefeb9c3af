import type { LiveMessage } from '@portico/api-contract/dashboard';
import type { AccountRow, LifecycleEventRow } from '@portico/db';
import { AccountFeed, type FeedSources } from './account-feed.ts';
import { recentEvent } from './recent-event.ts';

type Listener = (message: LiveMessage) => void;

interface OpenFeed {
  readonly feed: Promise<AccountFeed>;
  readonly listeners: Set<Listener>;
  timer: NodeJS.Timeout | null;
  lastSentMs: number;
}

/**
 * One feed for each account that somebody looks at, however many do. A change is told at once if nothing was told
 * for `everyMs`, else when that time is over, together with all that came meanwhile.
 */
export class AccountFeeds {
  readonly #sources: FeedSources;
  readonly #everyMs: number;
  readonly #open = new Map<string, OpenFeed>();

  constructor(sources: FeedSources, { everyMs }: { everyMs: number }) {
    this.#sources = sources;
    this.#everyMs = everyMs;
  }

  /** Calls back with an overview now and after changes. Returns how to stop. Throws what the database throws. */
  async subscribe(account: AccountRow, listener: Listener): Promise<() => void> {
    const open = this.#open.get(account.id) ?? this.#openFeed(account);
    open.listeners.add(listener);
    const stop = (): void => this.#leave(account.id, open, listener);
    try {
      const feed = await open.feed;
      listener({ kind: 'overview', overview: feed.overview() });
      return stop;
    } catch (error) {
      stop();
      throw error;
    }
  }

  /** Events that were stored just now. */
  addEvents(events: readonly LifecycleEventRow[]): void {
    for (const event of events) {
      const open = event.accountId === null ? undefined : this.#open.get(event.accountId);
      const view = open === undefined ? null : recentEvent(event);
      if (open !== undefined && view !== null) {
        open.feed.then(
          (feed) => feed.addEvent(view),
          () => {
            // It never opened; who subscribed was told.
          },
        );
      }
    }
  }

  close(): void {
    for (const [accountId, open] of this.#open) {
      for (const listener of [...open.listeners]) this.#leave(accountId, open, listener);
    }
  }

  #openFeed(account: AccountRow): OpenFeed {
    const open: OpenFeed = {
      feed: AccountFeed.open(this.#sources, account, () => this.#schedule(open)),
      listeners: new Set(),
      timer: null,
      lastSentMs: Number.NEGATIVE_INFINITY,
    };
    this.#open.set(account.id, open);
    return open;
  }

  #schedule(open: OpenFeed): void {
    if (open.timer !== null || open.listeners.size === 0) return;
    const waitMs = Math.max(0, open.lastSentMs + this.#everyMs - performance.now());
    open.timer = setTimeout(() => {
      open.timer = null;
      open.lastSentMs = performance.now();
      void open.feed.then((feed) => {
        const message: LiveMessage = { kind: 'overview', overview: feed.overview() };
        for (const listener of open.listeners) listener(message);
      });
    }, waitMs);
  }

  #leave(accountId: string, open: OpenFeed, listener: Listener): void {
    open.listeners.delete(listener);
    if (open.listeners.size > 0) return;
    if (open.timer !== null) clearTimeout(open.timer);
    open.timer = null;
    if (this.#open.get(accountId) === open) this.#open.delete(accountId);
    open.feed.then(
      (feed) => feed.close(),
      () => {
        // It never opened.
      },
    );
  }
}
