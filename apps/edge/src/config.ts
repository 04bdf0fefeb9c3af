import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import {
  ConfigError,
  type Environment,
  type LogLevel,
  readAddress,
  readChoice,
  readCidrs,
  readHostName,
  readInteger,
  readListeningSockets,
  readOptional,
  readPort,
  readPortRange,
  readText,
} from '@portico/service';
import type { IpDataFiles } from './policy/ip-data.ts';
import { type ProviderSettings, readProviderSettings } from './policy/sign-in/provider-settings.ts';
import { type VisitorLimits, visitorLimits } from './proxy/limits.ts';

const PORT_NAMES = ['http', 'https', 'connect'] as const;
type PortName = (typeof PORT_NAMES)[number];

/** Everything the edge needs to start; nothing below it reads the environment. Ports may be 0: any free one. */
export interface EdgeConfig {
  /** Names this process in the registry; one process at a time may use it. */
  readonly nodeId: string;
  readonly version: string;
  /** Where the edge keeps its issuing CA; nothing else of it outlives a restart. */
  readonly dataDir: string;
  /** Shown to agents and in lists. */
  readonly region: string;
  readonly baseDomain: string;
  readonly bindAddress: string;
  readonly ports: { readonly [name in PortName]: number };
  /** Descriptors of listening sockets that are used in place of these ports and the address. */
  readonly inheritedSockets: ReadonlyMap<PortName, number>;
  /** What URLs show when something in front maps ports; null: the listening port. */
  readonly publicPorts: { readonly http: number | null; readonly https: number | null };
  readonly tcp: TcpPortsConfig;
  /** CIDRs or addresses whose PROXY header and X-Forwarded-* are believed. */
  readonly trustedProxies: readonly string[];
  /** CIDRs of private networks that policies may send requests to; loopback and private addresses are refused otherwise. */
  readonly outgoingAllow: readonly string[];
  /** What policies may know about addresses. */
  readonly ipData: IpDataFiles;
  /** Applications and own servers of OAuth providers. */
  readonly oauthProviders: ProviderSettings;
  /** Names and addresses of the connect port's certificate beyond localhost, loopback and `connect.<base>`. */
  readonly connectNames: readonly string[];
  /** The low-traffic hosts on the https port (design D3), each with the loopback origin that serves it. */
  readonly platformHosts: readonly PlatformHost[];
  readonly internal: { readonly url: string; readonly credential: string };
  /** Loopback port of /metrics and /healthz; null: none. */
  readonly adminPort: number | null;
  readonly logLevel: LogLevel;
  readonly limits: EdgeLimits;
  readonly visitorLimits: VisitorLimits;
}

export interface TcpPortsConfig {
  /** Host in tcp:// URLs. */
  readonly host: string;
  /** Inclusive; null: any free port each. */
  readonly range: { readonly first: number; readonly last: number } | null;
}

export interface PlatformHost {
  readonly kind: 'dashboard' | 'api';
  readonly host: string;
  /** `http://127.0.0.1:4020` */
  readonly origin: string;
}

