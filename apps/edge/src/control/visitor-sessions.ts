import { InternalApiError, type InternalClient, type VisitorSession } from '@portico/api-contract/internal';
import { isId, newId } from '@portico/service';

const waitingMax = 10_000;
const batch = 500;
/** Asked again although nothing is to be told: what was ended elsewhere, or while the API was away. */
const askEveryMs = 60_000;

/**
 * Visitors who signed in by policy: their sessions are in their cookies, and told to the API so that owners see them
 * and can end them. What was ended is kept here; a hint comes with the changes, all of it with each answer. Bounded;
 * while the API is away the oldest notes are given up, and sessions go on by their cookies.
 */
export class VisitorSessions {
  readonly #client: Pick<InternalClient, 'visitors'>;
  readonly #nodeId: string;
  readonly #waiting = new Map<string, VisitorSession>();
  readonly #timer: NodeJS.Timeout;
  #ended: ReadonlySet<string> = new Set();
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | null = null;

  constructor(options: { client: Pick<InternalClient, 'visitors'>; nodeId: string; everyMs: number }) {
    this.#client = options.client;
    this.#nodeId = options.nodeId;
    this.#timer = setInterval(() => {
      if (this.#waiting.size > 0 || performance.now() - this.#askedAtMs >= askEveryMs) void this.flush();
    }, options.everyMs);
    this.#timer.unref();
  }

  /** The id of a new session. */
  newId(): string {
    return newId('appses');
  }

  /** Somebody signed in, or was active. */
  note(session: VisitorSession): void {
    if (!isId('appses', session.id)) return;
    this.#waiting.delete(session.id);
    this.#waiting.set(session.id, session);
    if (this.#waiting.size <= waitingMax) return;
    const [oldest] = this.#waiting.keys();
    if (oldest !== undefined) this.#waiting.delete(oldest);
  }

  /** Whether its owner ended this session. */
  isEnded(id: string): boolean {
    return this.#ended.has(id);
  }

  end(ids: readonly string[]): void {
    this.#ended = new Set([...this.#ended, ...ids]);
  }

  /** Tells and asks; settles when that is done or cannot be done now. */
  flush(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** One last try, then the timer ends. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#asking;
    if (this.#waiting.size > 0) await this.flush();
  }

  async #ask(): Promise<void> {
    do {
      const sessions = [...this.#waiting.values()].slice(0, batch);
      try {
        const { ended } = await this.#client.visitors({ nodeId: this.#nodeId, sessions });
        this.#ended = new Set(ended);
        this.#askedAtMs = performance.now();
      } catch (error) {
        if (!(error instanceof InternalApiError)) throw error;
        return;
      }
      for (const session of sessions) {
        // What was noted again meanwhile is told again.
        if (this.#waiting.get(session.id) === session) this.#waiting.delete(session.id);
      }
    } while (this.#waiting.size > 0);
  }
}
