import { type BlockList, isIPv4, isIPv6, type Socket } from 'node:net';
import type { VisitorLimits } from '../proxy/limits.ts';
import type { Sweep, Swept } from '../proxy/sweep.ts';

export type AdmissionRefusal = 'address-connections' | 'address-rate' | 'connections' | 'shedding';

interface AddressUse {
  open: number;
  tokens: number;
  atMs: number;
}

/**
 * Who may connect: connections of one address, new ones a second, and all together (L13, L14). Loopback is left out
 * unless `limitLoopback`, and so are trusted proxies, for which the address in the PROXY header counts.
 */
export class Admission implements Swept {
  readonly #limits: VisitorLimits;
  readonly #trusted: BlockList;
  readonly #sweep: Sweep;
  readonly #shedding: () => boolean;
  readonly #addresses = new Map<string, AddressUse>();
  readonly refusals: Record<AdmissionRefusal, number> = {
    'address-connections': 0,
    'address-rate': 0,
    connections: 0,
    shedding: 0,
  };
  #open = 0;
  /** Visitors' connections, which may be ended when memory is short (L25). */
  readonly visitors = new Set<Socket>();

  /** @param shedding whether no new connection is wanted now (L25, L26) */
  constructor({
    limits,
    trusted,
    sweep,
    shedding = () => false,
  }: {
    limits: VisitorLimits;
    trusted: BlockList;
    sweep: Sweep;
    shedding?: () => boolean;
  }) {
    this.#limits = limits;
    this.#trusted = trusted;
    this.#sweep = sweep;
    this.#shedding = shedding;
    sweep.add(this);
  }

  /** Visitor connections open now. */
  get open(): number {
    return this.#open;
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#addresses.size;
  }

  isTrusted(address: string): boolean {
    return contains(this.#trusted, address);
  }

  /** Counts a connection in; the caller gives the `release` that it gets back exactly once. A refusal is counted. */
  admit(address: string): { readonly release: () => void } | { readonly refused: AdmissionRefusal } {
    if (this.#shedding()) return this.#refuse('shedding');
    if (this.#open >= this.#limits.connections) return this.#refuse('connections');
    const use = this.#use(address);
    if (use !== null) {
      if (use.open >= this.#limits.connectionsPerAddress) return this.#refuse('address-connections');
      if (use.tokens < 1) return this.#refuse('address-rate');
      use.tokens -= 1;
      use.open += 1;
    }
    this.#open += 1;
    return {
      release: () => {
        this.#open -= 1;
        if (use !== null) use.open -= 1;
      },
    };
  }

  /** Addresses without connections are forgotten once they have all their tokens again. */
  sweep(nowMs: number): void {
    for (const [key, use] of this.#addresses) {
      this.#refill(use, nowMs);
      if (use.open === 0 && use.tokens >= this.#limits.newConnectionsBurst) this.#addresses.delete(key);
    }
  }

  #refuse(reason: AdmissionRefusal): { refused: AdmissionRefusal } {
    this.refusals[reason] += 1;
    return { refused: reason };
  }

  /** Null: this address is not limited. */
  #use(address: string): AddressUse | null {
    if (!this.#limits.limitLoopback && isLoopback(address)) return null;
    if (this.isTrusted(address)) return null;
    const key = addressKey(address);
    const nowMs = this.#sweep.now();
    const known = this.#addresses.get(key);
    if (known !== undefined) {
      this.#refill(known, nowMs);
      return known;
    }
    const use = { open: 0, tokens: this.#limits.newConnectionsBurst, atMs: nowMs };
    this.#addresses.set(key, use);
    return use;
  }

  #refill(use: AddressUse, nowMs: number): void {
    const earned = ((nowMs - use.atMs) * this.#limits.newConnectionsPerS) / 1000;
    use.tokens = Math.min(this.#limits.newConnectionsBurst, use.tokens + earned);
    use.atMs = nowMs;
  }
}

function contains(list: BlockList, address: string): boolean {
  if (isIPv4(address)) return list.check(address, 'ipv4');
  return isIPv6(address) && list.check(address, 'ipv6');
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** An IPv6 network of 64 bits is one customer, who has all its addresses. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.split('%')[0]?.split('::') ?? [];
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const groups = address.includes('::')
    ? [...before, ...new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
    : before;
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** `::ffff:192.0.2.1` is how a dual-stack socket writes an IPv4 address. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address;
}
