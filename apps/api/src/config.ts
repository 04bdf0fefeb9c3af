import { isIP } from 'node:net';
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
  readOptional,
  readPort,
  readPortRange,
  readText,
} from '@portico/service';
import type { AcmeLimits } from './acme/acme-orders.ts';
import { type AcmeConfig, readAcmeConfig } from './acme/config.ts';
import type { DeliveryLimits } from './deliveries/deliveries.ts';
import type { DomainCheckLimits } from './domains/domain-keeper.ts';
import { type IdentityProvider, readProviders } from './identity/providers.ts';
import type { MailConfig } from './mail/mailer.ts';

/** Everything the API needs to start; nothing below it reads the environment. Ports may be 0: any free one. */
export interface ApiConfig {
  readonly version: string;
  readonly databaseUrl: string;
  readonly masterKeyFile: string;
  /** Where the first account, the node credentials and the root certificate are written; null: nowhere. */
  readonly bootstrapDir: string | null;
  readonly baseDomain: string;
  /** Both listeners are on loopback, whatever PORTICO_BIND is. */
  readonly publicPort: number;
  readonly internalPort: number;
  /** Under which the public API is reached from outside; null: as the caller names it. */
  readonly publicOrigin: string | null;
  /** Shown to people as the place where agents dial in; null: what the edge reports. */
  readonly connectAddress: string | null;
  /** Names and addresses that certificates of edges may carry beyond the base domain and loopback. */
  readonly certificateNames: { readonly dns: readonly string[]; readonly ips: readonly string[] };
  readonly tcp: {
    readonly host: string;
    /** Inclusive; null: any port. */
    readonly range: { readonly first: number; readonly last: number } | null;
  };
  /** CIDRs of private networks that webhooks, issuers and the like may be in; such addresses are refused otherwise. */
  readonly outgoingAllow: readonly string[];
  /** Where certificates for customers' domains come from; null: nowhere. */
  readonly acme: AcmeConfig | null;
  /** Name servers that are asked about customers' domains; none: the system's. */
  readonly dnsServers: readonly string[];
  /** Under it, files that events are written to. */
  readonly eventFilesDir: string;
  /** Whether anybody may sign up, or only who was invited. */
  readonly signUp: 'open' | 'invited';
  readonly mail: MailConfig;
  readonly oidc: readonly IdentityProvider[];
  /** What links in mails begin with, unless the browser is on this machine. */
  readonly dashboardOrigin: string;
  readonly logLevel: LogLevel;
  readonly limits: ApiLimits;
}

/** Limits and times; a test shortens what it waits for. Times in ms. */
export interface ApiLimits {
  /** REST requests a minute, by API key. */
  readonly requestsAMinute: number;
  /** Connections to the database. */
  readonly databasePool: number;
  readonly databaseConnectMs: number;
  readonly databaseStatementMs: number;
  /** Requests that may wait for the database at once; more get 503. */
  readonly requestsAtOnce: number;
  readonly retryAfterSeconds: number;
  readonly pingMs: number;
  /** Updates of one live page: at most one each. */
  readonly liveMs: number;
  readonly livePingMs: number;
  /** How long a released name rests for its account. */
  readonly nameHoldMs: number;
  /** The same for a reserved name that was given up. */
  readonly reservedHoldMs: number;
  /** And for a reserved port. */
  readonly reservedPortHoldMs: number;
  readonly bindKeyRotationMs: number;
  /** Bind tokens expire after 30 days; a key is kept a little longer than the last token it signed. */
  readonly bindKeyLifeMs: number;
  readonly sessionIdleMs: number;
  readonly sessionLifeMs: number;
  /** How long after proving who one is changes to sign-in are open. */
  readonly confirmedMs: number;
  /** Between a password and its code, or a browser leaving for an identity provider and coming back. */
  readonly signInStepMs: number;
  /** Links in mails. */
  readonly linkLifeMs: number;
  readonly invitationLifeMs: number;
  readonly signIn: { readonly accountTries: number; readonly addressTries: number; readonly windowMs: number };
  readonly sweepMs: number;
  readonly passwordHash: { readonly memoryKiB: number; readonly passes: number };
  readonly domainChecks: DomainCheckLimits;
  readonly acme: AcmeLimits;
  /** Of events on their way to destinations. */
  readonly deliveries: DeliveryLimits;
}

const minute = 60_000;
const day = 24 * 60 * minute;

