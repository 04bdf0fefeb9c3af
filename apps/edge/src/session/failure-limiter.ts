import { BlockList, isIPv6 } from 'node:net';

const ADDRESSES_MAX = 10_000;
const MINUTE_MS = 60_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * Slows down those who try tokens: so many failures a minute from one address (IPv6: one /64), then nobody is asked
 * on its behalf until the minute has passed. Stock clients repeat a bad token for ever, so this also shields the API.
 */
export class FailureLimiter {
  readonly #perMinute: number;
  readonly #exempt: BlockList | null;
  readonly #nowMs: () => number;
  /** Least recently failed first. */
  readonly #buckets = new Map<string, Bucket>();

  /** @param exempt addresses that stand for many clients: loopback, the operator's proxies. Null: none. */
  constructor(options: { perMinute: number; exempt: BlockList | null; nowMs: () => number }) {
    this.#perMinute = options.perMinute;
    this.#exempt = options.exempt;
    this.#nowMs = options.nowMs;
  }

  /** How many seconds this address has to wait; 0: it may try. */
  waitSeconds(address: string): number {
    const bucket = this.#buckets.get(keyOf(address));
    if (bucket === undefined) return 0;
    const tokens = this.#refilled(bucket);
    if (tokens >= 1) return 0;
    return Math.max(1, Math.ceil(((1 - tokens) / this.#perMinute) * 60));
  }

  failed(address: string): void {
    if (this.#isExempt(address)) return;
    const key = keyOf(address);
    const bucket = this.#buckets.get(key) ?? { tokens: this.#perMinute, atMs: this.#nowMs() };
    bucket.tokens = Math.max(0, this.#refilled(bucket) - 1);
    bucket.atMs = this.#nowMs();
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > ADDRESSES_MAX) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
  }

  get size(): number {
    return this.#buckets.size;
  }

  #refilled(bucket: Bucket): number {
    return Math.min(this.#perMinute, bucket.tokens + ((this.#nowMs() - bucket.atMs) * this.#perMinute) / MINUTE_MS);
  }

  #isExempt(address: string): boolean {
    return this.#exempt?.check(plain(address), isIPv6(plain(address)) ? 'ipv6' : 'ipv4') ?? false;
  }
}

export function loopbackAddresses(): BlockList {
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8, 'ipv4');
  list.addAddress('::1', 'ipv6');
  return list;
}

/** `::ffff:127.0.0.1`, as a dual-stack socket shows it, is the IPv4 address. */
function plain(address: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address;
}

/** One customer has a whole /64. */
function keyOf(address: string): string {
  const text = plain(address);
  if (!isIPv6(text)) return text;
  const [head = '', tail] = (text.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const end = tail === '' ? [] : tail.split(':');
    while (groups.length + end.length < 8) groups.push('0');
    groups.push(...end);
  }
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
