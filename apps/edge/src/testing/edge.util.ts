import { BlockList } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { PorticoError } from '@portico/errors';
import { createIssuingCa, createKeyPair, createRoot, LeafIssuer } from '@portico/pki';
import { addToBlockList, createLogger } from '@portico/service';
import { Admission } from '../listener/admission.ts';
import { CertificateStore } from '../listener/certificate-store.ts';
import { HttpListener, rootCertificateAnswer } from '../listener/http-listener.ts';
import { TcpListeners } from '../listener/tcp-listener.ts';
import { TlsListener } from '../listener/tls-listener.ts';
import { Policies } from '../policy/policies.ts';
import { TlsTerminator } from '../policy/tls-terminator.ts';
import { ErrorAnswers } from '../proxy/error-response.ts';
import { HttpProxy } from '../proxy/http-proxy.ts';
import { type VisitorLimits, visitorLimits } from '../proxy/limits.ts';
import { PlatformProxy } from '../proxy/platform-proxy.ts';
import { Sweep } from '../proxy/sweep.ts';
import { TcpProxy } from '../proxy/tcp-proxy.ts';
import { IdleStreams } from '../proxy/visitor-streams.ts';
import { Router } from '../router/router.ts';
import { openTunnel, type TestEndpoint, type Tunnel, testEndpoint } from './tunnel.util.ts';

export const BASE = 'base.test';
export const DEMO = `demo.${BASE}`;

export interface EdgeUnderTest {
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly rootPem: string;
  readonly issuer: LeafIssuer;
  readonly tunnel: Tunnel;
  /** `http://demo.base.test` and `https://demo.base.test`. */
  readonly http: TestEndpoint;
  readonly https: TestEndpoint;
  readonly router: Router;
  readonly sweep: Sweep;
  readonly limits: VisitorLimits;
  readonly tcp: TcpListeners;
  readonly admission: Admission;
  readonly certificates: CertificateStore;
  /** Connections that were handed to the agent side. */
  readonly agents: TLSSocket[];
  /** Set it to have new requests refused. */
  refusal: PorticoError | null;
  /** Connections open on both HTTP ports. */
  connections(): number;
  drain(): void;
  close(): Promise<void>;
}

let authority: Promise<{ rootPem: string; issuer: LeafIssuer }> | null = null;

/** One CA for all edges of a test file: keys take time. */
function testAuthority(): Promise<{ rootPem: string; issuer: LeafIssuer }> {
  authority ??= makeAuthority();
  return authority;
}

async function makeAuthority(): Promise<{ rootPem: string; issuer: LeafIssuer }> {
  const now = new Date();
  const root = await createRoot({ name: 'Test root', now });
  const keys = await createKeyPair();
  const certificatePem = await createIssuingCa({
    root,
    publicKeyPem: keys.publicKeyPem,
    permittedDns: [BASE, 'platform.test', 'localhost'],
    permittedIps: [],
    now,
    days: 30,
  });
  return {
    rootPem: root.certificatePem,
    issuer: new LeafIssuer({ certificatePem, privateKeyPem: keys.privateKeyPem }),
  };
}

/** The whole visitor side on free ports, with one tunnel that serves `demo.base.test` over http and https. */
export async function startEdge({
  upstreamPort,
  limits: changed = {},
  trusted = [],
  platform = new Map(),
  policies = new Policies(),
}: {
  upstreamPort: () => number;
  limits?: Partial<VisitorLimits>;
  trusted?: string[];
  platform?: Map<string, string>;
  policies?: Policies;
}): Promise<EdgeUnderTest> {
  const limits: VisitorLimits = { ...visitorLimits, sweepMs: 20, ...changed };
  const log = createLogger({ name: 'edge', level: process.env.PORTICO_TEST_LOG === '1' ? 'debug' : 'silent' });
  const { rootPem, issuer } = await testAuthority();
  const sweep = new Sweep({ periodMs: limits.sweepMs });
  const router = new Router();
  const tunnel = await openTunnel(upstreamPort);
  const http = testEndpoint({ proto: 'http', host: DEMO, members: [tunnel.member()] });
  const https = testEndpoint({ proto: 'https', host: DEMO, members: [tunnel.member()] });
  router.add(http);
  router.add(https);
  const trustedList = new BlockList();
  for (const text of trusted) addToBlockList(trustedList, text);
  const idleStreams = new IdleStreams({ sweep, idleMs: limits.idleStreamMs, freshMs: limits.freshStreamMs });
  const admission = new Admission({ limits, trusted: trustedList, sweep });
  const state: { refusal: PorticoError | null } = { refusal: null };
  const errors = new ErrorAnswers({ log });
  const certificates = new CertificateStore({
    baseDomain: BASE,
    served: (name) => {
      if (platform.has(name)) return { kind: 'host', alpn: ['http/1.1'] };
      const endpoint = router.findHttp('https', name);
      if (endpoint === null) return null;
      return { kind: endpoint.host === name ? 'host' : 'wildcard', alpn: ['h2', 'http/1.1'] };
    },
    log,
  });
  certificates.useIssuer(issuer);
  const proxy = new HttpProxy({
    routes: router,
    errors,
    policies,
    limits,
    sweep,
    refusal: () => state.refusal,
    mayCoalesce: (serverName, hostname) => {
      const one = router.findHttp('https', serverName);
      const other = router.findHttp('https', hostname);
      return one !== null && one.accountId === other?.accountId && certificates.covers(serverName, hostname);
    },
    ownAnswers: rootCertificateAnswer(() => rootPem),
  });
  const terminator = new TlsTerminator(certificates, policies.data);
  const tcpProxy = new TcpProxy({
    sweep,
    limits,
    refusal: () => state.refusal,
    policies,
    terminator,
    onFault: (error) => errors.report(error),
  });
  const agents: TLSSocket[] = [];
  const connect = await issuer.issue({ dns: [`connect.${BASE}`], ips: [] });
  certificates.pin(`connect.${BASE}`, {
    chainPem: connect.certificatePem + rootPem,
    privateKeyPem: connect.privateKeyPem,
  });
  const platformHosts: PlatformProxy = new PlatformProxy({
    origins: platform,
    errors,
    log,
    publicPort: () => tls.publicPort,
  });
  const plain = new HttpListener({ proxy, admission, idleStreams, publicPort: null });
  const tls: TlsListener = new TlsListener({
    wantsFingerprint: ({ policy }) => policy !== null,
    proxy,
    admission,
    certificates,
    idleStreams,
    tcpProxy,
    terminator,
    findTls: (name) => router.findTls(name),
    connectHosts: new Set([`connect.${BASE}`]),
    agents: { accept: (socket) => agents.push(socket) },
    platformHosts,
    publicPort: null,
    log,
  });
  const tcp = new TcpListeners({ tcpProxy, admission, sweep, limits, address: '127.0.0.1', range: null });
  const httpPort = await plain.listen(0, '127.0.0.1');
  const httpsPort = await tls.listen(0, '127.0.0.1');
  return {
    httpPort,
    httpsPort,
    rootPem,
    issuer,
    tunnel,
    http,
    https,
    router,
    sweep,
    limits,
    tcp,
    admission,
    certificates,
    agents,
    get refusal() {
      return state.refusal;
    },
    set refusal(error) {
      state.refusal = error;
    },
    connections: () => plain.connections + tls.connections,
    drain: () => {
      plain.drain();
      tls.drain();
    },
    close: async () => {
      await Promise.all([plain.close(), tls.close(), tcp.closeAll()]);
      platformHosts.close();
      await tunnel.close();
      sweep.close();
    },
  };
}
