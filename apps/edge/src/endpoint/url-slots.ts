import type { Endpoint } from './endpoint.ts';

/** What stands at one URL: the endpoints that agents serve, and those of the cloud. */
interface Slot {
  bound: readonly Endpoint[];
  /** Whose turn it is among agents that are equally busy. */
  turn: number;
  cloud: readonly CloudMember[];
}

/** An endpoint of the cloud, as far as choosing goes. */
export interface CloudMember extends Endpoint {
  readonly poolingEnabled: boolean;
}

/**
 * Endpoints by key and host name: the exact name, else the longest wildcard above it. The key is the scheme and
 * whatever else keeps names apart. Endpoints that share a URL take turns, each with its own policy.
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

  /** Puts an endpoint of an agent on its name, beside those who share it. */
  addBound(key: string, endpoint: Endpoint): void {
    const slot = this.#slot(key, endpoint.host);
    slot.bound = [...slot.bound.filter((each) => each !== endpoint), endpoint];
  }

  /** True if it was there. */
  removeBound(key: string, endpoint: Endpoint): boolean {
    const slot = this.#slots.get(`${key}${endpoint.host}`);
    if (slot === undefined || !slot.bound.includes(endpoint)) return false;
    slot.bound = slot.bound.filter((each) => each !== endpoint);
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
    const slot = this.#slots.get(`${key}${host}`) ?? { bound: [], turn: 0, cloud: [] };
    this.#slots.set(`${key}${host}`, slot);
    return slot;
  }

  #tidy(name: string, slot: Slot): void {
    if (slot.bound.length === 0 && slot.cloud.length === 0) this.#slots.delete(name);
  }

  #choose(slot: Slot): Endpoint | null {
    const { bound, cloud } = slot;
    const [first] = cloud;
    if (first === undefined) return leastBusy(slot);
    // One that shares with nobody has the URL, whatever else came there meanwhile.
    if (!first.poolingEnabled) return first;
    const agents = bound.filter(({ pool }) => pool.size > 0).length;
    const chosen = Math.floor(this.#random() * (agents + cloud.length));
    return chosen < agents ? leastBusy(slot) : (cloud[chosen - agents] ?? first);
  }
}

/** The one whose session has the fewest streams open; among equals they take turns. */
function leastBusy(slot: Slot): Endpoint | null {
  const { bound } = slot;
  let best: Endpoint | null = bound[0] ?? null;
  if (bound.length < 2) return best;
  slot.turn = (slot.turn + 1) % bound.length;
  let fewest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < bound.length; i += 1) {
    const endpoint = bound[(slot.turn + i) % bound.length];
    const streams = endpoint?.pool.pick()?.openStreams ?? Number.POSITIVE_INFINITY;
    if (endpoint === undefined || streams >= fewest) continue;
    best = endpoint;
    fewest = streams;
  }
  return best;
}
