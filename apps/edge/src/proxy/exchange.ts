import type { Socket } from 'node:net';
import type { Fields, RequestHead, ResponseHead } from '@portico/http1';
import type { ExchangeNotes } from '../capture/recorder.ts';
import type { Arrival } from '../policy/traffic-contexts.ts';
import type { VisitorStreams } from './visitor-streams.ts';

/** The connection on which a visitor's requests come, worked out once. */
export interface Visitor {
  /** The visitor's address: the peer's, or the one a trusted proxy gave in a PROXY header. */
  readonly address: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
  /** Port under which visitors reach this listener: what URLs and X-Forwarded-Port show. */
  readonly publicPort: number;
  /** The peer is a proxy of the operator: its X-Forwarded-* are kept and added to. */
  readonly trusted: boolean;
  /** TLS server name, lower case; null on the plain port. */
  readonly serverName: string | null;
  /** `TLSv1.3`; null on the plain port. */
  readonly tlsVersion: string | null;
  /** The address that it connected to; costs a system call, so it is asked for only where an upstream wants it. */
  serverIp(): string;
  /** HTTP/2, not HTTP/1. */
  readonly http2: boolean;
  /** The connection itself, for policies. */
  readonly arrival: Arrival;
  /** Its streams to agents (D7). */
  readonly streams: VisitorStreams;
}

/**
 * One request of a visitor and its answer, the same over HTTP/1.1 and HTTP/2. The visitor side owns framing: it is
 * given heads as they were read and body bytes, and calls the handler from `receive` on, never after `end`, `cut` or
 * `takeOver`.
 */
export interface Exchange {
  readonly request: RequestHead;
  readonly visitor: Visitor;
  /** Where notes of it are taken; absent unless its account wants them. */
  readonly notes?: ExchangeNotes | undefined;
  /** All of the request has come. */
  readonly requestEnded: boolean;
  /** An answer has begun: from here on a failure can only be shown by cutting it. */
  readonly answered: boolean;
  /** Starts the request body towards the handler; bytes that are there already come in the same turn. */
  receive(handler: ExchangeHandler): void;
  /** Stops and restarts the request body. Bytes already read may still come. */
  pause(): void;
  resume(): void;
  /** A 1xx other than 101. Left out towards HTTP/1.0. */
  interim(response: ResponseHead): void;
  /**
   * The final head as it was read; hop-by-hop, framing and the platform's fields are taken out and written anew here.
   * @param own fields by which the edge itself speaks, added behind the others
   */
  head(response: ResponseHead, own?: Fields): void;
  /** False: the bytes are queued, stop until `onVisitorWritable`. */
  write(chunk: Uint8Array): boolean;
  end(trailers: Fields): void;
  /** Breaks an answer off so that the visitor can tell it is not whole. */
  cut(): void;
  /** The exchange to answer on where the edge itself does: no policy sees that answer. */
  ownAnswer(): Exchange;
  /** Sends `101` and gives the bare socket away, with what the visitor sent after its head. Null over HTTP/2. */
  takeOver(response: ResponseHead): TakenOver | null;
}

export interface TakenOver {
  readonly socket: Socket;
  readonly rest: Buffer;
  /** Set by the new owner: called when the listener drains. */
  onDrain: () => void;
  /** Told by the new owner of what passes; absent unless somebody takes notes. */
  watcher?: SocketWatcher;
}

/** Looks on while bytes pass after a 101. Never throws, and never changes them. */
export interface SocketWatcher {
  fromVisitor(chunk: Buffer): void;
  toVisitor(chunk: Buffer): void;
  /** Once: nothing passes any more. */
  over(): void;
}

export interface ExchangeHandler {
  onBody(chunk: Buffer): void;
  onBodyEnd(trailers: Fields): void;
  /** The visitor took what was queued. */
  onVisitorWritable(): void;
  /** The visitor left, or broke its request off, before the exchange was over. Terminal. */
  onGone(): void;
  sweep(nowMs: number): void;
}
