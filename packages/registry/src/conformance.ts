import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyValue, Lease, Registry, RegistryEvent, TransactionResult, WatchBatch } from './registry.ts';
import type { RegistryError } from './registry-error.ts';

/** One empty engine and ways to reach it. */
export interface ConformanceSubject {
  /** A client of the engine; for an engine in the same process always the same one. */
  connect(): Promise<Registry>;
  /** Makes the engine forget the changes that led up to now. */
  compact(): Promise<void>;
  /** Ends the engine and all clients. */
  close(): Promise<void>;
}

/** What every registry must do, whichever engine is behind it. `start` gives a new and empty engine each time. */
export function registryConformance(name: string, start: () => Promise<ConformanceSubject>): void {
  describe(`registry: ${name}`, () => {
    let subject: ConformanceSubject;
    let registry: Registry;
    let other: Registry;
    beforeEach(async () => {
      subject = await start();
      registry = await subject.connect();
      other = await subject.connect();
    });
    afterEach(() => subject.close());

    describe('get and list', () => {
      it('find nothing in the beginning', async () => {
        expect(await registry.get('a')).toBeNull();
        expect((await registry.list('')).kvs).toEqual([]);
      });

      it('give the value, its revisions and its version', async () => {
        const created = await create(registry, 'claims/https/a.example', '{"n":1}');
        expect(created).toMatchObject({ value: '{"n":1}', version: 1, lease: null, createRev: created.modRev });
        const updated = await update(registry, created, '{"n":2}');
        expect(updated).toMatchObject({ value: '{"n":2}', version: 2, createRev: created.createRev });
        expect(updated.modRev).toBeGreaterThan(created.modRev);
        expect(await other.get('claims/https/a.example')).toEqual(updated);
      });

      it('see a key that was deleted and made again as a new one', async () => {
        const first = await create(registry, 'k', '1');
        await remove(registry, first);
        expect(await registry.get('k')).toBeNull();
        const second = await create(registry, 'k', '2');
        expect(second).toMatchObject({ version: 1, createRev: second.modRev });
        expect(second.createRev).toBeGreaterThan(first.modRev);
      });

      it('keep to the prefix and the order of the keys', async () => {
        for (const key of ['b/2', 'a', 'b/10', 'b', 'b/1', 'c', 'b0', 'B/1']) {
          await create(registry, key, '0');
        }
        const keysOf = async (prefix: string) => (await other.list(prefix)).kvs.map(({ key }) => key);
        expect(await keysOf('b/')).toEqual(['b/1', 'b/10', 'b/2']);
        expect(await keysOf('b')).toEqual(['b', 'b/1', 'b/10', 'b/2', 'b0']);
        expect(await keysOf('')).toEqual(['B/1', 'a', 'b', 'b/1', 'b/10', 'b/2', 'b0', 'c']);
        expect(await keysOf('d')).toEqual([]);
      });

      it('name the revision of the whole', async () => {
        const kv = await create(registry, 'a', '0');
        const { rev } = await registry.list('nothing/');
        expect(rev).toBe(kv.modRev);
      });
    });

    describe('a transaction', () => {
      it('does all its operations at one revision', async () => {
        const old = await create(registry, 'old', '0');
        const { ok, rev, results } = await registry.txn({
          if: [absent('a'), absent('b'), { kind: 'mod-revision', key: 'old', modRev: old.modRev }],
          then: [
            put('a', '1'),
            put('b', '2'),
            { kind: 'delete', key: 'old' },
            { kind: 'get', key: 'a' },
            { kind: 'list', prefix: '' },
          ],
        });
        expect(ok).toBe(true);
        expect(results.map((kvs) => kvs.map(({ key, value, modRev }) => [key, value, modRev]))).toEqual([
          [['a', '1', rev]],
          [['b', '2', rev]],
          [['old', '0', old.modRev]],
          [['a', '1', rev]],
          [
            ['a', '1', rev],
            ['b', '2', rev],
          ],
        ]);
      });

      it('does nothing but `else` when one comparison fails', async () => {
        const held = await create(registry, 'name', '"first"');
        const before = (await registry.list('')).rev;
        const result = await other.txn({
          if: [absent('free'), absent('name')],
          then: [put('free', '1'), put('name', '"second"')],
          else: [{ kind: 'get', key: 'name' }],
        });
        expect(result).toEqual({ ok: false, rev: before, results: [[held]] });
        expect(await registry.get('free')).toBeNull();
      });

      it('compares presence and the revision of the last change', async () => {
        const kv = await create(registry, 'k', '1');
        expect((await registry.txn({ if: [{ kind: 'present', key: 'k' }], then: [] })).ok).toBe(true);
        expect((await registry.txn({ if: [{ kind: 'present', key: 'x' }], then: [] })).ok).toBe(false);
        const stale = { kind: 'mod-revision', key: 'k', modRev: kv.modRev } as const;
        await update(registry, kv, '2');
        expect((await registry.txn({ if: [stale], then: [put('k', '3')] })).ok).toBe(false);
        expect((await registry.txn({ if: [{ ...stale, key: 'x' }], then: [] })).ok).toBe(false);
        expect((await registry.get('k'))?.value).toBe('2');
      });

      it('that deletes nothing changes nothing', async () => {
        const before = (await registry.list('')).rev;
        const result = await registry.txn({ if: [absent('x')], then: [{ kind: 'delete', key: 'x' }] });
        expect(result).toEqual({ ok: true, rev: before, results: [[]] });
      });

      it('is refused when it writes blindly, twice, too much, or what is no key', async () => {
        const long = 'k'.repeat(513);
        const many = Array.from({ length: 129 }, (_, index) => `k${index}`);
        const big = `"${'x'.repeat(16 * 1024)}"`;
        for (const transaction of [
          { if: [], then: [put('a', '1')] },
          { if: [absent('b')], then: [put('a', '1')] },
          { if: [absent('b')], then: [{ kind: 'delete', key: 'a' } as const] },
          { if: [absent('b')], then: [], else: [put('a', '1')] },
          { if: [absent('a')], then: [put('a', '1'), put('a', '2')] },
          { if: many.map(absent), then: many.map((key) => put(key, '1')) },
          { if: [absent('a')], then: [put('a', big)] },
          { if: [absent(long)], then: [] },
          { if: [absent('')], then: [] },
          { if: [absent('a b')], then: [] },
          { if: [absent('ä')], then: [] },
        ]) {
          await expect(registry.txn(transaction)).rejects.toMatchObject(fault('invalid'));
        }
        await expect(registry.get('a\nb')).rejects.toMatchObject(fault('invalid'));
        expect((await registry.list('')).kvs).toEqual([]);
      });

      it('takes as many operations as it may have, and values up to their limit', async () => {
        const keys = Array.from({ length: 128 }, (_, index) => `k${index}`);
        const value = 'x'.repeat(16 * 1024);
        expect((await registry.txn({ if: keys.map(absent), then: keys.map((key) => put(key, value)) })).ok).toBe(true);
        expect((await other.list('k')).kvs.filter((kv) => kv.value === value)).toHaveLength(128);
      });

      it('lets exactly one of 50 claim a name', async () => {
        const results = await Promise.all(
          Array.from({ length: 50 }, (_, index) =>
            (index % 2 === 0 ? registry : other).txn({
              if: [absent('claims/https/demo')],
              then: [put('claims/https/demo', String(index))],
              else: [{ kind: 'get', key: 'claims/https/demo' }],
            }),
          ),
        );
        const winners = results.filter(({ ok }) => ok);
        expect(winners).toHaveLength(1);
        const held = await registry.get('claims/https/demo');
        // Each loser saw the winner, at once.
        expect(new Set(results.map((result) => first(result).value))).toEqual(new Set([held?.value]));
      });

      it('loses no update when 50 compare and swap', async () => {
        await create(registry, 'counter', '0');
        const increment = async (client: Registry): Promise<void> => {
          for (;;) {
            const kv = await client.get('counter');
            if (kv === null) {
              throw new Error('the counter is gone');
            }
            const { ok } = await client.txn({
              if: [{ kind: 'mod-revision', key: 'counter', modRev: kv.modRev }],
              then: [put('counter', String(Number(kv.value) + 1))],
            });
            if (ok) {
              return;
            }
          }
        };
        await Promise.all(Array.from({ length: 50 }, (_, index) => increment(index % 2 === 0 ? registry : other)));
        expect(await registry.get('counter')).toMatchObject({ value: '50', version: 51 });
      });
    });

    describe('a lease', () => {
      it('takes its keys with it when its time is over, at one revision', async () => {
        const lease = await registry.lease(0.4);
        await create(registry, 'a', '1', lease);
        const { rev } = await create(registry, 'b', '2', lease).then(() => registry.list(''));
        await create(registry, 'kept', '3');
        lease.abandon();
        const [batch] = await take(other.watch('', rev + 2n), 1);
        expect(eventsOf(batch).map(summary).sort()).toEqual(['delete a', 'delete b']);
        expect((await other.list('')).kvs.map(({ key }) => key)).toEqual(['kept']);
        expect((await create(other, 'a', '4')).version).toBe(1);
      });

      it('is kept alive by itself', async () => {
        const lease = await registry.lease(2);
        await create(registry, 'a', '1', lease);
        const unexpected: string[] = [];
        lease.on('late', () => unexpected.push('late'));
        lease.on('lost', () => unexpected.push('lost'));
        await delay(4_500);
        expect(unexpected).toEqual([]);
        expect(lease.state).toBe('live');
        expect(await other.get('a')).not.toBeNull();
      });

      it('takes its keys with it at once when it is revoked, and is of no use after that', async () => {
        const lease = await registry.lease(60);
        const lost: string[] = [];
        lease.on('lost', () => lost.push('lost'));
        await create(registry, 'a', '1', lease);
        await lease.revoke();
        expect(await other.get('a')).toBeNull();
        expect(lease.state).toBe('ended');
        expect(lost).toEqual([]);
        await expect(create(registry, 'a', '1', lease)).rejects.toMatchObject(fault('lease-not-found'));
        await lease.revoke();
      });

      it('does not take a key that has moved to another lease, or to none', async () => {
        const [short, long] = [await registry.lease(60), await registry.lease(60)];
        const [moved, freed] = [await create(registry, 'm', '1', short), await create(registry, 'f', '1', short)];
        await update(registry, moved, '2', long);
        await update(registry, freed, '2', null);
        await short.revoke();
        expect((await other.list('')).kvs.map(({ key, lease }) => [key, lease])).toEqual([
          ['f', null],
          ['m', long.id],
        ]);
        await long.revoke();
        expect((await other.list('')).kvs.map(({ key }) => key)).toEqual(['f']);
      });

      it('that is unknown is refused, and nothing of the transaction is done', async () => {
        const lost: Lease = await registry.lease(60);
        await lost.revoke();
        const attempt = registry.txn({
          if: [absent('a'), absent('b')],
          then: [put('a', '1'), { ...put('b', '2'), lease: lost.id }],
        });
        await expect(attempt).rejects.toMatchObject(fault('lease-not-found'));
        expect((await registry.list('')).kvs).toEqual([]);
      });

      it('holds 1,000 keys and no more', async () => {
        const lease = await registry.lease(60);
        const keys = Array.from({ length: 1_000 }, (_, index) => `k${index}`);
        for (let at = 0; at < keys.length; at += 100) {
          const part = keys.slice(at, at + 100);
          const { ok } = await registry.txn({
            if: part.map(absent),
            then: part.map((key) => ({ ...put(key, '1'), lease: lease.id })),
          });
          expect(ok).toBe(true);
        }
        await expect(create(registry, 'one-more', '1', lease)).rejects.toMatchObject(fault('full'));
        await lease.revoke();
        expect((await registry.list('')).kvs).toEqual([]);
      });

      it('lasts between a tenth of a second and an hour', async () => {
        for (const ttlS of [0, -1, 0.01, 3_601, Number.NaN]) {
          await expect(registry.lease(ttlS)).rejects.toMatchObject(fault('invalid'));
        }
      });
    });

    describe('a watch', () => {
      it('tells what changes under its prefix, in order', async () => {
        const { rev } = await registry.list('');
        const watching = take(other.watch('sessions/', rev + 1n), 3);
        const kv = await create(registry, 'sessions/1', '1');
        await create(registry, 'claims/https/a', '1');
        await remove(registry, await update(registry, kv, '2'));
        const batches = await watching;
        expect(batches.flatMap(eventsOf).map(summary)).toEqual([
          'put sessions/1=1',
          'put sessions/1=2',
          'delete sessions/1',
        ]);
        const revs = batches.map(({ rev: at }) => at);
        expect([...revs].sort((a, b) => Number(a - b))).toEqual(revs);
      });

      it('tells again what happened before it came', async () => {
        const { rev } = await registry.list('');
        const a = await create(registry, 'a', '1');
        await update(registry, a, '2');
        await create(registry, 'b', '1');
        expect(await collect(other.watch('', rev + 1n), 3)).toEqual(['put a=1', 'put a=2', 'put b=1']);
        expect(await collect(other.watch('', a.modRev + 1n), 2)).toEqual(['put a=2', 'put b=1']);
        expect(await collect(other.watch('b', rev + 1n), 1)).toEqual(['put b=1']);
      });

      it('tells the changes of one transaction together', async () => {
        const { rev } = await registry.list('');
        const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
        await registry.txn({ if: keys.map(absent), then: keys.map((key) => put(key, '1')) });
        const [batch] = await take(other.watch('k', rev + 1n), 1);
        expect(eventsOf(batch)).toHaveLength(100);
      });

      it('together with a list misses nothing and tells nothing twice, while others write', async () => {
        const writing = (async () => {
          for (let index = 0; index < 200; index += 1) {
            await create(registry, `k/${String(index).padStart(3, '0')}`, String(index));
          }
        })();
        const { kvs, rev } = await other.list('k/');
        const seen = new Set(kvs.map(({ key }) => key));
        for await (const batch of other.watch('k/', rev + 1n)) {
          for (const event of eventsOf(batch)) {
            expect(event.kind).toBe('put');
            const key = event.kind === 'put' ? event.kv.key : event.key;
            expect(seen.has(key)).toBe(false);
            seen.add(key);
          }
          if (seen.size === 200) {
            break;
          }
        }
        await writing;
      });

      it('from a forgotten revision says so and ends; list and watch go on from there', async () => {
        const { rev } = await registry.list('');
        await create(registry, 'a', '1');
        await subject.compact();
        const batches: WatchBatch[] = [];
        for await (const batch of other.watch('', rev + 1n)) {
          batches.push(batch);
        }
        expect(batches.map(({ kind }) => kind)).toEqual(['compacted']);
        const listing = await other.list('a');
        expect(listing.kvs.map(({ key }) => key)).toEqual(['a']);
        const watching = collect(other.watch('late', listing.rev + 1n), 1);
        await create(registry, 'late', '1');
        expect(await watching).toEqual(['put late=1']);
      });

      it('ends when its signal says so, before and after the first event', async () => {
        for (const events of [0, 1]) {
          const { rev } = await registry.list('');
          const stop = new AbortController();
          const watching = (async () => {
            const batches: WatchBatch[] = [];
            for await (const batch of other.watch(`x${events}`, rev + 1n, { signal: stop.signal })) {
              batches.push(batch);
              stop.abort();
            }
            return batches.length;
          })();
          if (events === 0) {
            await delay(50);
            stop.abort();
          } else {
            await create(registry, 'x1', '1');
          }
          expect(await watching).toBe(events);
        }
      });

      it('that asks for it hears how far it has seen everything', async () => {
        const kv = await create(registry, 'elsewhere', '1');
        const [batch] = await take(other.watch('quiet/', kv.modRev + 1n, { progressMs: 30 }), 1);
        expect(batch).toEqual({ kind: 'progress', rev: kv.modRev });
      });

      it('that reads slowly costs others nothing and never skips a change unseen', async () => {
        const { rev } = await registry.list('');
        const slow = other.watch('n', rev + 1n)[Symbol.asyncIterator]();
        let kv = await create(registry, 'n', '0');
        const numbers = numbersOf((await slow.next()).value);
        for (let index = 1; index <= 300; index += 1) {
          kv = await update(registry, kv, String(index));
        }
        await subject.compact();
        for (;;) {
          const { value: batch } = await slow.next();
          if (batch === undefined || batch.kind === 'compacted') {
            expect(batch?.kind).toBe('compacted');
            break;
          }
          numbers.push(...numbersOf(batch));
          if (numbers.length === 301) {
            break;
          }
        }
        expect(numbers).toEqual(numbers.map((_, index) => index));
        await slow.return?.();
      });

      it('ends when the registry is closed, and the registry then refuses calls', async () => {
        const { rev } = await registry.list('');
        const watching = take(other.watch('x', rev + 1n), 1);
        await delay(50);
        await other.close();
        expect(await watching).toEqual([]);
        await expect(other.get('a')).rejects.toMatchObject(fault('closed'));
      });
    });

    it('knows its state', async () => {
      const kv = await create(registry, 'a', '1');
      expect(registry.status()).toMatchObject({ healthy: true, isolated: false, rev: kv.modRev });
    });
  });
}

