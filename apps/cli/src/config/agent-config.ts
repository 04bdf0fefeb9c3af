import type { LogFormat, LogLevelName } from '../output/log-writer.ts';

/** What configuration files may say, after checking; a key that no file sets is absent. */
export interface AgentConfig {
  readonly authtoken?: string;
  readonly apiKey?: string;
  /** `host:port` as written; parsed where it is used. */
  readonly connectUrl?: string;
  readonly connectCas?: ConnectCas;
  readonly consoleUi?: boolean | 'iftty';
  /** `false`, `stdout`, `stderr` or a path. */
  readonly log?: string;
  readonly logLevel?: LogLevelName;
  readonly logFormat?: LogFormat;
  readonly metadata?: string;
  readonly heartbeatIntervalMs?: number;
  readonly heartbeatToleranceMs?: number;
  readonly connectTimeoutMs?: number;
  readonly endpoints: ReadonlyMap<string, EndpointConfig>;
}

/** Whom to believe at the connect URL: the system's CAs, or those of a PEM text or file. */
export type ConnectCas =
  | { readonly kind: 'host' }
  | { readonly kind: 'pem'; readonly pem: string }
  | { readonly kind: 'file'; readonly path: string };

/** One endpoint or (version 2) tunnel of the file, to be started by its name. */
export interface EndpointConfig {
  readonly name: string;
  readonly proto: 'http' | 'tcp' | 'tls';
  /** As `--url`; empty for a random one. */
  readonly url: string;
  readonly subdomain?: string;
  readonly upstream: string;
  readonly metadata?: string;
  readonly description?: string;
  readonly poolingEnabled?: boolean;
  readonly bindings?: readonly string[];
  /** The policy document as JSON text. */
  readonly trafficPolicy?: string;
  readonly trafficPolicyFile?: string;
  readonly upstreamProtocol?: 'http1' | 'http2';
  readonly proxyProtocol?: 0 | 1 | 2;
  /** Keys that are known but cannot be honoured yet: starting this endpoint is refused. */
  readonly unsupported: readonly string[];
}

/** A fault in a file: `line` and `column` count from 1. */
export interface ConfigProblem {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Later files win; `endpoints` of the same name are replaced whole. */
export function mergeConfigs(configs: readonly AgentConfig[]): AgentConfig {
  let merged: AgentConfig = { endpoints: new Map() };
  for (const config of configs) {
    merged = { ...merged, ...config, endpoints: new Map([...merged.endpoints, ...config.endpoints]) };
  }
  return merged;
}
