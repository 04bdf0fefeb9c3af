import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { createIssuingCa, createKeyPair, createRoot, type IssuedLeaf, LeafIssuer } from '@portico/pki';
import { createLogger } from '@portico/service';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateStore, type ServedName } from './certificate-store.ts';

const DAY_MS = 86_400_000;
const ALPN = ['h2', 'http/1.1'];
let rootPem = '';
let issuing: { certificatePem: string; privateKeyPem: string };

beforeAll(async () => {
  const now = new Date();
  const root = await createRoot({ name: 'Test root', now });
  const keys = await createKeyPair();
  rootPem = root.certificatePem;
  const certificatePem = await createIssuingCa({
    root,
    publicKeyPem: keys.publicKeyPem,
    permittedDns: ['base.test'],
    permittedIps: [],
    now,
    days: 365,
  });
  issuing = { certificatePem, privateKeyPem: keys.privateKeyPem };
});

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** Counts the leaves, and may hold them back or fail. */
class WatchedIssuer extends LeafIssuer {
  readonly names: string[] = [];
  fail = false;

  override issue(names: { dns: readonly string[]; ips: readonly string[] }): Promise<IssuedLeaf> {
    this.names.push(names.dns.join());
    if (this.fail) return Promise.reject(new Error('no more keys'));
    return super.issue(names);
  }
}

function setUp(options: { clock?: { ms: number }; certificatesMax?: number } = {}) {
  const clock = options.clock ?? { ms: Date.now() };
  const hosts = new Map<string, ServedName>();
  const store = new CertificateStore({
    baseDomain: 'base.test',
    served: (name) => hosts.get(name) ?? (name.endsWith('.wild.base.test') ? { kind: 'wildcard', alpn: ALPN } : null),
    log: createLogger({ name: 'test', level: 'silent' }),
    now: () => clock.ms,
    ...(options.certificatesMax === undefined ? {} : { certificatesMax: options.certificatesMax }),
  });
  const issuer = new WatchedIssuer({ ...issuing, now: () => new Date(clock.ms) });
  return { store, hosts, issuer, clock };
}

const host = { kind: 'host', alpn: ALPN } as const;

