import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { registryConformance } from './conformance.ts';
import { EmbeddedRegistry, type EmbeddedRegistryOptions } from './embedded-registry.ts';
import type { Operation, Registry, WatchBatch } from './registry.ts';
import { overflow } from './testing/registry-host.ts';

registryConformance('embedded', async () => {
  const registry = new EmbeddedRegistry({ limits: { logEvents: 1_000 } });
  return { connect: async () => registry, compact: () => overflow(registry, 1_000), close: () => registry.close() };
});

describe('the embedded engine', () => {
  const engines: EmbeddedRegistry[] = [];
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
  });
  const start = (options: EmbeddedRegistryOptions = {}): EmbeddedRegistry => {
    const engine = new EmbeddedRegistry(options);
    engines.push(engine);
    return engine;
  };

  describe('counts the time of a lease', () => {
    it('by a monotonic clock, and to the end', async () => {
      const clock = { ms: 0 };
      const engine = start({ nowMs: () => clock.ms });
      const id = engine.grantLease(10);
      await create(engine, 'a', id);
      await pass(engine, clock, 9_900);
      expect(await engine.get('a')).not.toBeNull();
      expect(engine.renewLease(id)).toBe(true);
      await pass(engine, clock, 9_900);
      expect(await engine.get('a')).not.toBeNull();
      await pass(engine, clock, 200);
      expect(await engine.get('a')).toBeNull();
      expect(engine.renewLease(id)).toBe(false);
      expect(engine.status()).toMatchObject({ leases: 0, keys: 0 });
    });

    it('except while the process did not run: the renewals that came then are still to be read', async () => {
      const clock = { ms: 0 };
      const engine = start({ nowMs: () => clock.ms });
      const id = engine.grantLease(10);
      await create(engine, 'a', id);
      await pass(engine, clock, 5_000);
      clock.ms += 60_000;
      expect(await engine.get('a')).not.toBeNull();
      await pass(engine, clock, 4_900);
      expect(await engine.get('a')).not.toBeNull();
      await pass(engine, clock, 200);
      expect(await engine.get('a')).toBeNull();
    });
  });

  describe('after a fresh start', () => {
    const freshStart = { prefix: 'claims/', windowMs: 10_000 };

    it('takes new claims only from those who held them, until the time of a lease has passed', async () => {
      const clock = { ms: 0 };
      const engine = start({ nowMs: () => clock.ms, freshStart });
      await pass(engine, clock, 4_000);
      expect(engine.status().freshStart).toBe(true);
      await expect(create(engine, 'claims/https/a')).rejects.toMatchObject({
        fault: 'fresh-start',
        retryAfterMs: 6_000,
      });
      await create(engine, 'sessions/1');
      expect((await create(engine, 'claims/https/a', null, true)).ok).toBe(true);
      // Taken back, it is an ordinary key again: others lose the comparison, and its owner may write it.
      expect((await create(engine, 'claims/https/a', null, true)).ok).toBe(false);
      const held = await engine.get('claims/https/a');
      const compare = { kind: 'mod-revision', key: 'claims/https/a', modRev: held?.modRev ?? 0n } as const;
      expect((await engine.txn({ if: [compare], then: [put('claims/https/a')] })).ok).toBe(true);
      await pass(engine, clock, 6_000);
      expect((await create(engine, 'claims/https/b')).ok).toBe(true);
    });

    it('refuses the whole transaction', async () => {
      const engine = start({ freshStart });
      const both = ['sessions/1', 'claims/https/a'];
      const attempt = engine.txn({
        if: both.map((key) => ({ kind: 'absent', key })),
        then: both.map((key) => put(key)),
      });
      await expect(attempt).rejects.toMatchObject({ fault: 'fresh-start' });
      expect((await engine.list('')).kvs).toEqual([]);
    });

    it('can be told that nobody is left to come back', async () => {
      const engine = start({ freshStart });
      engine.endFreshStart();
      expect((await create(engine, 'claims/https/a')).ok).toBe(true);
    });
  });

  it('counts on from a higher revision than an earlier engine did, and says so to its watchers', async () => {
    const first = start();
    await create(first, 'a');
    const before = first.status().rev;
    await new Promise((resolve) => setTimeout(resolve, 2));
    const second = start();
    await create(second, 'b');
    expect(second.status().rev).toBeGreaterThan(before);
    expect(await all(second.watch('', before + 1n))).toMatchObject([{ kind: 'compacted' }]);
    // Its clock may have been ahead.
    expect(await all(second.watch('', second.status().rev + 2n))).toMatchObject([{ kind: 'compacted' }]);
  });

  it('refuses what would pass its limits, and is as before', async () => {
    const engine = start({ limits: { keys: 3, leases: 2, watchers: 1 } });
    for (const key of ['a', 'b', 'c']) {
      await create(engine, key);
    }
    await expect(create(engine, 'd')).rejects.toMatchObject({ fault: 'full' });
    expect((await engine.list('')).kvs).toHaveLength(3);
    engine.grantLease(10);
    engine.grantLease(10);
    expect(() => engine.grantLease(10)).toThrow('2 leases already');
    const stop = new AbortController();
    const watching = all(engine.watch('', engine.status().rev + 1n, { signal: stop.signal }));
    await expect(all(engine.watch('', 1n))).rejects.toMatchObject({ fault: 'full' });
    stop.abort();
    await watching;
    expect(engine.status().watchers).toBe(0);
  });

  it('forgets old changes by their size too', async () => {
    const engine = start({ limits: { logBytes: 10_000 } });
    const { rev } = await engine.list('');
    let last = rev;
    for (let index = 0; index < 20; index += 1) {
      last = (await create(engine, `k${index}`, null, false, 'x'.repeat(1_000))).rev;
    }
    expect(await all(engine.watch('', rev + 1n))).toMatchObject([{ kind: 'compacted' }]);
    for await (const batch of engine.watch('', last - 5n)) {
      expect(batch.kind === 'events' && batch.events).toHaveLength(6);
      break;
    }
  });

  it('keeps no watcher that was left in the middle', async () => {
    const engine = start();
    const { rev } = await engine.list('');
    await create(engine, 'a');
    for (let round = 0; round < 10; round += 1) {
      for await (const _batch of engine.watch('', rev + 1n)) {
        break;
      }
    }
    expect(engine.status().watchers).toBe(0);
  });

  it('tells a watcher, in order and by whole transactions, all that a history did', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'a/1', 'a/2');
    const change = fc.record({
      key,
      kind: fc.constantFrom('put' as const, 'delete' as const),
      value: fc.nat().map(String),
    });
    const transactions = fc.array(fc.uniqueArray(change, { selector: (one) => one.key, maxLength: 4 }), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(transactions, fc.constantFrom('', 'a', 'a/'), async (history, prefix) => {
        const engine = new EmbeddedRegistry();
        const { rev } = await engine.list('');
        const model = new Map<string, string>();
        for (const changes of history) {
          const { kvs } = await engine.list('');
          const operations = changes.map(
            ({ kind, key: at, value }): Operation =>
              kind === 'put' ? { kind, key: at, value, lease: null } : { kind, key: at },
          );
          const compares = changes.map(({ key: at }) => {
            const kv = kvs.find((one) => one.key === at);
            return kv === undefined
              ? ({ kind: 'absent', key: at } as const)
              : ({ kind: 'mod-revision', key: at, modRev: kv.modRev } as const);
          });
          expect((await engine.txn({ if: compares, then: operations })).ok).toBe(true);
          for (const { kind, key: at, value } of changes) {
            if (kind === 'put') {
              model.set(at, value);
            } else {
              model.delete(at);
            }
          }
        }
        const expected = [...model].filter(([at]) => at.startsWith(prefix)).sort();
        expect((await engine.list(prefix)).kvs.map((kv) => [kv.key, kv.value])).toEqual(expected);

        const replica = new Map<string, string>();
        let seen = rev;
        for await (const batch of engine.watch(prefix, rev + 1n, { progressMs: 1 })) {
          if (batch.kind !== 'events') {
            break;
          }
          expect(batch.rev).toBeGreaterThan(seen);
          seen = batch.rev;
          for (const event of batch.events) {
            if (event.kind === 'put') {
              replica.set(event.kv.key, event.kv.value);
            } else {
              expect(replica.delete(event.key)).toBe(true);
            }
          }
        }
        expect([...replica].sort()).toEqual(expected);
        await engine.close();
      }),
      { numRuns: process.env.PORTICO_LONG === '1' ? 2_000 : 50 },
    );
  });
});

function put(key: string, lease: string | null = null, value = '1'): Operation {
  return { kind: 'put', key, value, lease };
}

function create(registry: Registry, key: string, lease: string | null = null, reclaim = false, value = '1') {
  return registry.txn({ if: [{ kind: 'absent', key }], then: [put(key, lease, value)], reclaim });
}

/** Lets time pass in steps as short as those of a process that runs. */
async function pass(registry: Registry, clock: { ms: number }, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    clock.ms += 100;
    await registry.get('nothing');
  }
}

async function all(batches: AsyncIterable<WatchBatch>): Promise<WatchBatch[]> {
  const seen: WatchBatch[] = [];
  for await (const batch of batches) {
    seen.push(batch);
  }
  return seen;
}