export const defaultLimits: ApiLimits = {
  requestsAMinute: 6_000,
  databasePool: 10,
  databaseConnectMs: 1_500,
  databaseStatementMs: 2_500,
  requestsAtOnce: 500,
  retryAfterSeconds: 1,
  pingMs: 5_000,
  liveMs: 250,
  livePingMs: 5_000,
  nameHoldMs: 10 * minute,
  reservedHoldMs: 30 * day,
  reservedPortHoldMs: day,
  bindKeyRotationMs: 7 * day,
  bindKeyLifeMs: 38 * day,
  sessionIdleMs: 12 * 60 * minute,
  sessionLifeMs: 30 * day,
  confirmedMs: 10 * minute,
  signInStepMs: 10 * minute,
  linkLifeMs: 30 * minute,
  invitationLifeMs: 7 * day,
  signIn: { accountTries: 5, addressTries: 20, windowMs: minute },
  sweepMs: minute,
  passwordHash: { memoryKiB: 65_536, passes: 3 },
  domainChecks: { everyMs: day, pendingMinMs: 10_000, pendingMaxMs: 60 * minute, graceMs: 7 * day, atOnce: 20 },
  acme: { atOnce: 4, retryMs: minute, retryMaxMs: day / 2, orderMs: 10 * minute, warnBeforeMs: 16 * day },
  deliveries: {
    sendersMax: 8,
    pollMs: 5_000,
    retryMs: 1_000,
    retryMaxMs: 5 * minute,
    refusalsMax: 5,
    lifeMs: day,
    turnMs: 20_000,
    waitingMax: 100_000,
    deadMax: 1_000,
    deadLifeMs: 7 * day,
  },
};

/** @param checkout folder that relative paths are of. Throws ConfigError naming the variable, the value and what is accepted. */
export function readConfig(env: Environment, checkout: string, version: string): ApiConfig {
  const baseDomain = readHostName(env, 'PORTICO_BASE_DOMAIN', 'portico.localhost');
  const dataDir = resolve(checkout, readText(env, 'PORTICO_DATA_DIR', '.data'));
  const bootstrapDir = readOptional(env, 'PORTICO_BOOTSTRAP_DIR');
  readChoice(env, 'PORTICO_REGISTRY', 'embedded', ['embedded']);
  const dashboardHost = readPlatformHost(env, 'PORTICO_DASHBOARD_HOST', baseDomain);
  const apiHost = readPlatformHost(env, 'PORTICO_API_HOST', baseDomain);
  const connect = readNames(env, 'PORTICO_CONNECT_NAMES');
  const connectPort = readPort(env, 'PORTICO_CONNECT_PORT', 4443);
  const httpsPort = readPort(env, 'PORTICO_PUBLIC_HTTPS_PORT', readPort(env, 'PORTICO_HTTPS_PORT', 8443));
  const bind = readAddress(env, 'PORTICO_BIND', '127.0.0.1');
  const mail = readMail(env, { isLocal: isLoopback(bind) && dashboardHost === null, host: dashboardHost });
  return {
    version,
    databaseUrl: readDatabaseUrl(env),
    masterKeyFile: resolve(checkout, readText(env, 'PORTICO_MASTER_KEY_FILE', join(dataDir, 'master.key'))),
    bootstrapDir: bootstrapDir === null ? null : resolve(checkout, bootstrapDir),
    baseDomain,
    publicPort: readPort(env, 'PORTICO_API_PORT', 4010),
    internalPort: readPort(env, 'PORTICO_INTERNAL_PORT', 4011),
    publicOrigin: apiHost === null ? null : `https://${apiHost}${httpsPort === 443 ? '' : `:${httpsPort}`}`,
    connectAddress:
      connectPort === 0
        ? null
        : `${connect.first ?? (isLoopback(bind) ? 'localhost' : `connect.${baseDomain}`)}:${connectPort}`,
    certificateNames: {
      dns: [...connect.dns, ...[dashboardHost, apiHost].filter((host) => host !== null)],
      ips: [...connect.ips, ...(isLoopback(bind) || isWildcard(bind) ? [] : [bind])],
    },
    tcp: {
      host: readHostName(env, 'PORTICO_TCP_HOST', baseDomain.endsWith('.localhost') ? 'localhost' : baseDomain),
      range: readPortRange(env, 'PORTICO_TCP_PORTS', { first: 20_000, last: 20_999 }),
    },
    outgoingAllow: readCidrs(env, 'PORTICO_OUTGOING_ALLOW'),
    acme: readAcmeConfig(env),
    dnsServers: readServers(env, 'PORTICO_DNS_SERVERS'),
    eventFilesDir: resolve(checkout, readText(env, 'PORTICO_EVENT_FILES_DIR', join(dataDir, 'events'))),
    signUp: readSignUp(env, mail),
    mail,
    oidc: readProviders(env, 'PORTICO_OIDC_FILE', (path) => resolve(checkout, path)),
    dashboardOrigin:
      dashboardHost === null
        ? `http://localhost:${readPort(env, 'PORTICO_DASHBOARD_PORT', 4020)}`
        : `https://${dashboardHost}${httpsPort === 443 ? '' : `:${httpsPort}`}`,
    logLevel: readChoice<LogLevel>(env, 'PORTICO_LOG_LEVEL', 'info', ['debug', 'info', 'warn', 'error', 'silent']),
    limits: {
      ...defaultLimits,
      requestsAMinute: readInteger(env, 'PORTICO_API_REQUESTS_PER_MINUTE', defaultLimits.requestsAMinute, {
        min: 1,
        max: 10_000_000,
      }),
    },
  };
}

