import { BlockList, isIP } from 'node:net';
import { type Change, InternalClient, type SessionCommand } from '@portico/api-contract/internal';
import { PorticoError } from '@portico/errors';
import { RemoteRegistry } from '@portico/registry';
import { addToBlockList, createLogger, type Logger, newId } from '@portico/service';
import { CaptureReporter } from './capture/capture-reporter.ts';
import { Recorder } from './capture/recorder.ts';
import type { EdgeConfig } from './config.ts';
import { AccountSettings } from './control/account-settings.ts';
import { AcmeAnswers } from './control/acme-answers.ts';
import { CloudFeed } from './control/cloud-feed.ts';
import { ConnectCertificateKeeper } from './control/connect-certificate.ts';
import { ControlLink } from './control/control-link.ts';
import { EventsReporter } from './control/events-reporter.ts';
import { FetchedCertificates } from './control/fetched-certificates.ts';
import { Grants } from './control/grants.ts';
import { IssuingCa } from './control/issuing-ca.ts';
import { IssuingStore } from './control/issuing-store.ts';
import { LiveState } from './control/live-state.ts';
import { Quotas } from './control/quotas.ts';
import { UsageReporter } from './control/usage-reporter.ts';
import { VisitorSessions } from './control/visitor-sessions.ts';
import { CloudEndpoints } from './endpoint/cloud-endpoints.ts';
import type { Endpoint } from './endpoint/endpoint.ts';
import { InternalEndpoints } from './endpoint/internal-endpoints.ts';
import { Admission } from './listener/admission.ts';
import { CertificateStore } from './listener/certificate-store.ts';
import { HttpListener, rootCertificateAnswer } from './listener/http-listener.ts';
import { MemoryPressure } from './listener/memory-pressure.ts';
import { TcpListeners } from './listener/tcp-listener.ts';
import { TlsListener } from './listener/tls-listener.ts';
import { AdminListener } from './observe/admin-listener.ts';
import { DescriptorWatch } from './observe/descriptor-watch.ts';
import { MemoryRelief } from './observe/memory-relief.ts';
import { Metrics } from './observe/metrics.ts';
import { TrafficEvents } from './observe/traffic-events.ts';
import { Watchdog } from './observe/watchdog.ts';
import { ForwardInternal } from './policy/forward-internal.ts';
import { IpData } from './policy/ip-data.ts';
import { createNetworkActions } from './policy/network-actions.ts';
import { Policies } from './policy/policies.ts';
import { TlsTerminator } from './policy/tls-terminator.ts';
import { ErrorAnswers } from './proxy/error-response.ts';
import { HttpProxy } from './proxy/http-proxy.ts';
import { PlatformProxy } from './proxy/platform-proxy.ts';
import { Sweep } from './proxy/sweep.ts';
import { TcpProxy } from './proxy/tcp-proxy.ts';
import { IdleStreams } from './proxy/visitor-streams.ts';
import { Router } from './router/router.ts';
import { AgentConnection, type AgentSide } from './session/agent-connection.ts';
import { AgentListener } from './session/agent-listener.ts';
import type { AgentSession } from './session/agent-session.ts';
import { AgentTokens } from './session/agent-tokens.ts';
import { Bindings } from './session/bindings.ts';
import { FailureLimiter, loopbackAddresses } from './session/failure-limiter.ts';
import { KeyRing } from './session/key-ring.ts';
import { commandAgent } from './session/session-commands.ts';
import { SessionTable } from './session/session-table.ts';

export interface RunningEdge {
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly connectPort: number;
  readonly adminPort: number | null;
  readonly metrics: Metrics;
  /**
   * Settles when agents and visitors get verified certificates: the API has signed the issuing CA, or that of the last
   * run is still good; and what the API knows of endpoints is here, or the API is away.
   */
  whenConnected(): Promise<void>;
  /** Takes nothing new and lets what is open finish, at most `drainMs`; then sends the agents away and closes. */
  drain(): Promise<void>;
  /** Closes now. Safe to call twice, and after `drain`. */
  close(): Promise<void>;
}

/**
 * The data plane: builds every part, starts them in the order in which they need each other, and closes them in the
 * reverse order. Serves as soon as its ports are open; while the API has not answered, agents and visitors wait.
 * @param options.memory another reading of the memory than the process's own
 * @throws the socket error of a port that is taken.
 */
