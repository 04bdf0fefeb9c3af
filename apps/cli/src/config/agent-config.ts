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
  /** `host:port` of the local API, false for none. */
  readonly webAddr?: string | false;
  readonly webAllowHosts?: readonly string[];
  /** Bytes of exchanges that are kept; 0 is the default of 50 MB, -1 keeps none. */
  readonly inspectDbSize?: number;
  readonly proxyUrl?: string;
  /** False: commands of the server (stop, restart) are not followed. */
  readonly remoteManagement?: boolean;
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
  /** The policy document as JSON text, or where it is. */
  readonly trafficPolicy?: string;
  readonly trafficPolicyFile?: string;
  readonly trafficPolicyUrl?: string;
  readonly upstreamProtocol?: 'http1' | 'http2';
  readonly proxyProtocol?: 0 | 1 | 2;
  readonly inspect?: boolean;
  /** Two endpoints: the one of `url`, and its twin over plain http. */
  readonly bothSchemes?: boolean;
  readonly upstreamTlsVerify?: boolean;
  /** PEM text or path of CAs; implies `upstreamTlsVerify`. */
  readonly upstreamTlsCas?: string;
  readonly tls?: TlsEnd;
  /** Options in older words: they become a policy. */
  readonly classic?: ClassicConfig;
  /** Keys that are known but cannot be honoured: starting this endpoint is refused. */
  readonly unsupported: readonly string[];
}

/** Who ends TLS of a `tls` endpoint, and with what; each a PEM text or the path of one. */
export interface TlsEnd {
  readonly at?: 'edge' | 'agent' | 'upstream';
  readonly certificate?: string;
  readonly privateKey?: string;
  readonly clientCas?: readonly string[];
}

/** Rules as they were written before there were policies (`ngrok-surface.md` sections 1.4 and 2.3). */
export interface ClassicConfig {
  /** `rewrite` (the upstream's own), `preserve`, or the text to send. */
  readonly hostHeader?: string;
  /** `user:password` each. */
  readonly basicAuth?: readonly string[];
  readonly cidrAllow?: readonly string[];
  readonly cidrDeny?: readonly string[];
  readonly compression?: boolean;
  readonly circuitBreaker?: number;
  /** `name: value` each. */
  readonly requestHeaderAdd?: readonly string[];
  readonly requestHeaderRemove?: readonly string[];
  readonly responseHeaderAdd?: readonly string[];
  readonly responseHeaderRemove?: readonly string[];
  readonly userAgentAllow?: readonly string[];
  readonly userAgentDeny?: readonly string[];
  readonly webhookProvider?: string;
  readonly webhookSecret?: string;
  readonly oauthProvider?: string;
  readonly oidcUrl?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly scopes?: readonly string[];
  readonly allowEmails?: readonly string[];
  readonly allowDomains?: readonly string[];
  /** PEM text or path of the CAs whose clients an http endpoint lets in. */
  readonly mutualTlsCas?: string;
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
