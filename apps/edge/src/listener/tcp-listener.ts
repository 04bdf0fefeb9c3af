import { randomInt } from 'node:crypto';
import { PorticoError } from '@portico/errors';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { VisitorLimits } from '../proxy/limits.ts';
import type { Sweep } from '../proxy/sweep.ts';
import type { TcpProxy } from '../proxy/tcp-proxy.ts';
import type { Admission } from './admission.ts';
import { PublicServer } from './public-server.ts';

/** Inclusive. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The ports of tcp endpoints: one listener each, for as long as the endpoint is online. */
export class TcpListeners {
  readonly #tcpProxy: TcpProxy;
  readonly #admission: Admission;
  readonly #sweep: Sweep;
  readonly #limits: VisitorLimits;
  readonly #address: string;
  readonly #range: PortRange | null;
  readonly #random: (below: number) => number;
  readonly #find: (port: number) => Endpoint | null;
  readonly #open = new Map<number, PublicServer>();

  /**
   * @param range ports that may be given out; null: any free one each
   * @param find who serves a port now, where several share it; null: whoever opened it
   */
  constructor({
    tcpProxy,
    admission,
    sweep,
    limits,
    address,
    range,
    random = randomInt,
    find = () => null,
  }: {
    tcpProxy: TcpProxy;
    admission: Admission;
    sweep: Sweep;
    limits: VisitorLimits;
    address: string;
    range: PortRange | null;
    random?: (below: number) => number;
    find?: (port: number) => Endpoint | null;
  }) {
    this.#tcpProxy = tcpProxy;
    this.#admission = admission;
    this.#sweep = sweep;
    this.#limits = limits;
    this.#address = address;
    this.#range = range;
    this.#random = random;
    this.#find = find;
  }

  /**
   * Opens the port for the endpoint, whatever member serves it later.
   * @returns the port. Rejects with PorticoError 329 (outside the range), 355 (none is free), or the socket's error
   *   (`EADDRINUSE` for a port that another program has).
   */
  open(port: number | 'any', endpoint: Endpoint): Promise<number> {
    if (port === 'any') return this.#openAny(endpoint);
    const range = this.#range;
    if (range !== null && (port < range.first || port > range.last)) {
      return Promise.reject(new PorticoError(329, { port, range: `${range.first} to ${range.last}` }));
    }
    return this.#listen(port, endpoint);
  }

  /** Closes the port; connections that are open on it end with it. Resolves when it is free again. */
  async close(port: number): Promise<void> {
    const server = this.#open.get(port);
    if (server === undefined) return;
    this.#open.delete(port);
    await server.close();
  }

  /** Accepts nobody any more on any port; connections go on. */
  drain(): void {
    for (const server of this.#open.values()) server.drain();
  }

  get connections(): number {
    let sum = 0;
    for (const server of this.#open.values()) sum += server.connections;
    return sum;
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((port) => this.close(port)));
  }

  /** From a random place on, so that a port that was just freed is not handed to the next one who asks. */
  async #openAny(endpoint: Endpoint): Promise<number> {
    const range = this.#range;
    if (range === null) return this.#listen(0, endpoint);
    const count = range.last - range.first + 1;
    const start = this.#random(count);
    for (let i = 0; i < count; i += 1) {
      const port = range.first + ((start + i) % count);
      if (this.#open.has(port)) continue;
      try {
        return await this.#listen(port, endpoint);
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
    }
    throw new PorticoError(355, { range: `${range.first} to ${range.last}` });
  }

  async #listen(port: number, endpoint: Endpoint): Promise<number> {
    let bound = port;
    const server = new PublicServer({
      admission: this.#admission,
      sweep: this.#sweep,
      limits: this.#limits,
      onVisitor: (socket, peer) => this.#tcpProxy.serve(socket, peer, this.#find(bound) ?? endpoint, EMPTY),
    });
    bound = await server.listen(port, this.#address);
    this.#open.set(bound, server);
    return bound;
  }
}

const EMPTY = Buffer.alloc(0);

/** Taken by another program, or kept for root: the next may do. */
function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES');
}