export async function startEdge(
  config: EdgeConfig,
  options: { log?: Logger; memory?: { limitBytes: number; usedBytes: () => number } } = {},
): Promise<RunningEdge> {
  const { limits, nodeId, version, baseDomain } = config;
  const log = options.log ?? createLogger({ name: 'edge', level: config.logLevel });
  const part = (subsystem: string): Logger => log.child({ subsystem });
  const epoch = newId('nd');
  const now = Date.now;
  const nowDate = (): Date => new Date();
  let draining = false;

  const metrics = new Metrics();
  const watchdog = new Watchdog({
    shedAboveMs: limits.loopDelayShedMs,
    onChange: (shedding, delayMs) => {
      if (shedding) metrics.counter('portico_shedding_total', 'Times that new work was shed.').value += 1;
      part('watchdog').warn(
        { shedding, delayMs: Math.round(delayMs) },
        shedding ? 'shedding load' : 'load is back to normal',
      );
    },
  });
  metrics.gauge('portico_event_loop_delay_ms', 'Median delay of the event loop.', () => watchdog.delayMs);
  const descriptors: DescriptorWatch = new DescriptorWatch({
    connections: () => admission.open + sessions.size + agentListener.unauthenticated,
  });
  metrics.gauge('portico_descriptors', 'Open file descriptors.', () => descriptors.used);
  const refusal = (): PorticoError | null => {
    if (draining) return new PorticoError(742);
    return watchdog.shedding ? new PorticoError(743, { reason: 'the event loop is late' }) : null;
  };

  // What it asks of the API, and tells it.
  const client = new InternalClient({ baseUrl: config.internal.url, credential: config.internal.credential });
  const registry = new RemoteRegistry({ baseUrl: config.internal.url, credential: config.internal.credential });
  const reporting = { client, nodeId, epoch, now };
  const usage = new UsageReporter({ ...reporting, everyMs: limits.usageReportMs, log: part('usage') });
  const visitorSessions = new VisitorSessions({ client, nodeId, everyMs: limits.usageReportMs });
  const captures = new CaptureReporter({
    client,
    nodeId,
    epoch,
    bytesMax: limits.captureQueueBytes,
    log: part('capture'),
  });
  const events = new EventsReporter({ ...reporting, ring: limits.eventRing, log: part('events') });
  const live = new LiveState({
    registry,
    nodeId,
    ttlS: limits.leaseTtlS,
    log: part('registry'),
    onLost: (key) => bindings.lost(key),
  });
  const keys = new KeyRing();
  const tokens = new AgentTokens({ keys, now });
  const sessions = new SessionTable();
  const quotas = new Quotas({ nowMs: () => performance.now(), now });
  const settings: AccountSettings = new AccountSettings({
    client,
    nodeId,
    quotas,
    log: part('accounts'),
    onChanged: (accountId) => {
      cloud.accountChanged(accountId);
      for (const session of sessions.ofAccount(accountId)) endWhereRefused(session, settings, bindings);
    },
    isUsed: (accountId) => cloud.has(accountId) || sessions.ofAccount(accountId).length > 0,
  });
  const grants = new Grants({
    client,
    nodeId,
    lifeMs: limits.grantLifeMs,
    nowMs: () => performance.now(),
    log: part('grants'),
    onGone: (credentialId) => {
      for (const session of sessions.ofCredential(credentialId)) {
        bindings.dropSession(session, 'its authtoken was revoked');
        session.close('the authtoken of this session was revoked');
      }
    },
    onChanged: (grant) => {
      for (const session of sessions.ofCredential(grant.credentialId)) session.grant = grant;
      void bindings.recheck((_endpoint, session) => session.grant.credentialId === grant.credentialId);
    },
    settings,
  });
  // The visitor side.
  const router = new Router();
  const internal = new InternalEndpoints();
  const trusted = new BlockList();
  for (const range of config.trustedProxies) addToBlockList(trusted, range);
  const visitorLimits = config.visitorLimits;
  const sweep = new Sweep({ periodMs: visitorLimits.sweepMs });
  const relief = new MemoryRelief();
  const memory: MemoryPressure = new MemoryPressure({
    ...options.memory,
    onCritical: () => relief.relieve(admission.visitors),
    onChange: (isHigh, usedBytes) =>
      part('memory').warn({ isHigh, usedBytes }, isHigh ? 'memory is short' : 'memory is free again'),
  });
  sweep.add(memory);
  const idleStreams = new IdleStreams({
    sweep,
    idleMs: visitorLimits.idleStreamMs,
    freshMs: visitorLimits.freshStreamMs,
  });
  const admission = new Admission({
    limits: visitorLimits,
    trusted,
    sweep,
    shedding: () => watchdog.shedding || descriptors.exhausted || memory.isHigh,
  });
  const errors = new ErrorAnswers({ log: part('proxy'), edgeName: config.region, baseDomain });
  const platformHosts = new PlatformProxy({
    origins: new Map(config.platformHosts.map(({ host, origin }) => [host, origin])),
    errors,
    log: part('platform-hosts'),
    publicPort: () => https.publicPort,
  });
  const certificates = new CertificateStore({
    baseDomain,
    served: (serverName) => {
      if (platformHosts.has(serverName)) return { kind: 'host', alpn: ['http/1.1'] };
      const endpoint = router.findHttp('https', serverName);
      if (endpoint === null) return null;
      return { kind: endpoint.host.startsWith('*.') ? 'wildcard' : 'host', alpn: ['h2', 'http/1.1'] };
    },
    source: new FetchedCertificates({ client, nodeId }),
    log: part('certificates'),
  });
  const acme = new AcmeAnswers({ client, nodeId, baseDomain });
  let rootPem: string | null = null;
  const network = createNetworkActions({
    allow: config.outgoingAllow,
    keys,
    providers: config.oauthProviders,
    baseDomain,
    internal: {
      find: (accountId, proto, host, port) => internal.find(accountId, proto, host, port),
      pass: (exchange, endpoint, hops) => proxy.pass(exchange, endpoint, hops),
      sweep,
    },
    visitors: visitorSessions,
  });
  const { databases, categories } = config.ipData;
  const ipData =
    databases.length === 0 && categories === null ? null : new IpData({ files: config.ipData, log: part('ip-data') });
  const policies = new Policies({
    serverRegion: config.region,
    data: {
      ipPolicy: (accountId, id) => settings.ipPolicy(accountId, id),
      secret: (accountId, vault, name) => settings.secret(accountId, vault, name),
      certificateAuthority: (accountId, id) => settings.certificateAuthority(accountId, id),
      ipFacts: (ip) => ipData?.facts(ip) ?? null,
    },
    asyncActions: { ...network.actions, 'forward-internal': new ForwardInternal(internal) },
    onLog: (endpoint, metadata) => part('policy').info({ endpointId: endpoint.id, metadata }, 'log action'),
  });
  const traffic = new TrafficEvents({
    reporter: events,
    wants: (accountId, type) => settings.wantsEvents(accountId, type),
    now,
  });
  const recorder = new Recorder({
    events: traffic,
    ruleOf: (accountId) => settings.captureRule(accountId),
    reporter: captures,
    keys,
    region: config.region,
    now,
    nowMs: () => performance.now(),
  });
  const rootCertificate = rootCertificateAnswer(() => rootPem);
  const proxy: HttpProxy = new HttpProxy({
    routes: router,
    errors,
    policies,
    admits: (accountId, address) => settings.admits(accountId, address),
    notKnownYet: () =>
      cloudFeed.loaded ? null : new PorticoError(503, { what: 'What is at this address', seconds: 2 }),
    limits: visitorLimits,
    sweep,
    mayCoalesce: (serverName, hostname) =>
      certificates.covers(serverName, hostname) && sameOwner(router, serverName, hostname),
    refusal,
    ownAnswers: (exchange) =>
      rootCertificate(exchange) || network.sharedCallback.answer(exchange, (error) => errors.answer(exchange, error)),
    refusesRequest: (accountId, connection) => quotas.refusesRequest(accountId, connection),
    noted: (exchange, endpoint) => recorder.begin(exchange, endpoint),
    intercept: (exchange, goOn) => acme.intercept(exchange, goOn),
  });
  const terminator = new TlsTerminator(certificates, policies.data);
  const tcpProxy = new TcpProxy({
    refusesConnection: (accountId) => quotas.refusesConnection(accountId),
    onClosed: (endpoint, closed) => traffic.connection(endpoint, closed),
    now,
    policies,
    terminator,
    onFault: (error) => errors.report(error),
    admits: (accountId, address) => settings.admits(accountId, address),
    sweep,
    limits: visitorLimits,
    refusal,
  });
  const tcp = new TcpListeners({
    tcpProxy,
    admission,
    sweep,
    limits: visitorLimits,
    range: config.tcp.range,
    address: config.bindAddress,
    find: (port) => router.findTcp(port),
  });
  const cloud = new CloudEndpoints({
    accounts: settings,
    policies,
    router,
    internal,
    tcp,
    names: { tcpHost: config.tcp.host, ports: () => shownPorts(config, ports) },
    log: part('cloud-endpoints'),
    onOnline: (endpoint) => {
      warmCertificate(endpoint);
      void bindings.recheckAt(endpoint);
    },
    // The first visitor was counted already.
    onFirstUse: (endpoint) => usage.track(endpoint, { whole: true }),
    onGone: (endpoint) => usage.untrack(endpoint),
  });
  const cloudFeed: CloudFeed = new CloudFeed({ client, nodeId, table: cloud, log: part('cloud-endpoints') });
  const warmCertificate = (endpoint: Endpoint): void => {
    const isInternal = endpoint.host.endsWith('.internal');
    if (endpoint.proto === 'https' && !isInternal && !endpoint.host.startsWith('*.')) certificates.warm(endpoint.host);
  };
  const http = new HttpListener({ proxy, admission, idleStreams, publicPort: config.publicPorts.http });
  const connectHosts = [`connect.${baseDomain}`, ...config.connectNames.filter((name) => isIP(name) === 0)];
  const agentListener = new AgentListener({
    limits,
    log: part('connect'),
    metrics,
    // Not while the loop is late: an agent that is refused stays away for minutes.
    isFull: () => descriptors.exhausted,
    onAgent: (socket, authenticated) => AgentConnection.serve(side, socket, authenticated),
  });
  const https = new TlsListener({
    proxy,
    admission,
    wantsFingerprint: ({ policy, accountId }) =>
      policy !== null || traffic.wants(accountId, 'http_request_complete.v0'),
    certificates,
    idleStreams,
    tcpProxy,
    terminator,
    findTls: (serverName) => router.findTls(serverName),
    connectHosts: new Set(connectHosts),
    agents: agentListener,
    platformHosts,
    challengeCertificate: (serverName) => acme.certificate(serverName),
    publicPort: config.publicPorts.https,
    log: part('tls'),
  });

  const admin =
    config.adminPort === null ? null : new AdminListener({ metrics, isReady: () => keys.ready && !draining });

  await descriptors.start();

  // Ports first: a port that is taken must end the start before anything else has begun.
  const opened: { close(): Promise<void> }[] = [];
  const inherited = config.inheritedSockets;
  const ports = { http: 0, https: 0, connect: 0, admin: null as number | null };
  try {
    ports.http = await http.listen(config.ports.http, config.bindAddress, inherited.get('http') ?? null);
    opened.push(http);
    ports.https = await https.listen(config.ports.https, config.bindAddress, inherited.get('https') ?? null);
    opened.push(https);
    ports.connect = await agentListener.listen(
      config.ports.connect,
      config.bindAddress,
      inherited.get('connect') ?? null,
    );
    opened.push(agentListener);
    if (admin !== null && config.adminPort !== null) ports.admin = await admin.listen(config.adminPort);
  } catch (error) {
    watchdog.close();
    descriptors.close();
    sweep.close();
    sessions.close();
    client.close();
    for (const listener of opened) await listener.close();
    await Promise.all([registry.close(), usage.close(), visitorSessions.close(), captures.close(), events.close()]);
    throw error;
  }

  // The agent side.
  const connectAddress = `${connectName(config)}:${ports.connect}`;
  const link = new ControlLink({
    client,
    identity: { nodeId, epoch, version, connectAddress },
    keys,
    grants,
    settings,
    cloud: cloudFeed,
    log: part('control'),
    reconcileMs: limits.reconcileMs,
    onChange: (change) => {
      if (change.kind === 'session-command')
        void followCommand(change, { sessions, client, nodeId, log: part('sessions') });
      else if (change.kind === 'visitors-signed-out') visitorSessions.end(change.sessionIds);
      else {
        if (change.kind === 'certificate-changed' || change.kind === 'domain-changed')
          certificates.recheck(change.host);
        applyChange(change, bindings);
      }
    },
    onUp: () => {
      void bindings.recheckUnchecked();
      void visitorSessions.flush();
      // Without an answer the next time will do.
      certificates.recheckAll().catch(() => {});
    },
  });
  const publicHttps = config.publicPorts.https ?? ports.https;
  const bindings = new Bindings({
    client,
    isApiUp: () => link.up,
    nodeId,
    names: {
      baseDomain,
      ports: { http: config.publicPorts.http ?? ports.http, https: publicHttps, tls: publicHttps },
      tcpRange: config.tcp.range === null ? 'any free port' : `${config.tcp.range.first}-${config.tcp.range.last}`,
    },
    tcpHost: config.tcp.host,
    tokens,
    router,
    internal,
    secrets: settings,
    tcp,
    policies,
    live,
    usage,
    events,
    metrics,
    log: part('endpoints'),
    limits: { probeTimeoutMs: limits.probeTimeoutMs, claimPatienceMs: (limits.leaseTtlS + 2) * 1_000 },
    now,
    onOnline: warmCertificate,
  });
  let lastFence = 0;
  const side: AgentSide = {
    limits,
    nodeId,
    region: config.region,
    version,
    grants,
    keys,
    tokens,
    bindings,
    sessions,
    limiter: new FailureLimiter({
      perMinute: limits.failedTokensPerMinute,
      exempt: limits.rateLimitLoopback ? null : exemptAddresses(config.trustedProxies),
      nowMs: () => performance.now(),
    }),
    live,
    events,
    metrics,
    log: part('sessions'),
    now,
    // The time of day, so that it goes on growing over restarts of edge and registry.
    nextFence: () => {
      lastFence = Math.max(lastFence + 1, now());
      return lastFence;
    },
    isDraining: () => draining,
  };
  metrics.gauge('portico_cloud_endpoints', 'Cloud endpoints that this edge knows.', () => cloud.size);
  metrics.gauge('portico_sessions', 'Agent sessions that are open here.', () => sessions.size);
  metrics.gauge('portico_visitor_connections', 'Visitor connections that are open.', () => admission.open);
  metrics.gauge(
    'portico_memory_dropped_total',
    'Visitor connections ended because memory was short.',
    () => relief.dropped,
  );
  metrics.gauge('portico_usage_rows_pending', 'Usage rows that the API has not acknowledged.', () => usage.pendingRows);
  metrics.gauge(
    'portico_events_dropped_total',
    'Events dropped because the API was away too long.',
    () => events.dropped,
  );

  metrics.gauge(
    'portico_captures_dropped_total',
    'Exchanges of which no record was kept, since there was no room for it.',
    () => captures.dropped,
  );

  const connected = Promise.withResolvers<void>();
  const startedAt = nowDate();
  let issuingNotAfter: string | null = null;
  const connectCertificate = new ConnectCertificateKeeper({
    names: ['localhost', '127.0.0.1', '::1', `connect.${baseDomain}`, ...config.connectNames],
    now: nowDate,
    log: part('certificates'),
    onCertificate: (certificate) => {
      for (const host of connectHosts) certificates.pin(host, certificate);
      agentListener.useCertificate(certificate);
      connected.resolve();
    },
  });
  const issuing = new IssuingCa({
    client,
    nodeId,
    store: new IssuingStore({ folder: config.dataDir, nodeId, log: part('certificates') }),
    mustCover: [`connect.${baseDomain}`, `*.${baseDomain}`],
    now: nowDate,
    log: part('certificates'),
    onIssuer: (issuer, root) => {
      rootPem = root;
      certificates.useIssuer(issuer);
      connectCertificate.useIssuer(issuer, root);
      issuingNotAfter = issuer.notAfter.toISOString();
      showNode();
    },
  });
  const publicPorts = shownPorts(config, ports);
  const visitors = { host: visitorHost(config), http: ports.http, https: ports.https };
  const showNode = (): void =>
    live.putNode({
      epoch,
      version,
      connectAddress,
      publicPorts,
      visitors,
      draining,
      startedAt: startedAt.toISOString(),
      issuingNotAfter,
    });
  showNode();
  link.start();
  issuing.start();
  log.info({ nodeId, epoch, ports }, 'listening');

  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closed ??= (async () => {
      draining = true;
      agentListener.stopAccepting();
      await Promise.all([http.close(), tcp.closeAll()]);
      // Agents last: until here their streams could still finish.
      for (const session of sessions.all()) session.close('the edge is closing');
      await agentListener.close();
      network.close();
      ipData?.close();
      platformHosts.close();
      await https.close();
      connectCertificate.close();
      await Promise.all([issuing.close(), link.close()]);
      await live.close();
      await Promise.all([
        registry.close(),
        usage.close(),
        visitorSessions.close(),
        captures.close(),
        events.close(),
        admin?.close(),
      ]);
      client.close();
      sessions.close();
      sweep.close();
      watchdog.close();
      descriptors.close();
      log.info('closed');
    })();
    return closed;
  };

  let drained: Promise<void> | null = null;
  const drain = (): Promise<void> => {
    drained ??= (async () => {
      draining = true;
      showNode();
      log.info({ connections: admission.open, sessions: sessions.size }, 'draining');
      agentListener.stopAccepting();
      http.drain();
      https.drain();
      tcp.drain();
      const deadlineMs = performance.now() + limits.drainMs;
      while (
        http.connections + https.connections - agentListener.handedIn + tcp.connections > 0 &&
        performance.now() < deadlineMs
      ) {
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      await close();
    })();
    return drained;
  };

  return {
    httpPort: ports.http,
    httpsPort: ports.https,
    connectPort: ports.connect,
    adminPort: ports.admin,
    metrics,
    whenConnected: async () => {
      await connected.promise;
      await link.tried;
    },
    drain,
    close,
  };
}

