import { nextFeedRevision, touchCloudEndpoints } from '@portico/db';
import type { ApiContext } from '../context.ts';

/**
 * Has edges look again at cloud endpoints whose domain was reserved, proven, lost or given up. What could not be done
 * for want of the database is done by the next sweep.
 */
export class CloudNames {
  readonly #context: Pick<ApiContext, 'database' | 'changes' | 'log'>;
  readonly #stop: () => void;
  readonly #waiting = new Set<string>();
  #working: Promise<void> = Promise.resolve();

  constructor(context: Pick<ApiContext, 'database' | 'changes' | 'log'>) {
    this.#context = context;
    this.#stop = context.changes.subscribe((change) => {
      if (change.kind !== 'domain-changed') return;
      this.#waiting.add(change.host);
      void this.sweep();
    });
  }

  /** Works off what waits. Never rejects. */
  sweep(): Promise<void> {
    this.#working = this.#working.then(() => this.#work());
    return this.#working;
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { database, changes, log } = this.#context;
    for (const domain of [...this.#waiting]) {
      try {
        const touched = await database.transaction(async (tx) =>
          touchCloudEndpoints(tx, domain.replace(/^\*\./, ''), await nextFeedRevision(tx)),
        );
        this.#waiting.delete(domain);
        for (const endpointId of touched) changes.publish({ kind: 'endpoint-changed', endpointId });
      } catch (error) {
        log.warn({ err: error, domain }, 'the cloud endpoints of a domain could not be looked at');
      }
    }
  }
}
