import type { StreamHandler } from '@portico/muxado';
import type { EndpointPolicy } from '../policy/endpoint-policy.ts';

declare const endpointIdBrand: unique symbol;
declare const sessionIdBrand: unique symbol;

/** `ep_` + KSUID. */
export type EndpointId = string & { readonly [endpointIdBrand]: true };
/** `ts_` + KSUID: one authenticated connection of one agent. */
export type SessionId = string & { readonly [sessionIdBrand]: true };

export type EndpointProto = 'http' | 'https' | 'tls' | 'tcp';

/** A public URL that is online here, and where its traffic goes. Lives from BindResp until Unbind, loss or revocation. */
export interface Endpoint {
  readonly id: EndpointId;
  readonly accountId: string;
  /** As the agent was told: `https://host[:port]`, `tcp://host:port`. */
  readonly url: string;
  readonly proto: EndpointProto;
  /** Lower case, no port, may start with `*.`; '' for tcp. */
  readonly host: string;
  /** Public port: the listener's, or the assigned one of a tcp endpoint. */
  readonly port: number;
  readonly pool: Pool;
  readonly counters: EndpointCounters;
  /** What is spoken over the streams of an http(s) endpoint. */
  readonly forwardsProto: 'http1' | 'http2';
  /** Version of the PROXY header that `Member.open` writes before the payload; 0 = none. The proxy need not care. */
  readonly proxyProtocol: 0 | 1 | 2;
  /** Its upstream speaks bare TCP, and visitors reach it by WebSocket alone. */
  readonly webSocketTcp?: boolean;
  /** The upstream in the agent's words, for display to its owner only. */
  readonly forwardsTo: string;
  /** What runs on its traffic; swapped whole. Null costs nothing. */
  readonly policy: EndpointPolicy | null;
}

/** Plain numbers that the proxy bumps; the usage reporter reads differences. They never go down. */
export interface EndpointCounters {
  /** HTTP exchanges begun. */
  requests: number;
  /** Visitor connections that reached this endpoint. */
  connections: number;
  /** Payload bytes from visitors towards the upstream. */
  bytesIn: number;
  /** Payload bytes from the upstream towards visitors. */
  bytesOut: number;
  /** Exchanges or connections that the edge itself had to answer or cut (5xx of ours). */
  errors: number;
  /** Catalogue code of the last of them; null before the first. */
  lastErrorCode: number | null;
  /** Visitor connections that are open on it now; this one goes down again (L13). */
  openConnections: number;
}

export function createCounters(): EndpointCounters {
  return {
    requests: 0,
    connections: 0,
    bytesIn: 0,
    bytesOut: 0,
    errors: 0,
    lastErrorCode: null,
    openConnections: 0,
  };
}

/** One exchange or connection that the edge had to answer or cut itself, with the catalogue code that says why. */
export function countError(counters: EndpointCounters, code: number): void {
  counters.errors += 1;
  counters.lastErrorCode = code;
}

/** Those who serve one URL. */
export interface Pool {
  /**
   * The member for a new stream, or null when none is online.
   * @param except those that were tried for this exchange and did not reach their upstream
   */
  pick(except?: ReadonlySet<Member>): Member | null;
  readonly size: number;
}

/** The pool of an endpoint that has no agent: its policy answers, or forwards to another endpoint. */
export const NO_AGENT: Pool = { pick: () => null, size: 0 };

/** One way to one agent: a session here, later another node. */
export interface Member {
  /** Stable for as long as the same session serves the endpoint. */
  readonly id: string;
  /** For logs and the owner: `portico/0.1.0 (linux)`. */
  readonly agentName: string;
  /**
   * Opens a stream; `first` (the payload so far, together at most 48 KiB) rides in the opening frame.
   * The buffers must not be changed afterwards.
   * @throws PorticoError 734 (the session's streams and its waiting queue are full), 742 (it drains), 3210 (it is gone).
   */
  open(header: OpenHeader, first: Uint8Array[]): UpstreamStream;
  /** Streams open on the whole session, those of other endpoints too. */
  readonly openStreams: number;
  /** 480, or 1,000 if the agent announced `open` (L19). */
  readonly streamCap: number;
  /** Round trip to it as last measured; null before the first beat. */
  readonly latencyMs?: number | null;
}

/** What the agent learns of the visitor. */
export interface OpenHeader {
  readonly clientIp: string;
  readonly clientPort: number;
  readonly proto: EndpointProto;
  /** True when the stream carries the visitor's own TLS. */
  readonly passthroughTls: boolean;
  /** The address that the visitor connected to; only an endpoint with `proxyProtocol` wants it. */
  readonly serverIp?: string;
}

/**
 * One stream to one upstream. Callbacks as muxado's stream; the rules of `ack` and `write` are the same.
 * After `onReset`, `onRefused`, `reset()` or `abort()` nothing more is called and nothing more may be written.
 */
export interface UpstreamStream {
  /** Bytes that came before are delivered during or right after this call, in order. */
  setHandler(handler: UpstreamHandler): void;
  /** Queues the chunk, which must not be changed afterwards; false: stop until `onWritable`. */
  write(chunk: Uint8Array): boolean;
  /** FIN. For HTTP only after the response is complete: stock Go agents close both ways at the first end. */
  end(chunk?: Uint8Array): void;
  /** RST alone. */
  reset(): void;
  /** FIN, then RST: the upstream sees the end at once (the visitor has gone). */
  abort(): void;
  /** Gives the agent room for as many bytes again. */
  ack(bytes: number): void;
  readonly bufferedBytes: number;
  /** Monotonic time of the first frame that came back (L20), null until then. */
  readonly acceptedAtMs: number | null;
}

export interface UpstreamHandler extends StreamHandler {
  /** The first frame came back (L20): from here on a request that is not idempotent is never repeated. At most once. */
  onAccepted(): void;
  /**
   * The agent, or the edge in its place, says that the upstream was not reached; nothing was given to it. Terminal.
   * `code` is one of the protocol's (`DIAL_REFUSED`, `DIAL_TIMEOUT`, …), or `ACCEPT_TIMEOUT` when the agent did not
   * take the stream within 10 s (L20: answer 504 with 3210), `NOT_TAKEN` when it turned it away unread (its queue is
   * full), or `QUEUE_TIMEOUT` when no stream became free (503, 734).
   */
  onRefused(refusal: Refusal): void;
}

export interface Refusal {
  readonly code: string;
  /** For the owner; may name the upstream's address, so never for visitors. */
  readonly message: string;
  readonly dialMs: number;
}