/** The edge that has the session gives the order to its agent and tells the API what came of it. */
async function followCommand(
  order: SessionCommand,
  { sessions, client, nodeId, log }: { sessions: SessionTable; client: InternalClient; nodeId: string; log: Logger },
): Promise<void> {
  const session = sessions.get(order.sessionId);
  if (session === null) return;
  const { commandId, command } = order;
  try {
    const outcome = await commandAgent(session, order);
    log.info({ sessionId: session.id, command, outcome: outcome.kind }, 'an agent was given an order');
    await client.reportOutcome({ nodeId, commandId, outcome });
  } catch (error) {
    // Whoever gave the order hears nothing, and is told so.
    log.error({ err: error, sessionId: session.id, command }, 'an order was not carried out');
  }
}

function applyChange(change: Change, bindings: Bindings): void {
  if (change.kind === 'stop-endpoint') {
    bindings.stopEndpoint(change.endpointId, change.message);
  } else if (change.kind === 'domain-changed') {
    const name = change.host.replace(/^\*\./, '');
    // Names under it are concerned too: a wildcard may have been reserved, or be gone.
    const concerned = ({ host }: Endpoint): boolean =>
      host === change.host || host === name || host.endsWith(`.${name}`);
    void bindings.recheck((endpoint) => concerned(endpoint));
  }
}