/** A TLS client against the store's answer for the name. */
async function present(store: CertificateStore, serverName: string, session?: Buffer): Promise<TLSSocket> {
  const found = await store.find(serverName);
  if (found === null) throw new Error('nothing to present');
  const server = createServer((socket: Socket) => {
    store.handshake(socket, found, (secure) => {
      secure.on('error', () => {});
      setImmediate(() => secure.write('x'));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    servername: serverName,
    ca: rootPem,
    ...(session === undefined ? {} : { session }),
  });
  cleanups.push(() => {
    client.destroy();
    server.close();
  });
  await once(client, 'secureConnect');
  return client;
}

describe('the certificate of a name', () => {
  it('is a leaf of its own for a live host, verified by clients', async () => {
    const { store, hosts, issuer } = setUp();
    store.useIssuer(issuer);
    hosts.set('demo.base.test', host);
    const client = await present(store, 'demo.base.test');
    expect(client.authorized).toBe(true);
    expect(client.getPeerCertificate().subjectaltname).toBe('DNS:demo.base.test');
    expect(issuer.names).toEqual(['demo.base.test']);
  });

  it('is shared by the other one-label names under the base', async () => {
    const { store, issuer } = setUp();
    store.useIssuer(issuer);
    expect((await present(store, 'nobody.base.test')).getPeerCertificate().subjectaltname).toBe(
      'DNS:*.base.test, DNS:base.test',
    );
    await present(store, 'noone.base.test');
    expect(issuer.names).toEqual(['*.base.test,base.test']);
  });

  it('is none for all other names', () => {
    const { store, issuer } = setUp();
    store.useIssuer(issuer);
    for (const name of ['a.b.base.test', 'other.test', 'base.test.evil.test', 'test', 'xbase.test'])
      expect(store.find(name)).toBeNull();
    expect(issuer.names).toEqual([]);
  });

  it('covers all names of one label under a wildcard endpoint', async () => {
    const { store, issuer } = setUp();
    store.useIssuer(issuer);
    await present(store, 'a.wild.base.test');
    await present(store, 'b.wild.base.test');
    expect(issuer.names).toEqual(['*.wild.base.test']);
    expect(store.covers('a.wild.base.test', 'b.wild.base.test')).toBe(true);
    expect(store.covers('a.wild.base.test', 'a.b.wild.base.test')).toBe(false);
    expect(store.covers('a.wild.base.test', 'nobody.base.test')).toBe(false);
  });

  it('is made once however many ask, and kept', async () => {
    const { store, hosts, issuer } = setUp();
    store.useIssuer(issuer);
    hosts.set('demo.base.test', host);
    await Promise.all(Array.from({ length: 100 }, () => store.find('demo.base.test')));
    store.warm('demo.base.test');
    expect(store.find('demo.base.test')).not.toBeInstanceOf(Promise);
    expect(issuer.names).toHaveLength(1);
  });

  it('waits for the issuing CA, and a new CA has all made anew', async () => {
    const { store, hosts, issuer } = setUp();
    hosts.set('demo.base.test', host);
    const early = store.find('demo.base.test');
    store.useIssuer(issuer);
    await early;
    const next = new WatchedIssuer(issuing);
    store.useIssuer(next);
    await store.find('demo.base.test');
    expect(next.names).toEqual(['demo.base.test']);
  });

  it('that cannot be made is an error, and is tried again', async () => {
    const { store, hosts, issuer } = setUp();
    store.useIssuer(issuer);
    hosts.set('demo.base.test', host);
    issuer.fail = true;
    await expect(store.find('demo.base.test')).rejects.toThrow('no more keys');
    issuer.fail = false;
    await present(store, 'demo.base.test');
  });

  it('is renewed at two thirds of its life, behind the visitors; the old one serves until it ends', async () => {
    const clock = { ms: Date.now() };
    const { store, hosts, issuer } = setUp({ clock });
    store.useIssuer(issuer);
    hosts.set('demo.base.test', host);
    const first = await store.find('demo.base.test');
    clock.ms += 59 * DAY_MS;
    await store.find('demo.base.test');
    expect(issuer.names).toHaveLength(1);
    clock.ms += 2 * DAY_MS;
    issuer.fail = true;
    expect(store.find('demo.base.test')).not.toBeInstanceOf(Promise);
    await new Promise((resolve) => setImmediate(resolve));
    issuer.fail = false;
    const during = store.find('demo.base.test');
    expect(during).not.toBeInstanceOf(Promise);
    expect(issuer.names.length).toBeGreaterThanOrEqual(2);
    let renewed = store.find('demo.base.test');
    while (renewed === during) {
      await new Promise((resolve) => setImmediate(resolve));
      renewed = store.find('demo.base.test');
    }
    expect(renewed).not.toBe(first);
    clock.ms += 91 * DAY_MS;
    expect(store.find('demo.base.test')).toBeInstanceOf(Promise);
  });

  it('is forgotten least recently used first', async () => {
    const { store, hosts, issuer } = setUp({ certificatesMax: 2 });
    store.useIssuer(issuer);
    for (const name of ['a', 'b', 'c']) hosts.set(`${name}.base.test`, host);
    for (const name of ['a', 'b', 'a', 'c', 'a']) await store.find(`${name}.base.test`);
    expect(issuer.names).toEqual(['a', 'b', 'c'].map((name) => `${name}.base.test`));
    await store.find('b.base.test');
    expect(issuer.names).toHaveLength(4);
  });

  it('of the connect host is the one that was given', async () => {
    const { store, issuer } = setUp();
    const leaf = await issuer.issue({ dns: ['connect.base.test'], ips: [] });
    store.pin('connect.base.test', { chainPem: leaf.certificatePem + rootPem, privateKeyPem: leaf.privateKeyPem });
    const client = await present(store, 'connect.base.test');
    expect(client.getPeerX509Certificate()?.serialNumber).toBe(new X509Certificate(leaf.certificatePem).serialNumber);
  });

  it('does not let a TLS session of one name be resumed under another', async () => {
    const { store, hosts, issuer } = setUp();
    store.useIssuer(issuer);
    hosts.set('one.base.test', host);
    hosts.set('two.base.test', host);
    const first = await present(store, 'one.base.test');
    // With TLS 1.3 a ticket comes after the handshake.
    const [session] = (await once(first, 'session')) as [Buffer];
    expect((await present(store, 'one.base.test', session)).isSessionReused()).toBe(true);
    expect((await present(store, 'two.base.test', session)).isSessionReused()).toBe(false);
  });
});

describe('a certificate that the API has', () => {
  /** Certificates of somebody else's, by name; `down`: nobody answers. */
  async function withSource() {
    const clock = { ms: Date.now() };
    const now = new Date(clock.ms);
    const keys = await createKeyPair();
    const root = await createRoot({ name: 'Another root', now });
    const permitted = { permittedDns: ['base.test', 'own.example'], permittedIps: [] };
    const certificatePem = await createIssuingCa({
      root,
      publicKeyPem: keys.publicKeyPem,
      now,
      days: 90,
      name: 'Theirs',
      ...permitted,
    });
    const theirs = new LeafIssuer({ certificatePem, privateKeyPem: keys.privateKeyPem });
    const kept = new Map<string, { version: string; leaf: IssuedLeaf }>();
    const source = {
      down: false,
      asked: 0,
      fetch: async (name: string) => {
        source.asked += 1;
        if (source.down) throw new Error('nobody answers');
        const found = kept.get(name);
        if (found === undefined) return null;
        const { version, leaf } = found;
        return { version, chainPem: leaf.certificatePem, privateKeyPem: leaf.privateKeyPem };
      },
      changed: async (known: readonly { name: string; version: string }[]) =>
        known.filter(({ name, version }) => (kept.get(name)?.version ?? '') !== version).map(({ name }) => name),
    };
    const hosts = new Map<string, ServedName>();
    const store = new CertificateStore({
      baseDomain: 'base.test',
      served: (name) => hosts.get(name) ?? null,
      source,
      log: createLogger({ name: 'test', level: 'silent' }),
      now: () => clock.ms,
    });
    store.useIssuer(new LeafIssuer({ ...issuing }));
    for (const name of ['shop.own.example', 'a.base.test']) hosts.set(name, host);
    const give = async (name: string, version: string) =>
      kept.set(name, { version, leaf: await theirs.issue({ dns: [name], ips: [] }) });
    const issuerOf = async (name: string): Promise<string> => {
      const found = await store.find(name);
      return found === null ? '' : new X509Certificate(found.material.certificatePem).issuer;
    };
    return { store, source, kept, give, issuerOf, clock, theirs: new X509Certificate(certificatePem).subject };
  }

  it('is served for names that the edge cannot certify, and before its own for those that it can', async () => {
    const { give, issuerOf, theirs, source } = await withSource();
    await give('shop.own.example', 'v1');
    expect(await issuerOf('shop.own.example')).toBe(theirs);
    const own = await issuerOf('a.base.test');
    expect(own).not.toBe(theirs);
    const asked = source.asked;
    await issuerOf('a.base.test');
    await issuerOf('unserved.base.test');
    expect(source.asked).toBe(asked);
  });

  it('is swapped when another one is there, by a hint or by comparing, and taken away when it is gone', async () => {
    const { store, give, kept, issuerOf, theirs } = await withSource();
    await issuerOf('a.base.test');
    await give('a.base.test', 'v1');
    expect(await issuerOf('a.base.test')).not.toBe(theirs);
    store.recheck('a.base.test');
    await expect.poll(() => issuerOf('a.base.test')).toBe(theirs);
    kept.clear();
    await store.recheckAll();
    await expect.poll(() => issuerOf('a.base.test')).not.toBe(theirs);
    await give('shop.own.example', 'v1');
    await issuerOf('shop.own.example');
    kept.clear();
    store.recheck('*.own.example');
    await expect.poll(() => issuerOf('shop.own.example').catch(() => 'none')).toBe('none');
  });

  it('serves on while nobody answers; names under the base get the edge’s own meanwhile', async () => {
    const { store, source, give, issuerOf, theirs, clock } = await withSource();
    await give('shop.own.example', 'v1');
    await give('a.base.test', 'v1');
    await issuerOf('shop.own.example');
    source.down = true;
    store.recheck('shop.own.example');
    expect(await issuerOf('shop.own.example')).toBe(theirs);
    expect(await issuerOf('a.base.test')).not.toBe(theirs);
    source.down = false;
    clock.ms += 11_000;
    await expect.poll(() => issuerOf('a.base.test')).toBe(theirs);
  });
});
