import { isRecord, MessageError, MessageFields } from './message-fields.ts';

export type TunnelProto = 'http' | 'https' | 'tcp' | 'tls';

export function isTunnelProto(text: string): text is TunnelProto {
  return text === 'http' || text === 'https' || text === 'tcp' || text === 'tls';
}

/** The options of a bind as they came, names and all: they are echoed, and the client sends the echo when it rebinds. */
export type RawOptions = Readonly<Record<string, unknown>>;

/** Bind, stream type 1 (protocol notes, section 8). */
export interface BindRequest {
  /** '' for a new endpoint; on a rebind the old id, believed only with its token. */
  readonly id: string;
  /** As sent; see `isTunnelProto`. */
  readonly proto: string;
  /** Text for people. */
  readonly forwardsTo: string;
  /** '', 'http1' or 'http2'. */
  readonly forwardsProto: string;
  readonly rawOpts: RawOptions;
  /** Secret. */
  readonly token: string;
  readonly ipPolicyRef: string;
  readonly metadata: string;
  readonly bindings: readonly string[];
  readonly poolingEnabled: boolean;
  readonly name: string;
  readonly description: string;
}

export interface BindResponse {
  readonly id: string;
  readonly url: string;
  readonly proto: string;
  readonly rawOpts: RawOptions;
  /** '' is success. */
  readonly error: string;
  readonly token: string;
  /** The endpoint's id as the REST API names it. */
  readonly tunnelId: string;
}

/** @throws MessageError */
export function parseBindRequest(value: unknown): BindRequest {
  const fields = new MessageFields(value, 'Bind');
  const extra = fields.object('Extra');
  return {
    id: fields.text('Id'),
    proto: fields.text('Proto'),
    forwardsTo: fields.text('ForwardsTo'),
    forwardsProto: fields.text('ForwardsProto'),
    rawOpts: parseRawOptions(fields.raw('Opts'), 'Bind.Opts'),
    token: extra.text('Token'),
    ipPolicyRef: extra.text('IPPolicyRef'),
    metadata: extra.text('Metadata'),
    bindings: extra.texts('Bindings'),
    poolingEnabled: extra.flag('PoolingEnabled'),
    name: extra.text('Name'),
    description: extra.text('Description'),
  };
}

/** Names and order as the Rust client has them; `Name` and `Description`, which only Go sends, when they are set. */
export function encodeBindRequest(request: BindRequest): Record<string, unknown> {
  return {
    Id: request.id,
    Proto: request.proto,
    ForwardsTo: request.forwardsTo,
    ForwardsProto: request.forwardsProto,
    Opts: request.rawOpts,
    Extra: {
      Token: request.token,
      IPPolicyRef: request.ipPolicyRef,
      Metadata: request.metadata,
      Bindings: request.bindings,
      PoolingEnabled: request.poolingEnabled,
      ...(request.name === '' ? {} : { Name: request.name }),
      ...(request.description === '' ? {} : { Description: request.description }),
    },
  };
}

/** @throws MessageError */
export function parseBindResponse(value: unknown): BindResponse {
  const fields = new MessageFields(value, 'BindResp');
  const extra = fields.object('Extra');
  return {
    id: fields.text('Id'),
    url: fields.text('URL'),
    proto: fields.text('Proto'),
    rawOpts: parseRawOptions(fields.raw('Opts'), 'BindResp.Opts'),
    error: fields.text('Error'),
    token: extra.text('Token'),
    tunnelId: extra.text('TunnelID'),
  };
}

export function encodeBindResponse(response: BindResponse): Record<string, unknown> {
  return {
    Id: response.id,
    URL: response.url,
    Proto: response.proto,
    Opts: response.rawOpts,
    Error: response.error,
    Extra: { Token: response.token, TunnelID: response.tunnelId },
  };
}

/** The answer to a Bind that is refused; `error` as `formatError` writes it. */
export function encodeBindFailure(error: string): Record<string, unknown> {
  return { Id: '', URL: '', Proto: '', Opts: {}, Error: error, Extra: { Token: '', TunnelID: '' } };
}

/**
 * The options to echo: everything that was received, the resolved host name (or `host:port` for tcp) filled in,
 * and what the Rust client cannot parse an answer without.
 */
export function echoOptions(proto: TunnelProto, received: RawOptions, resolved: string): RawOptions {
  const name = proto === 'tcp' ? 'Addr' : 'Hostname';
  const echo: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const [key, value] of Object.entries(received)) {
    if (key.toLowerCase() === name.toLowerCase()) continue;
    // As an own property even if it is called `__proto__`.
    Object.defineProperty(echo, key, { value, enumerable: true, configurable: true, writable: true });
    if (value !== null) seen.add(key);
  }
  for (const [key, value] of Object.entries(NEEDED_BY_RUST[proto])) {
    if (!seen.has(key)) echo[key] = value;
  }
  echo[name] = resolved;
  return echo;
}

const NEEDED_BY_HTTP = { Hostname: '', Auth: '', Subdomain: '', HostHeaderRewrite: false, ProxyProto: 0 };

const NEEDED_BY_RUST: { readonly [proto in TunnelProto]: RawOptions } = {
  http: NEEDED_BY_HTTP,
  https: NEEDED_BY_HTTP,
  tcp: { Addr: '', ProxyProto: 0 },
  tls: { Hostname: '', Subdomain: '', ProxyProto: 0, MutualTLSAtAgent: false },
};

function parseRawOptions(value: unknown, where: string): RawOptions {
  if (value === undefined) return {};
  if (!isRecord(value)) throw new MessageError(`${where}: an object is expected`);
  return value;
}
