import type { Endpoint } from './endpoint.ts';

/** What stands at one URL: the endpoint that agents serve, and those of the cloud. */
interface Slot {
  bound: Endpoint | null;
  cloud: readonly CloudMember[];
}

/** An endpoint of the cloud, as far as choosing goes. */
export interface CloudMember extends Endpoint {
  readonly poolingEnabled: boolean;
}

/**
 * Endpoints by key and host name: the exact name, else the longest wildcard above it. The key is the scheme and
 * whatever else keeps names apart. Endpoints that share a URL take turns by chance, each with its own policy.
 */
export class UrlSlots {
  readonly #slots = new Map<string, Slot>();
  readonly #random: () => number;

  constructor({ random = Math.random }: { random?: () => number } = {}) {
    this.#random = random;
  }

  /** `host` lower case, without port or trailing dot; `*.x.y` serves `a.x.y` and `b.a.x.y`, the most labels win. */
  find(key: string, host: string): Endpoint | null {
    const exact = this.#slots.get(`${key}${host}`);
    if (exact !== undefined) return this.#choose(exact);
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const wildcard = this.#slots.get(`${key}*${host.slice(dot)}`);
      if (wildcard !== undefined) return this.#choose(wildcard);
    }
    return null;
  }

  /** Puts an agents' endpoint on its name, in the place of whatever agents' endpoint was there. */
  addBound(key: string, endpoint: Endpoint): void {
    const slot = this.#slot(key, endpoint.host);
    slot.bound = endpoint;
  }

  /** Takes it away if it, and not a successor, is there; true if so. */
  removeBound(key: string, endpoint: Endpoint): boolean {
    const slot = this.#slots.get(`${key}${endpoint.host}`);
    if (slot?.bound !== endpoint) return false;
    slot.bound = null;
    this.#tidy(`${key}${endpoint.host}`, slot);
    return true;
  }

  addCloud(key: string, endpoint: CloudMember): void {
    const slot = this.#slot(key, endpoint.host);
    slot.cloud = [...slot.cloud.filter((each) => each !== endpoint), endpoint];
  }

  removeCloud(key: string, host: string, endpoint: CloudMember): void {
    const slot = this.#slots.get(`${key}${host}`);
    if (slot === undefined) return;
    slot.cloud = slot.cloud.filter((each) => each !== endpoint);
    this.#tidy(`${key}${host}`, slot);
  }

  get size(): number {
    return this.#slots.size;
  }

  #slot(key: string, host: string): Slot {
    const slot = this.#slots.get(`${key}${host}`) ?? { bound: null, cloud: [] };
    this.#slots.set(`${key}${host}`, slot);
    return slot;
  }

  #tidy(name: string, slot: Slot): void {
    if (slot.bound === null && slot.cloud.length === 0) this.#slots.delete(name);
  }

  #choose({ bound, cloud }: Slot): Endpoint | null {
    const [first] = cloud;
    if (first === undefined) return bound;
    // One that shares with nobody has the URL, whatever else came there meanwhile.
    if (!first.poolingEnabled) return first;
    const agents = bound?.pool.size ?? 0;
    const chosen = Math.floor(this.#random() * (agents + cloud.length));
    return chosen < agents ? bound : (cloud[chosen - agents] ?? first);
  }
}
