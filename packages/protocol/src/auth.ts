import { MessageFields } from './message-fields.ts';
import { encodePorticoExtra, type PorticoExtra, parsePorticoExtra } from './portico-extra.ts';

/** Whether an agent can be told to stop, restart or update itself. */
export type CommandSupport =
  | { readonly kind: 'too-old' }
  | { readonly kind: 'supported' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Auth, stream type 0 (protocol notes, section 8). */
export interface AuthRequest {
  /** Protocol versions that the agent speaks, best first. */
  readonly versions: readonly string[];
  /** '' for a new session; else the one of the last answer, believed only with its cookie. */
  readonly clientId: string;
  readonly cookie: string;
  /** Secret: never logged. */
  readonly token: string;
  readonly os: string;
  readonly arch: string;
  readonly agentVersion: string;
  readonly hostname: string;
  readonly userAgent: string;
  readonly metadata: string;
  /** The agent's own heartbeat, null when it does not say. */
  readonly heartbeatIntervalMs: number | null;
  readonly heartbeatToleranceMs: number | null;
  readonly update: CommandSupport;
  readonly stop: CommandSupport;
  readonly restart: CommandSupport;
  readonly proxyType: string;
  readonly mutualTls: boolean;
  readonly serviceRun: boolean;
  readonly configVersion: string;
  readonly customInterface: boolean;
  readonly customCas: boolean;
  readonly clientType: string;
  /** More than 0 on the further connections of one agent (Go). */
  readonly legNumber: number;
  readonly portico: PorticoExtra | null;
}

export interface AuthResponse {
  readonly version: string;
  readonly clientId: string;
  /** '' is success. */
  readonly error: string;
  readonly serverVersion: string;
  readonly region: string;
  readonly cookie: string;
  readonly accountName: string;
  /** Seconds, 0 without limit. */
  readonly sessionDurationSeconds: number;
  readonly planName: string;
  readonly banner: string;
  /** The session's id as the REST API names it. */
  readonly agentSessionId: string;
  readonly portico: PorticoExtra | null;
}

export const PROTOCOL_VERSIONS = ['3', '2'] as const;

/** @throws MessageError */
export function parseAuthRequest(value: unknown): AuthRequest {
  const fields = new MessageFields(value, 'Auth');
  const extra = fields.object('Extra');
  return {
    versions: fields.texts('Version'),
    clientId: fields.text('ClientId'),
    cookie: extra.text('Cookie'),
    token: extra.text('AuthToken'),
    os: extra.text('OS'),
    arch: extra.text('Arch'),
    agentVersion: extra.text('Version'),
    hostname: extra.text('Hostname'),
    userAgent: extra.text('UserAgent'),
    metadata: extra.text('Metadata'),
    heartbeatIntervalMs: nanosecondsToMs(extra.numberOrNull('HeartbeatInterval')),
    heartbeatToleranceMs: nanosecondsToMs(extra.numberOrNull('HeartbeatTolerance')),
    update: parseSupport(extra.textOrNull('UpdateUnsupportedError')),
    stop: parseSupport(extra.textOrNull('StopUnsupportedError')),
    restart: parseSupport(extra.textOrNull('RestartUnsupportedError')),
    proxyType: extra.text('ProxyType'),
    mutualTls: extra.flag('MutualTLS'),
    serviceRun: extra.flag('ServiceRun'),
    configVersion: extra.text('ConfigVersion'),
    customInterface: extra.flag('CustomInterface'),
    customCas: extra.flag('CustomCAs'),
    clientType: extra.text('ClientType'),
    legNumber: extra.integerOrNull('LegNumber') ?? 0,
    portico: parsePorticoExtra(extra.raw('Portico')),
  };
}

/** Names and order as the Rust client has them. */
export function encodeAuthRequest(request: AuthRequest): Record<string, unknown> {
  return {
    Version: request.versions,
    ClientId: request.clientId,
    Extra: {
      OS: request.os,
      Arch: request.arch,
      AuthToken: request.token,
      Version: request.agentVersion,
      Hostname: request.hostname,
      UserAgent: request.userAgent,
      Metadata: request.metadata,
      Cookie: request.cookie,
      HeartbeatInterval: msToNanoseconds(request.heartbeatIntervalMs),
      HeartbeatTolerance: msToNanoseconds(request.heartbeatToleranceMs),
      UpdateUnsupportedError: encodeSupport(request.update),
      StopUnsupportedError: encodeSupport(request.stop),
      RestartUnsupportedError: encodeSupport(request.restart),
      ProxyType: request.proxyType,
      MutualTLS: request.mutualTls,
      ServiceRun: request.serviceRun,
      ConfigVersion: request.configVersion,
      CustomInterface: request.customInterface,
      CustomCAs: request.customCas,
      ClientType: request.clientType,
      ...(request.legNumber > 0 ? { LegNumber: request.legNumber } : {}),
      ...(request.portico === null ? {} : { Portico: encodePorticoExtra(request.portico) }),
    },
  };
}

/** @throws MessageError */
export function parseAuthResponse(value: unknown): AuthResponse {
  const fields = new MessageFields(value, 'AuthResp');
  const extra = fields.object('Extra');
  return {
    version: fields.text('Version'),
    clientId: fields.text('ClientId'),
    error: fields.text('Error'),
    serverVersion: extra.text('Version'),
    region: extra.text('Region'),
    cookie: extra.text('Cookie'),
    accountName: extra.text('AccountName'),
    sessionDurationSeconds: extra.integerOrNull('SessionDuration') ?? 0,
    planName: extra.text('PlanName'),
    banner: extra.text('Banner'),
    agentSessionId: extra.text('AgentSessionID'),
    portico: parsePorticoExtra(extra.raw('Portico')),
  };
}

/** `Extra` is never null: the Rust client would not parse it. */
export function encodeAuthResponse(response: AuthResponse): Record<string, unknown> {
  return {
    Version: response.version,
    ClientId: response.clientId,
    Error: response.error,
    Extra: {
      Version: response.serverVersion,
      Region: response.region,
      Cookie: response.cookie,
      AccountName: response.accountName,
      SessionDuration: response.sessionDurationSeconds,
      PlanName: response.planName,
      Banner: response.banner,
      ...(response.agentSessionId === '' ? {} : { AgentSessionID: response.agentSessionId }),
      ...(response.portico === null ? {} : { Portico: encodePorticoExtra(response.portico) }),
    },
  };
}

/** The answer to an Auth that is refused; `error` as `formatError` writes it. */
export function encodeAuthFailure(error: string): Record<string, unknown> {
  return { Version: '', ClientId: '', Error: error, Extra: {} };
}

function parseSupport(text: string | null): CommandSupport {
  if (text === null) return { kind: 'too-old' };
  return text === '' ? { kind: 'supported' } : { kind: 'refused', reason: text };
}

function encodeSupport(support: CommandSupport): string | null {
  switch (support.kind) {
    case 'too-old':
      return null;
    case 'supported':
      return '';
    case 'refused':
      return support.reason;
  }
}

function nanosecondsToMs(value: number | null): number | null {
  return value === null ? null : value / 1e6;
}

function msToNanoseconds(value: number | null): number {
  return value === null ? 0 : Math.round(value * 1e6);
}
