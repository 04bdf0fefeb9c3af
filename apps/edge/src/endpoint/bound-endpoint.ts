import type { EndpointPolicy } from '../policy/endpoint-policy.ts';
import {
  createCounters,
  type Endpoint,
  type EndpointCounters,
  type EndpointId,
  type EndpointProto,
  type Member,
  type Pool,
} from './endpoint.ts';
import type { Labels } from './labelled-endpoint.ts';

/** What the agent said about it; shown to its owner. */
export interface EndpointFacts {
  readonly name: string;
  readonly description: string;
  readonly metadata: string;
  /** It shares its URL with others of its account that say so too. */
  readonly poolingEnabled: boolean;
  readonly forwardsTo: string;
  readonly forwardsProto: 'http1' | 'http2';
}

/**
 * An endpoint that an agent has bound. It outlives its session when another one takes it over: router, listeners,
 * counters and visitors' connections go on with the same object and meet the new member at their next stream.
 */
export class BoundEndpoint implements Endpoint, Pool {
  readonly id: EndpointId;
  readonly accountId: string;
  readonly proto: EndpointProto;
  readonly host: string;
  /** Only other endpoints of the account reach it. */
  readonly internal: boolean;
  readonly proxyProtocol: 0 | 1 | 2;
  readonly webSocketTcp: boolean;
  /** By which it was bound in place of a URL; null: by a URL. */
  readonly labels: Labels | null;
  readonly counters: EndpointCounters = createCounters();
  readonly pool: Pool = this;
  readonly startedAt: Date;
  /** Whoever sets it has compiled it: traffic that is under way goes on with the one it began with. */
  policy: EndpointPolicy | null;
  /** What decides how traffic is treated, in one text: see `pick`. */
  rules = '';
  #url: string;
  #port: number;
  #facts: EndpointFacts;
  #member: Member | null = null;
  #pooled: () => readonly BoundEndpoint[] = () => [];

  constructor(options: {
    id: EndpointId;
    accountId: string;
    url: string;
    proto: EndpointProto;
    host: string;
    port: number;
    internal?: boolean;
    proxyProtocol: 0 | 1 | 2;
    webSocketTcp?: boolean;
    labels?: Labels | null;
    facts: EndpointFacts;
    startedAt: Date;
    policy?: EndpointPolicy | null;
  }) {
    this.id = options.id;
    this.accountId = options.accountId;
    this.#url = options.url;
    this.proto = options.proto;
    this.host = options.host;
    this.#port = options.port;
    this.internal = options.internal ?? false;
    this.proxyProtocol = options.proxyProtocol;
    this.webSocketTcp = options.webSocketTcp ?? false;
    this.labels = options.labels ?? null;
    this.#facts = options.facts;
    this.startedAt = options.startedAt;
    this.policy = options.policy ?? null;
  }

  get url(): string {
    return this.#url;
  }

  get port(): number {
    return this.#port;
  }

  /** For tcp, whose port is known once it is open. */
  place({ url, port }: { url: string; port: number }): void {
    this.#url = url;
    this.#port = port;
  }

  get facts(): EndpointFacts {
    return this.#facts;
  }

  set facts(facts: EndpointFacts) {
    this.#facts = facts;
  }

  get forwardsTo(): string {
    return this.#facts.forwardsTo;
  }

  get forwardsProto(): 'http1' | 'http2' {
    return this.#facts.forwardsProto;
  }

  /** Its own agent, or where that one is not wanted, the least busy of those in its pool that have the same rules. */
  pick(except?: ReadonlySet<Member>): Member | null {
    const own = this.#member;
    if (own !== null && except?.has(own) !== true) return own;
    let best: Member | null = null;
    for (const other of this.#pooled()) {
      const member = other.#member;
      if (member === null || other.rules !== this.rules || except?.has(member) === true) continue;
      if (best === null || member.openStreams < best.openStreams) best = member;
    }
    return best;
  }

  get size(): number {
    return this.#member === null ? 0 : 1;
  }

  /** @param pooled all endpoints of its URL, itself among them */
  joinPool(pooled: () => readonly BoundEndpoint[]): void {
    this.#pooled = pooled;
  }

  /** Its streams go there from now on; null: nobody serves it. */
  serveBy(member: Member | null): void {
    this.#member = member;
  }
}