/** The agent side's limits and times (`reliability.md` L19–L22, L27, X3, X6, §4 of the design). Times in ms. */
export interface EdgeLimits {
  /** L19: streams at once on the session of a stock SDK, and of an agent that announced `open`. */
  readonly sdkStreams: number;
  readonly agentStreams: number;
  /**
   * L20: how long an agent may leave a stream untaken, and how many of them a session may have: the Go SDK queues 128
   * and turns the next one away.
   */
  readonly acceptTimeoutMs: number;
  readonly sdkUntakenStreams: number;
  readonly agentUntakenStreams: number;
  /** How long streams beyond these wait for room before they are refused. */
  readonly untakenPatienceMs: number;
  /** How many streams of a session may wait beyond L19, and for how long. */
  readonly queuedStreams: number;
  readonly queueTimeoutMs: number;
  /** L21: new binds of a session: at once, and a second. */
  readonly bindBurst: number;
  readonly bindsPerSecond: number;
  readonly rpcStreams: number;
  readonly rpcTimeoutMs: number;
  readonly rpcBytes: number;
  /** L22: agents that have not authenticated. */
  readonly authTimeoutMs: number;
  readonly unauthenticatedAgents: number;
  /** Connections that wait unread beyond that; more are closed. */
  readonly heldConnections: number;
  /** Failed tokens of one address a minute, loopback and trusted proxies left out unless `rateLimitLoopback`. */
  readonly failedTokensPerMinute: number;
  readonly rateLimitLoopback: boolean;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatToleranceMs: number;
  /** How long the holder of a name has to answer a beat when its own account wants the name back. */
  readonly probeTimeoutMs: number;
  /** X6: how long exchanges may take to finish after SIGTERM. */
  readonly drainMs: number;
  /** L27: event-loop delay above which new work is shed. */
  readonly loopDelayShedMs: number;
  /** How long a grant serves without the API. */
  readonly grantLifeMs: number;
  readonly reconcileMs: number;
  readonly usageReportMs: number;
  readonly leaseTtlS: number;
  readonly eventRing: number;
  /** Records of exchanges that wait for the API; what has no room is dropped and counted. */
  readonly captureQueueBytes: number;
}

export const defaultLimits: EdgeLimits = {
  sdkStreams: 480,
  agentStreams: 1_000,
  acceptTimeoutMs: 10_000,
  sdkUntakenStreams: 100,
  agentUntakenStreams: 256,
  untakenPatienceMs: 1_000,
  queuedStreams: 256,
  queueTimeoutMs: 10_000,
  bindBurst: 200,
  bindsPerSecond: 50,
  rpcStreams: 64,
  rpcTimeoutMs: 10_000,
  rpcBytes: 1_048_576,
  authTimeoutMs: 10_000,
  unauthenticatedAgents: 1_000,
  heldConnections: 4_096,
  failedTokensPerMinute: 20,
  rateLimitLoopback: false,
  heartbeatIntervalMs: 10_000,
  heartbeatToleranceMs: 15_000,
  probeTimeoutMs: 2_000,
  drainMs: 30_000,
  loopDelayShedMs: 200,
  grantLifeMs: 24 * 3_600_000,
  reconcileMs: 60_000,
  usageReportMs: 2_000,
  leaseTtlS: 10,
  eventRing: 10_000,
  captureQueueBytes: 32 * 1024 * 1024,
};

export const EDGE_VERSION = '0.1.0';

/**
 * The environment (design §5) as a complete config.
 * @throws ConfigError naming the variable, its value and what is accepted.
 */
export function readConfig(env: Environment): EdgeConfig {
  const baseDomain = readHostName(env, 'PORTICO_BASE_DOMAIN', 'portico.localhost');
  return {
    nodeId: readNodeId(env),
    version: EDGE_VERSION,
    dataDir: readDataDir(env),
    region: readText(env, 'PORTICO_REGION', 'local'),
    baseDomain,
    bindAddress: readAddress(env, 'PORTICO_BIND', '127.0.0.1'),
    ports: {
      http: readPort(env, 'PORTICO_HTTP_PORT', 8080),
      https: readPort(env, 'PORTICO_HTTPS_PORT', 8443),
      connect: readPort(env, 'PORTICO_CONNECT_PORT', 4443),
    },
    inheritedSockets: readListeningSockets(env, PORT_NAMES),
    publicPorts: {
      http: readPublicPort(env, 'PORTICO_PUBLIC_HTTP_PORT'),
      https: readPublicPort(env, 'PORTICO_PUBLIC_HTTPS_PORT'),
    },
    tcp: {
      host: readHostName(env, 'PORTICO_TCP_HOST', baseDomain.endsWith('.localhost') ? 'localhost' : baseDomain),
      range: readPortRange(env, 'PORTICO_TCP_PORTS', { first: 20_000, last: 20_999 }),
    },
    trustedProxies: readCidrs(env, 'PORTICO_TRUSTED_PROXIES'),
    outgoingAllow: readCidrs(env, 'PORTICO_OUTGOING_ALLOW'),
    ipData: {
      databases: readFiles(env, 'PORTICO_GEOIP_FILES'),
      categories: readOptional(env, 'PORTICO_IP_CATEGORIES_FILE'),
    },
    oauthProviders: readProviderSettings(env, 'PORTICO_OAUTH_PROVIDERS_FILE'),
    connectNames: readConnectNames(env, 'PORTICO_CONNECT_NAMES'),
    platformHosts: readPlatformHosts(env, baseDomain),
    internal: {
      url: readOrigin(env, 'PORTICO_INTERNAL_URL', `http://127.0.0.1:${readPort(env, 'PORTICO_INTERNAL_PORT', 4011)}`),
      credential: readCredential(env),
    },
    adminPort:
      readOptional(env, 'PORTICO_EDGE_ADMIN_PORT') === null ? null : readPort(env, 'PORTICO_EDGE_ADMIN_PORT', 0),
    logLevel: readChoice(env, 'PORTICO_LOG_LEVEL', 'info', ['debug', 'info', 'warn', 'error', 'silent']),
    limits: defaultLimits,
    visitorLimits,
  };
}

