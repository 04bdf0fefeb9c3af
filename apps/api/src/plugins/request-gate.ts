import type { FastifyInstance } from 'fastify';
import { NotReadyError } from './failure.ts';

/**
 * Bounds how many requests may be under way at once: while the database is slow they would pile up, each with its
 * body and its place in the queue for a connection. Streams leave the count when they begin.
 */
export class RequestGate {
  readonly #max: number;
  #inside = 0;

  constructor(max: number) {
    this.#max = max;
  }

  guard(app: FastifyInstance): void {
    app.addHook('onRequest', async (request, reply) => {
      if (this.#inside >= this.#max) throw new NotReadyError('too many requests are waiting');
      this.#inside += 1;
      let left = false;
      const leave = (): void => {
        if (left) return;
        left = true;
        this.#inside -= 1;
      };
      reply.raw.once('close', leave);
      leaves.set(request.raw, leave);
    });
  }
}

const leaves = new WeakMap<object, () => void>();

/** Until the database is prepared, only the routes that do without it are served. */
export function holdUntilReady(app: FastifyInstance, isReady: () => boolean, free: (path: string) => boolean): void {
  app.addHook('onRequest', async (request) => {
    if (!isReady() && !free(request.url.replace(/\?.*$/, ''))) {
      throw new NotReadyError('the database is not prepared yet');
    }
  });
}

/** A request that becomes a stream of hours stops to count. */
export function leaveGate(raw: object): void {
  leaves.get(raw)?.();
}
