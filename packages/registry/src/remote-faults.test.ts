import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedRegistry } from './embedded-registry.ts';
import { follow } from './follow.ts';
import type { KeyValue, Registry, WatchBatch } from './registry.ts';
import { handleRegistryRequest } from './registry-server.ts';
import { RemoteRegistry, type RemoteRegistryOptions } from './remote-registry.ts';
import { CREDENTIAL, RegistryHost } from './testing/registry-host.ts';
import { REGISTRY_PATH } from './wire.ts';

let engine: EmbeddedRegistry;
let host: RegistryHost;
const clients: RemoteRegistry[] = [];

beforeEach(async () => {
  engine = new EmbeddedRegistry();
  host = await RegistryHost.start(engine);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await host.close();
});

function client(options: Partial<RemoteRegistryOptions> = {}): RemoteRegistry {
  const made = new RemoteRegistry({ baseUrl: host.baseUrl, credential: CREDENTIAL, ...options });
  clients.push(made);
  return made;
}

describe('a far registry that does not answer', () => {
  it('costs a call no more than its deadline', async () => {
    const registry = client({ readTimeoutMs: 150, writeTimeoutMs: 100 });
    host.silent = true;
    const startedMs = performance.now();
    await expect(registry.get('a')).rejects.toMatchObject({ name: 'RegistryError', fault: 'unavailable' });
    await expect(create(registry, 'a')).rejects.toMatchObject({ fault: 'unavailable' });
    await expect(registry.lease(1)).rejects.toMatchObject({ fault: 'unavailable' });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(registry.status().healthy).toBe(false);
    host.silent = false;
    // The write was done all the same, which its comparison makes harmless to try again.
    expect((await create(registry, 'a')).ok).toBe(false);
    expect(registry.status().healthy).toBe(true);
  });

  it('is given up when the signal of the call says so', async () => {
    host.silent = true;
    const call = client().list('', { signal: AbortSignal.timeout(50) });
    await expect(call).rejects.toMatchObject({ fault: 'unavailable' });
  });

  it('takes a lease away by the clock of its holder, before the engine gives the keys to others', async () => {
    const registry = client();
    const lease = await registry.lease(0.6);
    await create(registry, 'a', lease.id);
    const events: string[] = [];
    lease.on('late', () => events.push('late'));
    const lost = new Promise<void>((resolve) => lease.on('lost', resolve));
    host.silent = true;
    await lost;
    expect(events).toEqual(['late']);
    expect(registry.status().isolated).toBe(true);
    // The engine got the renewals whose answers were withheld.
    expect(await engine.get('a')).not.toBeNull();
    host.silent = false;
    await registry.lease(0.6);
    expect(registry.status().isolated).toBe(false);
  });

  it('and then answers again leaves a lease only late', async () => {
    const registry = client();
    const lease = await registry.lease(4);
    const renewed = new Promise<void>((resolve) => lease.on('renewed', resolve));
    lease.on('late', () => {
      expect(registry.status().isolated).toBe(true);
      host.silent = false;
      host.cutConnections();
    });
    host.silent = true;
    await renewed;
    expect(lease.state).toBe('live');
    expect(registry.status().isolated).toBe(false);
  });

  it('that is something else altogether is unavailable', async () => {
    const answers: [number, string][] = [
      [404, '<h1>not here</h1>'],
      [502, ''],
      [200, 'hello'],
      [200, '{"kvs": 5}'],
      [302, ''],
    ];
    let answer = answers[0] ?? [500, ''];
    const stranger = createServer((_request, response) => {
      response.writeHead(answer[0], { location: 'http://127.0.0.1:1/' }).end(answer[1]);
    });
    stranger.listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const registry = client({ baseUrl: `http://127.0.0.1:${(stranger.address() as AddressInfo).port}` });
    for (answer of answers) {
      await expect(registry.list(''), answer.join(' ')).rejects.toMatchObject({ fault: 'unavailable' });
    }
    stranger.closeAllConnections();
    stranger.close();
  });

  it('refuses a wrong credential for calls and watches', async () => {
    const registry = client({ credential: 'wrong' });
    await expect(registry.get('a')).rejects.toMatchObject({ fault: 'refused' });
    await expect(all(registry.watch('', 1n))).rejects.toMatchObject({ fault: 'refused' });
  });
});