function readNodeId(env: Environment): string {
  const text = readText(
    env,
    'PORTICO_NODE_ID',
    `${
      hostname()
        .toLowerCase()
        .replaceAll(/[^a-z0-9.-]/g, '-') || 'edge'
    }/0`,
  );
  if (!/^[A-Za-z0-9._/-]{1,100}$/.test(text)) {
    throw new ConfigError('PORTICO_NODE_ID', text, 'up to 100 letters, digits and any of . _ / -');
  }
  return text;
}

function readPublicPort(env: Environment, variable: string): number | null {
  if (readOptional(env, variable) === null) return null;
  return readInteger(env, variable, 0, { min: 1, max: 65_535, what: 'a port from 1 to 65535' });
}

function readFiles(env: Environment, variable: string): string[] {
  return (readOptional(env, variable) ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function readConnectNames(env: Environment, variable: string): string[] {
  const text = readOptional(env, variable);
  if (text === null) return [];
  return text.split(',').map((item) => {
    const name = item.trim();
    return isIP(name) !== 0 ? name : readHostName({ [variable]: name }, variable, '');
  });
}

function readPlatformHosts(env: Environment, baseDomain: string): PlatformHost[] {
  const hosts: PlatformHost[] = [];
  for (const [kind, variable, portVariable, port] of [
    ['dashboard', 'PORTICO_DASHBOARD_HOST', 'PORTICO_DASHBOARD_PORT', 4020],
    ['api', 'PORTICO_API_HOST', 'PORTICO_API_PORT', 4010],
  ] as const) {
    if (readOptional(env, variable) === null) continue;
    const host = readHostName(env, variable, '');
    // A page served by a tunnel must not be able to set cookies for the dashboard (design D9).
    if (host === baseDomain || host.endsWith(`.${baseDomain}`)) {
      throw new ConfigError(variable, host, `a host name that is not at or under PORTICO_BASE_DOMAIN (${baseDomain})`);
    }
    if (hosts.some((other) => other.host === host)) {
      throw new ConfigError(variable, host, 'another host name than PORTICO_DASHBOARD_HOST');
    }
    hosts.push({ kind, host, origin: `http://127.0.0.1:${readPort(env, portVariable, port)}` });
  }
  return hosts;
}

function readOrigin(env: Environment, variable: string, fallback: string): string {
  const text = readText(env, variable, fallback);
  const url = URL.parse(text);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.username !== ''
  ) {
    throw new ConfigError(variable, text, 'an http or https origin such as http://127.0.0.1:4011');
  }
  return url.origin;
}

function readDataDir(env: Environment): string {
  return resolve(readText(env, 'PORTICO_DATA_DIR', '.data'));
}

function readCredential(env: Environment): string {
  const variable = 'PORTICO_NODE_CREDENTIAL_FILE';
  const file = readText(env, variable, join(readDataDir(env), 'node-edge.credential'));
  try {
    const text = readFileSync(file, 'utf8').trim();
    if (text !== '') return text;
  } catch {
    // The message below says what is missing.
  }
  throw new ConfigError(variable, file, 'a readable file with the credential that the API gave to this edge');
}
