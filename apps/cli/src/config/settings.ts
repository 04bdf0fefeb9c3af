import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CliError } from '../output/cli-error.ts';
import type { LogFormat, LogLevelName } from '../output/log-writer.ts';
import type { AgentConfig, ConnectCas } from './agent-config.ts';
import { errnoOf, loadConfig } from './load-config.ts';
import type { LocationInput } from './locations.ts';
import { operatorBuild } from './operator.ts';

/** The flags that every tunnel command has. */
export interface AgentFlags {
  readonly config?: readonly string[];
  readonly authtoken?: string;
  readonly log?: string;
  readonly logFormat?: LogFormat;
  readonly logLevel?: LogLevelName;
  /** `start` only: of the session. */
  readonly sessionMetadata?: string;
  readonly region?: string;
}

/** Everything an agent needs, from flags before environment before files. */
export interface Settings {
  readonly connectUrl: string;
  /** PEM texts; null for the system's CAs. */
  readonly ca: readonly string[] | null;
  readonly authtoken: string;
  readonly metadata: string | undefined;
  readonly heartbeat: { readonly intervalMs: number; readonly toleranceMs: number };
  readonly connectTimeoutMs: number | undefined;
  /** Undefined when nobody said: then it depends on whether there is a screen. */
  readonly log: string | undefined;
  readonly logFormat: LogFormat | undefined;
  readonly logLevel: LogLevelName;
  readonly consoleUi: boolean | 'iftty';
  readonly proxyUrl: string | undefined;
  /** Where the local API listens; null for nowhere. */
  readonly webAddr: string | null;
  readonly webAllowHosts: readonly string[];
  /** Null: exchanges are not kept. */
  readonly captureBytes: number | null;
  readonly remoteManagement: boolean;
  readonly configPaths: readonly string[];
  readonly endpoints: AgentConfig['endpoints'];
}

export async function loadSettings(flags: AgentFlags, location: LocationInput): Promise<Settings> {
  const { config, paths } = await loadConfig(flags.config ?? [], location);
  const { env } = location;
  const fromEnv = (...names: string[]): string | undefined =>
    names.map((name) => env[name]?.trim()).find((value) => value !== undefined && value !== '');

  const operator = await operatorBuild();
  const named = fromEnv('PORTICO_CONNECT_URL', 'NGROK_CONNECT_URL') ?? config.connectUrl;
  if (operator !== null && named !== undefined && named !== operator.connectUrl) {
    throw new CliError(`This build of portico connects to ${operator.connectUrl} only, and ${named} is configured.`);
  }
  const connectUrl = operator?.connectUrl ?? named;
  if (connectUrl === undefined) {
    throw new CliError(
      'No server is known to connect to.\n' +
        'Start one here with "npm start", or name yours: portico config add-connect-url HOST:PORT --ca-sha256 FINGERPRINT',
    );
  }
  const web = fromEnv('PORTICO_WEB_ADDR') ?? config.webAddr ?? defaultWebAddr;
  const dbSize = config.inspectDbSize ?? 0;
  const authtoken = flags.authtoken ?? fromEnv('PORTICO_AUTHTOKEN', 'NGROK_AUTHTOKEN') ?? config.authtoken;
  if (authtoken === undefined || authtoken === '') {
    throw new CliError(
      'No authtoken is known.\nTake one from the dashboard of your server and run: portico config add-authtoken TOKEN',
      { code: 'ERR_NGROK_4018' },
    );
  }
  return {
    connectUrl,
    ca: operator === null ? await readCas(casOf(fromEnv('PORTICO_CONNECT_CAS'), config)) : [operator.ca],
    authtoken,
    metadata: flags.sessionMetadata ?? config.metadata,
    heartbeat: {
      intervalMs: config.heartbeatIntervalMs ?? 10_000,
      toleranceMs: config.heartbeatToleranceMs ?? 15_000,
    },
    connectTimeoutMs: config.connectTimeoutMs,
    log: flags.log ?? config.log,
    logFormat: flags.logFormat ?? config.logFormat,
    logLevel: flags.logLevel ?? config.logLevel ?? 'info',
    consoleUi: config.consoleUi ?? 'iftty',
    proxyUrl: config.proxyUrl ?? proxyFromEnv(connectUrl, env),
    webAddr: web === false || web === 'false' ? null : web,
    webAllowHosts: config.webAllowHosts ?? [],
    captureBytes: dbSize === -1 ? null : dbSize === 0 ? defaultCaptureBytes : dbSize,
    remoteManagement: config.remoteManagement ?? true,
    configPaths: paths,
    endpoints: config.endpoints,
  };
}

export const defaultWebAddr = '127.0.0.1:4040';
const defaultCaptureBytes = 50_000_000;

/** `http_proxy` and its relatives, as other programs read them: not for this machine, nor for what `no_proxy` names. */
function proxyFromEnv(connectUrl: string, env: LocationInput['env']): string | undefined {
  const named = (...names: string[]): string | undefined => names.map((name) => env[name]).find((value) => value);
  const host = connectUrl
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase();
  if (host === 'localhost' || host === '::1' || host.startsWith('127.') || host.endsWith('.localhost'))
    return undefined;
  const exempt = (named('no_proxy', 'NO_PROXY') ?? '').split(',').map((each) => each.trim().toLowerCase());
  if (
    exempt.some(
      (each) => each === '*' || (each !== '' && (host === each || host.endsWith(`.${each.replace(/^\./, '')}`))),
    )
  ) {
    return undefined;
  }
  return named('https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY');
}

function casOf(fromEnv: string | undefined, config: AgentConfig): ConnectCas {
  if (fromEnv !== undefined) {
    return fromEnv === 'host' ? { kind: 'host' } : { kind: 'file', path: resolve(fromEnv) };
  }
  return config.connectCas ?? { kind: 'host' };
}

async function readCas(cas: ConnectCas): Promise<readonly string[] | null> {
  switch (cas.kind) {
    case 'host':
      return null;
    case 'pem':
      return [cas.pem];
    case 'file': {
      let text: string;
      try {
        text = await readFile(cas.path, 'utf8');
      } catch (error) {
        throw new CliError(
          `The CA file ${cas.path} (connect_cas) cannot be read (${errnoOf(error) ?? String(error)}).`,
        );
      }
      if (!text.includes('-----BEGIN CERTIFICATE-----')) {
        throw new CliError(`The CA file ${cas.path} (connect_cas) holds no PEM certificate.`);
      }
      return [text];
    }
  }
}
