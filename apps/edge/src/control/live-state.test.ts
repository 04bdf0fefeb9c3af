import type { LiveClaim } from '@portico/api-contract/internal';
import { EmbeddedRegistry, type Registry, RegistryError } from '@portico/registry';
import { createLogger } from '@portico/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../testing/visit.util.ts';
import { LiveState } from './live-state.ts';

const KEY = 'claims/https/demo.test';
let registry: EmbeddedRegistry;
const opened: LiveState[] = [];

beforeEach(() => {
  registry = new EmbeddedRegistry();
});
afterEach(async () => {
  for (const live of opened.splice(0)) await live.close();
  await registry.close();
});

function edge(nodeId: string, over: Registry = registry) {
  const lost: (string | null)[] = [];
  const live = new LiveState({
    registry: over,
    nodeId,
    // Long: a lease that runs late on a busy machine is another matter; losses are made here.
    ttlS: 30,
    log: createLogger({ name: 'test', level: 'silent' }),
    onLost: (key, by) => lost.push(key, by?.nodeId ?? null),
  });
  opened.push(live);
  return { live, lost };
}

function claim(nodeId: string, changed: Partial<LiveClaim> = {}): LiveClaim {
  return {
    endpointId: 'ep_1',
    accountId: 'ac_1',
    sessionId: 'ts_1',
    nodeId,
    url: 'https://demo.test',
    proto: 'https',
    name: '',
    metadata: '',
    forwardsTo: '',
    startedAt: new Date(0).toISOString(),
    bindId: 'b1',
    ...changed,
  };
}

const stored = async (): Promise<LiveClaim | null> => {
  const kv = await registry.get(KEY);
  return kv === null ? null : JSON.parse(kv.value);
};
const never = { mayTake: () => false, reclaim: false };

describe('claims', () => {
  it('go to one of many who ask at once', async () => {
    const edges = Array.from({ length: 10 }, (_, i) => edge(`n${i}`));
    const outcomes = await Promise.all(edges.map(({ live }, i) => live.claim(KEY, claim(`n${i}`), never)));
    expect(outcomes.filter(({ kind }) => kind === 'held')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'taken')).toHaveLength(9);
  });

  it('say who has the name, and leave it there', async () => {
    const [one, two] = [edge('one'), edge('two')];
    await one.live.claim(KEY, claim('one'), never);
    expect(await two.live.claim(KEY, claim('two'), never)).toMatchObject({ kind: 'taken', by: { nodeId: 'one' } });
    expect(await stored()).toMatchObject({ nodeId: 'one' });
  });

  it('can be taken where that is allowed; the one who lost it does not delete it when it lets go', async () => {
    const [one, two] = [edge('one'), edge('two')];
    await one.live.claim(KEY, claim('one'), never);
    const taken = await two.live.claim(KEY, claim('two'), { mayTake: (by) => by.bindId === 'b1', reclaim: true });
    expect(taken).toEqual({ kind: 'held', proven: true });
    one.live.release(KEY);
    await eventually(async () => one.live.settled, Boolean);
    expect(await stored()).toMatchObject({ nodeId: 'two' });
  });

  it('are free again once released', async () => {
    const [one, two] = [edge('one'), edge('two')];
    await one.live.claim(KEY, claim('one'), never);
    one.live.release(KEY);
    await eventually(async () => one.live.settled, Boolean);
    expect(await stored()).toBeNull();
    expect((await two.live.claim(KEY, claim('two', { accountId: 'ac_2' }), never)).kind).toBe('held');
  });

  it('may be released and claimed again in one breath', async () => {
    const { live } = edge('one');
    await live.claim(KEY, claim('one'), never);
    live.release(KEY);
    const again = await live.claim(KEY, claim('one', { bindId: 'b2' }), { mayTake: () => true, reclaim: false });
    expect(again.kind).toBe('held');
    await eventually(async () => live.settled, Boolean);
    expect(await stored()).toMatchObject({ bindId: 'b2' });
  });
});