function readDatabaseUrl(env: Environment): string {
  const text = readText(env, 'DATABASE_URL', '');
  const url = URL.parse(text);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    // The value may hold a password: say no more of it than that it is there.
    throw new ConfigError(
      'DATABASE_URL',
      text === '' ? '' : '…',
      'a URL such as postgresql://user@127.0.0.1:5432/portico',
    );
  }
  return text;
}

/** Without a server for mail it is kept for whoever sits at this machine, as long as nobody else can reach it. */
function readMail(env: Environment, { isLocal, host }: { isLocal: boolean; host: string | null }): MailConfig {
  const url = readOptional(env, 'PORTICO_SMTP_URL');
  if (url === null) return isLocal ? { kind: 'mailbox' } : { kind: 'none' };
  const parsed = URL.parse(url);
  if (parsed === null || !/^smtps?:$/.test(parsed.protocol) || parsed.hostname === '') {
    // The value may hold a password.
    throw new ConfigError('PORTICO_SMTP_URL', '…', 'a URL such as smtps://user:password@mail.example:465');
  }
  const from = readText(env, 'PORTICO_MAIL_FROM', `portico@${host ?? 'localhost'}`);
  if (!/^[^\s@<>"]+@[^\s@<>"]+$/.test(from)) {
    throw new ConfigError('PORTICO_MAIL_FROM', from, 'an address such as portico@example.com');
  }
  return { kind: 'smtp', url, from };
}

function readSignUp(env: Environment, mail: MailConfig): 'open' | 'invited' {
  const choice = readChoice(env, 'PORTICO_SIGN_UP', 'invited', ['invited', 'open']);
  if (choice === 'open' && mail.kind === 'none') {
    throw new ConfigError(
      'PORTICO_SIGN_UP',
      choice,
      'invited, since without PORTICO_SMTP_URL no address can be confirmed',
    );
  }
  return choice;
}

/** A page of a tunnel must not be able to set cookies for the dashboard (design D9). */
function readPlatformHost(env: Environment, variable: string, baseDomain: string): string | null {
  if (readOptional(env, variable) === null) return null;
  const host = readHostName(env, variable, '');
  if (host === baseDomain || host.endsWith(`.${baseDomain}`)) {
    throw new ConfigError(variable, host, `a host name that is not at or under PORTICO_BASE_DOMAIN (${baseDomain})`);
  }
  return host;
}

/** `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:53`, separated by commas. */
function readServers(env: Environment, variable: string): string[] {
  const text = readOptional(env, variable);
  if (text === null) return [];
  const servers = text.split(',').map((item) => item.trim());
  for (const server of servers) {
    const parts = /^(?:\[([^\]]+)\]|([^:]+|[0-9a-fA-F:]+?))(?::(\d{1,5}))?$/.exec(server);
    const address = parts?.[1] ?? parts?.[2] ?? '';
    if (isIP(address) === 0 || Number(parts?.[3] ?? 53) > 65_535) {
      throw new ConfigError(variable, text, 'addresses of name servers, with or without port, separated by commas');
    }
  }
  return servers;
}

function readNames(env: Environment, variable: string): { dns: string[]; ips: string[]; first: string | null } {
  const items = (readOptional(env, variable) ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => (isIP(item) === 0 ? readHostName({ [variable]: item }, variable, '') : item));
  return {
    dns: items.filter((item) => isIP(item) === 0),
    ips: items.filter((item) => isIP(item) !== 0),
    first: items[0] ?? null,
  };
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}
