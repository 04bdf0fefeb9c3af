import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { changeThrottle, clearThrottle, type ThrottleState } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { ApiContext } from '../context.ts';

const blockMsMax = 15 * 60_000;
/** After so long without a try the waits begin small again. */
const forgetMs = 60 * 60_000;

/** Counts tries to prove who one is, or to have mail sent. Every try counts before it is looked at. */
export class Throttle {
  readonly #context: Pick<ApiContext, 'config' | 'database' | 'now'>;

  constructor(context: Pick<ApiContext, 'config' | 'database' | 'now'>) {
    this.#context = context;
  }

  /** 4002 after too many tries from this address. */
  address(ip: string): Promise<void> {
    return this.#count(`address:${sha256(addressGroup(ip))}`, this.#context.config.limits.signIn.addressTries);
  }

  /** 4002 after too many tries for this name, whoever makes them and whether or not somebody has it. */
  name(purpose: ThrottledName, name: string): Promise<void> {
    return this.#count(nameKey(purpose, name), this.#context.config.limits.signIn.accountTries);
  }

  /** It was right: the next mistake is the first again. */
  async clear(purpose: ThrottledName, name: string): Promise<void> {
    await clearThrottle(this.#context.database.queries, nameKey(purpose, name));
  }

  async #count(key: string, triesMax: number): Promise<void> {
    const { config, database, now } = this.#context;
    const at = now();
    const waitMs = await database.transaction((tx) =>
      changeThrottle(tx, key, at, (state) => nextTry(state, at, triesMax, config.limits.signIn.windowMs)),
    );
    if (waitMs > 0) throw new PorticoError(4002, { seconds: Math.ceil(waitMs / 1_000) });
  }
}

/** `account` is the password of a name. */
export type ThrottledName = 'account' | 'code' | 'mail';

function nameKey(purpose: ThrottledName, name: string): string {
  return `${purpose}:${sha256(name)}`;
}

/**
 * One more try. The result is 0, or for how many ms nothing is tried: a window the first time, twice as long each
 * further time, a quarter of an hour at most.
 */
export function nextTry(
  state: ThrottleState,
  at: Date,
  triesMax: number,
  windowMs: number,
): { state: ThrottleState; result: number } {
  const now = at.getTime();
  if (state.blockedUntil !== null && state.blockedUntil.getTime() > now) {
    return { state, result: state.blockedUntil.getTime() - now };
  }
  const age = now - state.windowStart.getTime();
  const level = age >= forgetMs ? 0 : state.level;
  // After a wait the count begins anew, like after a window.
  const fresh = age >= windowMs || state.blockedUntil !== null;
  const tries = fresh ? 1 : state.tries + 1;
  if (tries <= triesMax) {
    return { state: { tries, level, windowStart: fresh ? at : state.windowStart, blockedUntil: null }, result: 0 };
  }
  const waitMs = Math.min(windowMs * 2 ** level, blockMsMax);
  return {
    state: { tries: 0, level: level + 1, windowStart: at, blockedUntil: new Date(now + waitMs) },
    result: waitMs,
  };
}

/** One IPv6 customer has a /64. */
function addressGroup(ip: string): string {
  if (!isIPv6(ip) || ip.includes('.')) return ip;
  const [head = '', tail = ''] = ip.split('%')[0]?.split('::') ?? [];
  const start = head.split(':').filter((part) => part !== '');
  const end = tail.split(':').filter((part) => part !== '');
  const zeros = ip.includes('::') ? Array.from({ length: 8 - start.length - end.length }, () => '0') : [];
  return [...start, ...zeros, ...end].slice(0, 4).join(':');
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
