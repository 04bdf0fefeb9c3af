import { join, resolve } from 'node:path';
import {
  ConfigError,
  type Environment,
  readChoice,
  readHostName,
  readOptional,
  readPort,
  readText,
} from '@portico/service';

/** What the platform itself decides; every other setting goes to the processes as it came and is checked there. */
export interface PlatformConfig {
  /** Absolute; database, CA, secrets, logs, ready file. */
  readonly dataDir: string;
  /** One's own Postgres, or null for the embedded one. */
  readonly databaseUrl: string | null;
  readonly baseDomain: string;
  /** Address of the http, https, connect and TCP listeners. */
  readonly bind: string;
  readonly ports: {
    readonly http: number;
    readonly https: number;
    readonly connect: number;
    readonly api: number;
    readonly dashboard: number;
    readonly internal: number;
  };
  /** What URLs show when something in front maps ports; null: the listening port. */
  readonly publicHttpsPort: number | null;
  readonly masterKeyFile: string;
  readonly checkout: string;
  readonly environment: Environment;
}

export const PORT_VARIABLES = {
  http: 'PORTICO_HTTP_PORT',
  https: 'PORTICO_HTTPS_PORT',
  connect: 'PORTICO_CONNECT_PORT',
  api: 'PORTICO_API_PORT',
  dashboard: 'PORTICO_DASHBOARD_PORT',
  internal: 'PORTICO_INTERNAL_PORT',
} as const;

export type PortName = keyof typeof PORT_VARIABLES;

/** @throws ConfigError naming the variable, its value and what is accepted. */
export function readConfig(env: Environment, checkout: string): PlatformConfig {
  const dataDir = resolve(checkout, readText(env, 'PORTICO_DATA_DIR', '.data'));
  const publicHttpsPort = readPort(env, 'PORTICO_PUBLIC_HTTPS_PORT', 0);
  readChoice(env, 'PORTICO_REGISTRY', 'embedded', ['embedded']);
  const ports = {
    http: readPort(env, PORT_VARIABLES.http, 8080),
    https: readPort(env, PORT_VARIABLES.https, 8443),
    connect: readPort(env, PORT_VARIABLES.connect, 4443),
    api: readPort(env, PORT_VARIABLES.api, 4010),
    dashboard: readPort(env, PORT_VARIABLES.dashboard, 4020),
    internal: readPort(env, PORT_VARIABLES.internal, 4011),
  };
  refuseSharedPorts(ports);
  return {
    dataDir,
    databaseUrl: readDatabaseUrl(env),
    baseDomain: readHostName(env, 'PORTICO_BASE_DOMAIN', 'portico.localhost'),
    bind: readText(env, 'PORTICO_BIND', '127.0.0.1'),
    ports,
    publicHttpsPort: publicHttpsPort === 0 ? null : publicHttpsPort,
    masterKeyFile: resolve(checkout, readText(env, 'PORTICO_MASTER_KEY_FILE', join(dataDir, 'master.key'))),
    checkout,
    environment: env,
  };
}

function readDatabaseUrl(env: Environment): string | null {
  const text = readOptional(env, 'DATABASE_URL');
  if (text === null) return null;
  const url = URL.parse(text);
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    // The value may hold a password: only its scheme is shown.
    throw new ConfigError(
      'DATABASE_URL',
      `${text.slice(0, Math.max(0, text.indexOf(':')))}:…`,
      'postgresql://USER:PASSWORD@HOST:PORT/DATABASE',
    );
  }
  return text;
}

function refuseSharedPorts(ports: Record<PortName, number>): void {
  const owners = new Map<number, string>();
  for (const [name, variable] of Object.entries(PORT_VARIABLES)) {
    const port = Object.entries(ports).find(([candidate]) => candidate === name)?.[1] ?? 0;
    if (port === 0) continue;
    const owner = owners.get(port);
    if (owner !== undefined) throw new ConfigError(variable, String(port), `a port of its own; ${owner} has this one`);
    owners.set(port, variable);
  }
}