/** An agent that may not be connected from where it is ends; so do its endpoints. */
function endWhereRefused(session: AgentSession, settings: AccountSettings, bindings: Bindings): void {
  const judgement = settings.judgeAgent(session.accountId, session.ip);
  if (judgement === 'allowed') return;
  const { message } = new PorticoError(judgement === 'denied' ? 116 : 115, { address: session.ip });
  bindings.dropSession(session, message);
  session.close(message);
}

/** Ports as they stand in URLs: of the listeners, unless something in front maps them. */
function shownPorts(
  { publicPorts }: EdgeConfig,
  listening: { readonly http: number; readonly https: number },
): { http: number; https: number } {
  return { http: publicPorts.http ?? listening.http, https: publicPorts.https ?? listening.https };
}

/** One connection for two names only if one account serves both (reliability §2, row 32). */
function sameOwner(router: Router, serverName: string, hostname: string): boolean {
  const one = router.findHttp('https', serverName);
  const other = router.findHttp('https', hostname);
  return one !== null && other !== null && one.accountId === other.accountId;
}

/** Where the API reaches the visitors' listeners: every address means any, and loopback is one. */
function visitorHost({ bindAddress, connectNames }: EdgeConfig): string {
  if (bindAddress === '0.0.0.0' || bindAddress === '::') return connectNames[0] ?? '127.0.0.1';
  return bindAddress;
}

/** What people should dial: the first configured name, else what the certificate covers and resolves. */
function connectName({ connectNames, bindAddress, baseDomain }: EdgeConfig): string {
  const [first] = connectNames;
  if (first !== undefined) return first.includes(':') ? `[${first}]` : first;
  return bindAddress === '::1' || bindAddress.startsWith('127.') ? 'localhost' : `connect.${baseDomain}`;
}

function exemptAddresses(trustedProxies: readonly string[]): BlockList {
  const list = loopbackAddresses();
  for (const range of trustedProxies) addToBlockList(list, range);
  return list;
}
