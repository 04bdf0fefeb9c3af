import { createHash, X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import {
  databaseFault,
  deleteExpiredChallenges,
  deployMigrations,
  type Notifications,
  openDatabase,
  releaseAllLive,
} from '@portico/db';
import { AddressGuard, Outgoing, type Resolver } from '@portico/outgoing';
import { loadOrCreateMasterKey, sealer } from '@portico/pki';
import { EmbeddedRegistry } from '@portico/registry';
import { createLogger, type Logger } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import { AcmeOrders } from './acme/acme-orders.ts';
import { ChallengeDns } from './acme/challenge-dns.ts';
import { bootstrap, readNodeCredential } from './bootstrap/bootstrap.ts';
import { EdgeCertificates } from './certificates/edge-certificates.ts';
import { tellAccountChanges } from './changes/account-changes.ts';
import { ChangeHub } from './changes/change-hub.ts';
import type { ApiConfig } from './config.ts';
import type { ApiContext } from './context.ts';
import { Deliveries } from './deliveries/deliveries.ts';
import { eventSinks } from './deliveries/sinks.ts';
import { DomainKeeper } from './domains/domain-keeper.ts';
import { DomainResolver } from './domains/domain-resolver.ts';
import { CloudNames } from './endpoints/cloud-names.ts';
import { cloudUrl } from './endpoints/cloud-url.ts';
import { ExchangeFeed } from './exchanges/exchange-feed.ts';
import { ExchangeStore } from './exchanges/exchange-store.ts';
import { makeIdentity } from './identity/identity.ts';
import { KeyStore } from './keys/key-store.ts';
import { AccountFeeds } from './live/account-feeds.ts';
import { LiveState } from './live/live-state.ts';
import { RecordNewsHub } from './live/record-news.ts';
import { Traffic } from './live/traffic.ts';
import type { Mailer } from './mail/mailer.ts';
import { NameKeeper } from './names/name-keeper.ts';
import { Plans } from './plans/plans.ts';
import { NodeCallers } from './plugins/node-caller.ts';
import { OpenStreams } from './plugins/open-stream.ts';
import type { DeclaredRoute } from './routes/dashboard/browser-routes.ts';
import { internalApp } from './routes/internal/internal-app.ts';
import { publicApp } from './routes/public/public-app.ts';
import { LastUses } from './secrets/last-uses.ts';
import { Passwords } from './secrets/password.ts';
import { Seals } from './secrets/seals.ts';
import { TokenHasher } from './secrets/token.ts';
import { startSweeper } from './sweeper.ts';

export interface RunningApi {
  readonly publicUrl: string;
  readonly internalUrl: string;
  readonly publicPort: number;
  readonly internalPort: number;
  /** What the public listener answers, as `GET /credentials/:id`. */
  readonly publicRoutes: readonly string[];
  /** What the internal listener answers to browsers, and whom. */
  readonly dashboardRoutes: readonly DeclaredRoute[];
  readonly mailer: Mailer;
  /** Ends open streams, finishes what is being written, and frees both ports. */
  close(): Promise<void>;
}

export interface ApiOverrides {
  readonly log?: Logger;
  readonly now?: () => Date;
  /** How outgoing calls find and believe their receivers. */
  readonly outgoing?: { readonly resolver?: Resolver; readonly ca?: readonly string[] };
  /** Gives a start up that is still waiting for its database. */
  readonly signal?: AbortSignal;
}

/**
 * Starts the control plane. The listeners are open at once, so that edges have their registry even while the
 * database is away; it resolves when the database is migrated and prepared, for which it waits as long as it takes.
 *
 * Rejects, with everything closed again, when a port is taken (the system's error), the master key is unusable or
 * not the one of this database (MasterKeyError, SealError), or the database belongs to another version
 * (MigrationError).
 */
export async function startApi(config: ApiConfig, overrides: ApiOverrides = {}): Promise<RunningApi> {
  const log = overrides.log ?? createLogger({ name: 'api', level: config.logLevel });
  const now = overrides.now ?? (() => new Date());
  const masterKey = await loadOrCreateMasterKey(config.masterKeyFile);
  const hasher = new TokenHasher(masterKey);
  const { limits } = config;
  const database = openDatabase({
    url: config.databaseUrl,
    poolSize: limits.databasePool,
    connectTimeoutMs: limits.databaseConnectMs,
    statementTimeoutMs: limits.databaseStatementMs,
    onIdleError: (error) => log.warn({ err: error }, 'a connection to the database broke'),
  });
  const keys = new KeyStore({ database, sealer: sealer(masterKey), limits, now });
  const changes = new ChangeHub();
  const lastUses = new LastUses({ database, log });
  const seals = new Seals(sealer(masterKey));
  const guard = new AddressGuard({ allow: config.outgoingAllow });
  const outgoing = new Outgoing({ allow: config.outgoingAllow, timeoutMs: 10_000, ...overrides.outgoing });
  const sinks = eventSinks(seals, { outgoing, guard, filesFolder: config.eventFilesDir, now, ...overrides.outgoing });
  const exchangeFeed = new ExchangeFeed();
  const exchanges = new ExchangeStore({ database, seals, feed: exchangeFeed });
  const plans = new Plans({ database });
  const parts = { plans, config, log, now, database, hasher, keys, seals, changes, lastUses };
  const domainResolver = new DomainResolver({ servers: config.dnsServers });
  const { baseDomain } = config;
  const domainParts = { database, resolver: domainResolver, hasher, baseDomain, changes, now, log };
  const orders =
    config.acme === null ? null : new AcmeOrders({ ...domainParts, config: config.acme, seals, limits: limits.acme });
  const challengeDns = config.acme?.dns ? new ChallengeDns({ database, baseDomain, now, log }) : null;
  const certificates = { wake: () => orders?.wake() };
  const domains = new DomainKeeper({
    ...domainParts,
    limits: limits.domainChecks,
    onProven: () => certificates.wake(),
  });
  const context: ApiContext = {
    ...parts,
    outgoing,
    guard,
    exchanges,
    eventSinks: sinks,
    domainResolver,
    domains,
    certificates,
  };
  const deliveries = new Deliveries({ database, limits: limits.deliveries, now, log, sinkOf: sinks });
  const passwords = new Passwords(limits.passwordHash);
  const identity = makeIdentity(context, passwords, masterKey);

  // Names are kept across restarts by the holds in the database, so the registry needs no quiet time after a start.
  const registry = new EmbeddedRegistry();
  const live = new LiveState({ registry, log });
  const names = new NameKeeper({ database, log, now, holdMs: limits.nameHoldMs });
  live.watchNames((change) => names.note(change));
  const traffic = new Traffic({ database, now, plans });
  let connectAddress = config.connectAddress;
  const feeds = new AccountFeeds(
    {
      database,
      live,
      traffic,
      changes,
      baseDomain: config.baseDomain,
      urlOf: (row) => cloudUrl(row, config.tcp.host, live.publicPorts),
      now,
      connect: () => connectFacts(connectAddress, keys.root?.certificatePem ?? null, config.baseDomain),
    },
    { everyMs: limits.liveMs },
  );
  const cloudNames = new CloudNames(context);
  const recordNews = new RecordNewsHub();
  const streams = new OpenStreams();
  let isReady = false;
  const callers = new NodeCallers(context, { isReady: () => isReady });
  const publicRoutes: string[] = [];
  let dashboardRoutes: readonly DeclaredRoute[] = [];
  const external = publicApp(
    context,
    live,
    () => isReady,
    (route) => publicRoutes.push(route),
  );
  const internal = internalApp(
    context,
    callers,
    {
      live,
      traffic,
      registry,
      streams,
      identity,
      feeds,
      exchangeFeed,
      recordNews,
      onRoutes: (routes) => {
        dashboardRoutes = routes;
      },
      certificates: new EdgeCertificates({ database, keys, seals, baseDomain, now }),
      onEvents: (events) => feeds.addEvents(events),
      onConnectAddress: (address) => {
        connectAddress = config.connectAddress ?? address;
      },
    },
    () => isReady,
  );
  const sweeper = startSweeper(context, async () => {
    await cloudNames.sweep();
    await plans.load();
    await deliveries.sweep();
    await domains.sweep();
    await deleteExpiredChallenges(database.queries, now());
    certificates.wake();
  });
  live.start();

  let notices: Notifications | null = null;
  let recordNotices: Notifications | null = null;
  let closed: Promise<void> | null = null;
  const closing = new AbortController();
  const close = (): Promise<void> => {
    closed ??= (async () => {
      closing.abort();
      feeds.close();
      streams.close();
      await live.close();
      await registry.close();
      await Promise.all([closeApp(external), closeApp(internal)]);
      await sweeper.close();
      await cloudNames.close();
      await deliveries.close();
      await notices?.close();
      await recordNotices?.close();
      await domains.close();
      await orders?.close();
      await challengeDns?.close();
      outgoing.close();
      await names.close();
      await identity.close();
      await lastUses.close();
      await database.close();
    })();
    return closed;
  };

  try {
    if (config.bootstrapDir !== null) {
      for (const kind of ['edge', 'dashboard'] as const) {
        const credential = await readNodeCredential(config.bootstrapDir, kind);
        if (credential !== null) callers.trust(credential, kind);
      }
    }
    const publicPort = await listen(external, config.publicPort);
    const internalPort = await listen(internal, config.internalPort);
    const given = overrides.signal;
    const signal = given === undefined ? closing.signal : AbortSignal.any([closing.signal, given]);
    if (config.acme?.dns) await challengeDns?.listen(config.acme.dns.port, config.acme.dns.address);
    await prepare(signal, log, async () => {
      await deployMigrations({ url: config.databaseUrl });
      await keys.load();
      await plans.load();
      await bootstrap({ config, database, hasher, keys, now, passwords });
      await releaseAllLive(database.queries, new Date(now().getTime() + limits.nameHoldMs));
    });
    isReady = true;
    deliveries.start(config.databaseUrl);
    notices = tellAccountChanges(context);
    recordNotices = recordNews.start({ databaseUrl: config.databaseUrl, log });
    void domains.sweep();
    certificates.wake();
    return {
      publicUrl: `http://127.0.0.1:${publicPort}`,
      internalUrl: `http://127.0.0.1:${internalPort}`,
      publicPort,
      internalPort,
      publicRoutes,
      dashboardRoutes,
      mailer: identity.mailer,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Until it succeeds, or fails for another reason than that the database is away. */
async function prepare(signal: AbortSignal, log: Logger, work: () => Promise<void>): Promise<void> {
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 1_000)) {
    try {
      signal.throwIfAborted();
      await work();
      return;
    } catch (error) {
      if (databaseFault(error) !== 'unavailable') throw error;
      log.warn({ err: error }, 'waiting for the database');
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) clearTimeout(timer);
      if (signal.aborted) resolve();
    });
  }
}

async function listen(app: FastifyInstance, port: number): Promise<number> {
  await app.listen({ host: '127.0.0.1', port });
  const address = app.server.address() as AddressInfo;
  return address.port;
}

async function closeApp(app: FastifyInstance): Promise<void> {
  app.server.closeIdleConnections();
  const timer = setTimeout(() => app.server.closeAllConnections(), 2_000);
  await app.close();
  clearTimeout(timer);
}

function connectFacts(
  address: string | null,
  rootPem: string | null,
  baseDomain: string,
): { address: string; caSha256: string; caPem: string; baseDomain: string } | null {
  if (address === null || rootPem === null) return null;
  const caSha256 = createHash('sha256').update(new X509Certificate(rootPem).raw).digest('hex');
  return { address, caSha256, caPem: rootPem, baseDomain };
}