describe('after the loss of a lease', () => {
  it('everything is put back', async () => {
    const gone = interruptible();
    const { live } = edge('one', gone.registry);
    await live.claim(KEY, claim('one'), never);
    live.updateClaim(KEY, claim('one', { sessionId: 'ts_2' }));
    await eventually(stored, (value) => value?.sessionId === 'ts_2');
    gone.interrupt();
    await eventually(stored, (value) => value === null);
    gone.resume();
    await eventually(stored, (value) => value?.sessionId === 'ts_2');
    expect(live.size).toBe(1);
  });

  it('a name that another node has got meanwhile is given up', async () => {
    const gone = interruptible();
    const one = edge('one', gone.registry);
    const two = edge('two');
    await one.live.claim(KEY, claim('one'), never);
    gone.interrupt();
    await eventually(stored, (value) => value === null);
    await two.live.claim(KEY, claim('two', { bindId: 'b2', accountId: 'ac_2' }), never);
    gone.resume();
    await eventually(
      async () => one.lost,
      (lost) => lost.length > 0,
    );
    expect(one.lost).toEqual([KEY, 'two']);
    expect(await stored()).toMatchObject({ nodeId: 'two' });
    expect(one.live.size).toBe(0);
  });
});

describe('while the registry is away', () => {
  it('a new name cannot be had, one that was held before can, and is claimed later', async () => {
    const gone = interruptible();
    const { live } = edge('one', gone.registry);
    gone.interrupt();
    expect((await live.claim(KEY, claim('one'), never)).kind).toBe('unavailable');
    const held = await live.claim(KEY, claim('one'), { mayTake: () => false, reclaim: true });
    expect(held).toEqual({ kind: 'held', proven: false });
    expect(await stored()).toBeNull();
    gone.resume();
    await eventually(stored, (value) => value?.nodeId === 'one');
  });
});

describe('many keys', () => {
  it('are spread over leases of at most a thousand', async () => {
    const { live } = edge('one');
    for (let i = 0; i < 2_000; i += 1) live.updateClaim(`claims/https/h${i}.test`, claim('one', { bindId: `b${i}` }));
    await eventually(async () => live.settled, Boolean);
    const { kvs } = await registry.list('claims/');
    expect(kvs).toHaveLength(2_000);
    const perLease = new Map<string | null, number>();
    for (const { lease } of kvs) perLease.set(lease, (perLease.get(lease) ?? 0) + 1);
    expect(Math.max(...perLease.values())).toBeLessThanOrEqual(1_000);
    await live.close();
    expect((await registry.list('claims/')).kvs).toHaveLength(0);
  });
});

/** The registry behind a line that can be cut: calls and renewals fail, the engine itself goes on. */
function interruptible(): { registry: Registry; interrupt(): void; resume(): void } {
  let cut = false;
  const check = () => {
    if (cut) throw new RegistryError('unavailable', 'the line is cut');
  };
  const cutLeases: (() => void)[] = [];
  return {
    interrupt: () => {
      cut = true;
      // Its keys go when the time is up, as they would when nobody renews.
      for (const lose of cutLeases.splice(0)) lose();
    },
    resume: () => {
      cut = false;
    },
    registry: {
      get: async (key) => {
        check();
        return registry.get(key);
      },
      list: async (prefix) => {
        check();
        return registry.list(prefix);
      },
      txn: async (transaction) => {
        check();
        return registry.txn(transaction);
      },
      lease: async (ttlS) => {
        check();
        const lease = await registry.lease(ttlS);
        const listeners: (() => void)[] = [];
        let lost = false;
        cutLeases.push(() => {
          lost = true;
          void lease.revoke().then(() => {
            for (const listener of listeners) listener();
          });
        });
        return {
          id: lease.id,
          ttlS,
          get state() {
            return lost ? ('lost' as const) : lease.state;
          },
          on: (event, listener) => {
            if (event === 'lost') listeners.push(listener);
            return lease.on(event, listener);
          },
          revoke: () => lease.revoke(),
          abandon: () => lease.abandon(),
        };
      },
      watch: (prefix, fromRev, options) => registry.watch(prefix, fromRev, options),
      status: () => registry.status(),
      close: async () => {},
    },
  };
}
