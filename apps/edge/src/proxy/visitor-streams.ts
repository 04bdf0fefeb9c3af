import type { Endpoint, Member } from '../endpoint/endpoint.ts';
import { HttpStream } from './http-stream.ts';
import { Http2Upstream } from './http2-upstream.ts';
import type { Sweep, Swept } from './sweep.ts';

/** A stream that carries nothing at the moment. */
export interface IdleStream {
  readonly endpoint: Endpoint;
  readonly member: Member;
  /** Monotonic; set when it became idle. */
  idleSinceMs: number;
  drop(): void;
}

const ENDPOINTS_REMEMBERED = 8;

/**
 * What one visitor connection holds at endpoints: its place in their count of connections, and its idle streams
 * to their members (D7).
 */
export class VisitorStreams {
  readonly #all: IdleStreams;
  readonly #idle: IdleStream[] = [];
  /** In use or idle. */
  readonly #http2: Http2Upstream[] = [];
  readonly #endpoints: Endpoint[] = [];
  /** Requests under way that share a stream with others (`Http2Upstream`) and take none of their own. */
  shared = 0;
  #closed = false;

  constructor(all: IdleStreams) {
    this.#all = all;
  }

  /**
   * Counts this connection in at an endpoint, once, until it closes.
   * @returns false if the endpoint has `limit` visitor connections already (L13)
   */
  enter(endpoint: Endpoint, limit: number): boolean {
    if (this.#endpoints.includes(endpoint)) return true;
    if (endpoint.counters.openConnections >= limit) return false;
    endpoint.counters.connections += 1;
    endpoint.counters.openConnections += 1;
    this.#endpoints.push(endpoint);
    // A connection that wanders over many names must not remember them all.
    if (this.#endpoints.length > ENDPOINTS_REMEMBERED) this.#leave(this.#endpoints.shift());
    return true;
  }

  /** An idle stream to this member, if there is one that this request may use. The caller has it alone from here. */
  take(endpoint: Endpoint, member: Member, idempotent: boolean): HttpStream | null {
    const idle = this.#idle;
    for (let i = idle.length - 1; i >= 0; i -= 1) {
      const stream = idle[i];
      if (!(stream instanceof HttpStream) || stream.member !== member || stream.endpoint !== endpoint) continue;
      // A request that must not be repeated is not risked on a stream that the upstream may just be closing.
      if (!idempotent && !this.#all.isFresh(stream)) continue;
      idle.splice(i, 1);
      this.#all.delete(stream);
      return stream;
    }
    return null;
  }

  /** The HTTP/2 connection to this member, made if there is none that takes another request. */
  http2(endpoint: Endpoint, member: Member, connect: () => Http2Upstream): Http2Upstream {
    const known = this.#http2.find(
      (each) => each.member === member && each.endpoint === endpoint && each.takesRequests,
    );
    if (known !== undefined) {
      this.#unidle(known);
      return known;
    }
    const made = connect();
    this.#http2.push(made);
    return made;
  }

  /** Before a stream is opened: idle ones of anybody give way if their session is nearly full. */
  makeRoom(member: Member): void {
    this.#all.makeRoom(member);
  }

  /** Keeps a stream whose exchange is over. */
  give(stream: IdleStream): void {
    if (this.#closed) {
      stream.drop();
      return;
    }
    this.#idle.push(stream);
    this.#all.add(stream);
  }

  /** Forgets a stream that is gone. */
  forget(stream: IdleStream): void {
    this.#unidle(stream);
    const at = stream instanceof Http2Upstream ? this.#http2.indexOf(stream) : -1;
    if (at !== -1) this.#http2.splice(at, 1);
  }

  #unidle(stream: IdleStream): void {
    const at = this.#idle.indexOf(stream);
    if (at === -1) return;
    this.#idle.splice(at, 1);
    this.#all.delete(stream);
  }

  /** The visitor's connection is over: so are its streams. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#idle.slice()) stream.drop();
    for (const connection of this.#http2.slice()) connection.drop();
    while (this.#endpoints.length > 0) this.#leave(this.#endpoints.pop());
  }

  #leave(endpoint: Endpoint | undefined): void {
    if (endpoint !== undefined) endpoint.counters.openConnections -= 1;
  }
}

/** The idle streams of all visitors, least recently used first, so that they go in time and give way under pressure. */
export class IdleStreams implements Swept {
  readonly #members = new Map<Member, Set<IdleStream>>();
  readonly #sweep: Sweep;
  readonly #idleMs: number;
  readonly #freshMs: number;

  constructor({ sweep, idleMs, freshMs }: { sweep: Sweep; idleMs: number; freshMs: number }) {
    this.#sweep = sweep;
    this.#idleMs = idleMs;
    this.#freshMs = freshMs;
    sweep.add(this);
  }

  isFresh(stream: IdleStream): boolean {
    return this.#sweep.now() - stream.idleSinceMs <= this.#freshMs;
  }

  add(stream: IdleStream): void {
    stream.idleSinceMs = this.#sweep.now();
    const streams = this.#members.get(stream.member);
    if (streams === undefined) this.#members.set(stream.member, new Set([stream]));
    else streams.add(stream);
    this.makeRoom(stream.member);
  }

  delete(stream: IdleStream): void {
    const streams = this.#members.get(stream.member);
    if (streams?.delete(stream) === true && streams.size === 0) this.#members.delete(stream.member);
  }

  /** With 3/4 of a session's streams open, idle ones are closed at once: others need the places. */
  makeRoom(member: Member): void {
    const streams = this.#members.get(member);
    if (streams === undefined) return;
    for (const stream of streams) {
      if (member.openStreams * 4 < member.streamCap * 3) return;
      stream.drop();
    }
  }

  sweep(nowMs: number): void {
    for (const [member, streams] of this.#members) {
      for (const stream of streams) {
        if (nowMs - stream.idleSinceMs < this.#idleMs) break;
        stream.drop();
      }
      this.makeRoom(member);
    }
  }
}