describe('a watch over HTTP', () => {
  it('misses nothing and tells nothing twice while its connections are cut', async () => {
    const registry = client();
    const { rev } = await registry.list('');
    const numbers: number[] = [];
    const watching = (async () => {
      for await (const batch of registry.watch('n', rev + 1n)) {
        numbers.push(...numbersOf(batch));
        if (numbers.at(-1) === 400) {
          return;
        }
      }
    })();
    const cutter = setInterval(() => host.cutConnections(), 30);
    await count(engine, 400);
    await new Promise((resolve) => setTimeout(resolve, 100));
    clearInterval(cutter);
    await watching;
    expect(numbers).toEqual(Array.from({ length: 401 }, (_, index) => index));
  });

  it('takes a connection that has fallen silent for dead', async () => {
    // Shorter than the pings of the server: every connection falls silent.
    const registry = client({ silenceMs: 60 });
    const { rev } = await registry.list('');
    const seen: number[] = [];
    const watching = (async () => {
      for await (const batch of registry.watch('n', rev + 1n)) {
        seen.push(...numbersOf(batch));
        if (seen.length === 2) {
          return;
        }
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await count(engine, 1);
    await watching;
    expect(seen).toEqual([0, 1]);
  });

  it('learns of a restart of the engine: compacted, and the lease is lost', async () => {
    const registry = client();
    const lease = await registry.lease(1);
    await create(registry, 'a', lease.id);
    const { rev } = await registry.list('');
    const watching = all(registry.watch('', rev + 1n));
    const lost = new Promise<void>((resolve) => lease.on('lost', resolve));
    await engine.close();
    host.registry = new EmbeddedRegistry();
    host.cutConnections();
    expect(await watching).toMatchObject([{ kind: 'compacted' }]);
    await lost;
    await expect(create(registry, 'b', lease.id)).rejects.toMatchObject({ fault: 'lease-not-found' });
  });

  it('leaves no watcher in the engine when its reader goes away', async () => {
    const registry = client();
    const { rev } = await registry.list('');
    await create(registry, 'a');
    for (let round = 0; round < 5; round += 1) {
      for await (const _batch of registry.watch('', rev + 1n)) {
        break;
      }
    }
    await until(() => engine.status().watchers === 0);
  });

  it('holds back a reader that does not read, and buffers little for him', async () => {
    const { rev } = await engine.list('');
    const reader = connect(host.port, '127.0.0.1');
    reader.pause();
    reader.write(
      `GET ${REGISTRY_PATH}/watch?from=${rev + 1n} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${CREDENTIAL}\r\n\r\n`,
    );
    await until(() => engine.status().watchers === 1);
    let held = 0;
    for (let index = 0; index < 3_000; index += 1) {
      await create(engine, `k${index}`, null, 'x'.repeat(16_000));
      if (index % 50 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        held = Math.max(held, host.bufferedBytes);
      }
    }
    // 48 MB were written; one batch of half a megabyte may wait, and one more line.
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(2_000_000);
    reader.destroy();
    await until(() => engine.status().watchers === 0);
  });
});

describe('follow', () => {
  it('keeps a copy through a restart of the registry, and removes only what a fresh list lacks', async () => {
    const registry = client();
    const copy = new Map<string, string>();
    let listings = 0;
    const stop = new AbortController();
    await create(engine, 's/1');
    await create(engine, 's/2');
    const following = follow(registry, 's/', {
      signal: stop.signal,
      onListing: ({ kvs }) => {
        listings += 1;
        copy.clear();
        for (const { key, value } of kvs) {
          copy.set(key, value);
        }
      },
      onEvents: (events) => {
        for (const event of events) {
          if (event.kind === 'put') {
            copy.set(event.kv.key, event.kv.value);
          } else {
            copy.delete(event.key);
          }
        }
      },
    });
    await until(() => copy.size === 2);
    await create(engine, 's/3');
    await until(() => copy.size === 3);

    // Down: nothing is removed.
    await engine.close();
    host.cutConnections();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([...copy.keys()]).toEqual(['s/1', 's/2', 's/3']);

    const next = new EmbeddedRegistry();
    await create(next, 's/2', null, '"new"');
    host.registry = next;
    await until(() => copy.size === 1);
    expect([...copy]).toEqual([['s/2', '"new"']]);
    expect(listings).toBe(2);
    await create(next, 's/4');
    await until(() => copy.has('s/4'));
    stop.abort();
    await following;
  });

  it('gives up what waiting cannot cure', async () => {
    const options = { signal: new AbortController().signal, onListing: () => {}, onEvents: () => {} };
    await expect(follow(client({ credential: 'wrong' }), '', options)).rejects.toMatchObject({ fault: 'refused' });
  });
});

describe('the server side', () => {
  it('answers anything that is JSON, and nothing that is malformed is an error of ours', async () => {
    const operation = fc.constantFrom('get', 'list', 'txn', 'lease', 'keepalive', 'revoke', 'nonsense');
    const part = fc.oneof(fc.jsonValue(), fc.constantFrom('absent', 'put', 'mod-revision', 'a', null, '12', 5));
    const likely = fc.record({
      key: part,
      prefix: part,
      id: part,
      ttlS: part,
      if: fc.oneof(part, fc.array(fc.record({ kind: part, key: part, modRev: part }))),
      then: fc.oneof(part, fc.array(fc.record({ kind: part, key: part, value: part, lease: part }))),
    });
    await fc.assert(
      fc.asyncProperty(operation, fc.oneof(fc.jsonValue(), likely), async (name, body) => {
        const { status } = await handleRegistryRequest(engine, name, body);
        expect([200, 400, 404, 507]).toContain(status);
      }),
      { numRuns: process.env.PORTICO_LONG === '1' ? 20_000 : 500 },
    );
  });

  it('refuses a watch without a revision', async () => {
    const response = await fetch(`${host.baseUrl}${REGISTRY_PATH}/watch?prefix=a`, {
      headers: { authorization: `Bearer ${CREDENTIAL}` },
    });
    expect([response.status, await response.json()]).toMatchObject([400, { error: { fault: 'invalid' } }]);
  });
});

function create(registry: Registry, key: string, lease: string | null = null, value = '1') {
  return registry.txn({ if: [{ kind: 'absent', key }], then: [{ kind: 'put', key, value, lease }] });
}

/** Writes 0 to `last` into one key. */
async function count(registry: Registry, last: number): Promise<void> {
  let kv: KeyValue | null = null;
  for (let index = 0; index <= last; index += 1) {
    const { results } = await registry.txn({
      if: [kv === null ? { kind: 'absent', key: 'n' } : { kind: 'mod-revision', key: 'n', modRev: kv.modRev }],
      then: [{ kind: 'put', key: 'n', value: String(index), lease: null }],
    });
    kv = results[0]?.[0] ?? null;
    if (index % 10 === 0) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

function numbersOf(batch: WatchBatch): number[] {
  expect(batch.kind).toBe('events');
  return batch.kind === 'events'
    ? batch.events.map((event) => (event.kind === 'put' ? Number(event.kv.value) : -1))
    : [];
}

async function all(batches: AsyncIterable<WatchBatch>): Promise<WatchBatch[]> {
  const seen: WatchBatch[] = [];
  for await (const batch of batches) {
    seen.push(batch);
  }
  return seen;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