/** A partial RegistryError to match. */
function fault(kind: RegistryError['fault']): object {
  return { name: 'RegistryError', fault: kind };
}

function absent(key: string): { kind: 'absent'; key: string } {
  return { kind: 'absent', key };
}

function put(key: string, value: string): { kind: 'put'; key: string; value: string; lease: null } {
  return { kind: 'put', key, value, lease: null };
}

async function create(registry: Registry, key: string, value: string, lease?: Lease): Promise<KeyValue> {
  const result = await registry.txn({ if: [absent(key)], then: [{ ...put(key, value), lease: lease?.id ?? null }] });
  expect(result.ok).toBe(true);
  return first(result);
}

async function update(registry: Registry, kv: KeyValue, value: string, lease?: Lease | null): Promise<KeyValue> {
  const result = await registry.txn({
    if: [{ kind: 'mod-revision', key: kv.key, modRev: kv.modRev }],
    then: [{ ...put(kv.key, value), lease: lease === undefined ? kv.lease : (lease?.id ?? null) }],
  });
  expect(result.ok).toBe(true);
  return first(result);
}

async function remove(registry: Registry, kv: KeyValue): Promise<void> {
  const { ok } = await registry.txn({
    if: [{ kind: 'mod-revision', key: kv.key, modRev: kv.modRev }],
    then: [{ kind: 'delete', key: kv.key }],
  });
  expect(ok).toBe(true);
}

function first({ results }: TransactionResult): KeyValue {
  const kv = results[0]?.[0];
  if (kv === undefined) {
    throw new Error('the transaction gave back nothing');
  }
  return kv;
}

async function take(batches: AsyncIterable<WatchBatch>, count: number): Promise<WatchBatch[]> {
  const taken: WatchBatch[] = [];
  let events = 0;
  for await (const batch of batches) {
    taken.push(batch);
    events += batch.kind === 'events' ? batch.events.length : 1;
    if (events >= count) {
      break;
    }
  }
  return taken;
}

async function collect(batches: AsyncIterable<WatchBatch>, count: number): Promise<string[]> {
  return (await take(batches, count)).flatMap(eventsOf).map(summary);
}

function eventsOf(batch: WatchBatch | undefined): readonly RegistryEvent[] {
  expect(batch?.kind).toBe('events');
  return batch?.kind === 'events' ? batch.events : [];
}

function numbersOf(batch: WatchBatch | undefined): number[] {
  return eventsOf(batch).map((event) => (event.kind === 'put' ? Number(event.kv.value) : Number.NaN));
}

function summary(event: RegistryEvent): string {
  return event.kind === 'put' ? `put ${event.kv.key}=${event.kv.value}` : `delete ${event.key}`;
}
