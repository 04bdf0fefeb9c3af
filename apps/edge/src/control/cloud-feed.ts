import type { EndpointFeedResponse, InternalClient } from '@portico/api-contract/internal';
import type { Logger } from '@portico/service';
import type { CloudEndpoints } from '../endpoint/cloud-endpoints.ts';

/**
 * Follows the cloud endpoints: asks the API for what changed after the last change that this edge has. Hints only say
 * that it is time to ask; the numbers of the changes, and the count of all that there are, are the truth.
 */
export class CloudFeed {
  readonly #client: InternalClient;
  readonly #nodeId: string;
  readonly #table: CloudEndpoints;
  readonly #log: Logger;
  #after = 0;
  #running: Promise<void> | null = null;
  #again = false;
  #loaded = false;

  constructor(options: { client: InternalClient; nodeId: string; table: CloudEndpoints; log: Logger }) {
    this.#client = options.client;
    this.#nodeId = options.nodeId;
    this.#table = options.table;
    this.#log = options.log;
  }

  /** Whether all that there are have been here once: a name that is not known is nobody's from then on. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Brings the table up to date. Rejects with InternalApiError; what was taken until then stays. */
  reconcile(): Promise<void> {
    // What changes while the question is on its way is asked for again.
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const page = await this.#pull();
      if (page.total === this.#table.size) continue;
      // A change between counting and reading explains a difference; two such answers in a row do not.
      const next = await this.#pull();
      if (next.total === this.#table.size) continue;
      this.#log.warn({ here: this.#table.size, there: next.total }, 'following the cloud endpoints anew');
      await this.#restart();
    }
    this.#loaded = true;
    this.#table.retry();
  }

  /** All that is newer. The last page. */
  async #pull(): Promise<EndpointFeedResponse> {
    for (;;) {
      const page = await this.#client.endpointFeed({ nodeId: this.#nodeId, after: this.#after });
      if (page.mustRestart) return this.#restart();
      await this.#take(page);
      if (!page.hasMore) return page;
    }
  }

  /** Everything anew; what does not come again is gone. Visitors are served meanwhile. */
  async #restart(): Promise<EndpointFeedResponse> {
    const seen = new Set<string>();
    this.#after = 0;
    for (;;) {
      const page = await this.#client.endpointFeed({ nodeId: this.#nodeId, after: this.#after });
      // The feed itself began anew under us.
      if (page.mustRestart) this.#after = 0;
      else await this.#take(page);
      for (const { id } of page.endpoints) seen.add(id);
      if (page.hasMore) continue;
      this.#table.retain(seen);
      return page;
    }
  }

  async #take(page: EndpointFeedResponse): Promise<void> {
    await this.#table.put(page.endpoints);
    for (const id of page.gone) this.#table.remove(id);
    this.#after = page.upTo;
  }
}
