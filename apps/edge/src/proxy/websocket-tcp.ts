import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { PorticoError } from '@portico/errors';
import { getField } from '@portico/http-rules';
import { type Fields, NO_BODY, type RequestHead } from '@portico/http1';
import { countError, type Endpoint, type UpstreamHandler, type UpstreamStream } from '../endpoint/endpoint.ts';
import { corkForTurn } from './cork.ts';
import type { Exchange, SocketWatcher } from './exchange.ts';
import { openInPool } from './pool-stream.ts';
import type { Sweep, Swept } from './sweep.ts';
import { ClientFrames, closeFrame, type FrameHandler, frameHeader } from './websocket-frames.ts';

const BINARY = 2;
const PONG = 10;
const NORMAL = 1000;
const GOING_AWAY = 1001;
const FAILED = 1011;

/** How long a visitor may take to close after our close frame. */
const GOODBYE_MS = 2_000;
/** RFC 6455 section 1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Serves a visitor's WebSocket from an upstream that speaks bare TCP: the payload of messages is what the upstream reads,
 * and what it writes comes back in binary messages.
 * @throws PorticoError 3206 for a request that is no WebSocket, and those of members; nothing has been answered then
 */
export function serveWebSocketTcp(
  exchange: Exchange,
  endpoint: Endpoint,
  { sweep, idleMs }: { sweep: Sweep; idleMs: number },
): void {
  const { request, visitor } = exchange;
  const key = keyOf(request);
  if (key === null) throw new PorticoError(3206, { url: endpoint.url });
  const member = endpoint.pool.pick();
  if (member === null) throw new PorticoError(3200, { host: request.hostname, url: endpoint.url });
  const stream = openInPool(
    endpoint.pool,
    member,
    {
      clientIp: visitor.address,
      clientPort: visitor.port,
      proto: endpoint.proto,
      passthroughTls: false,
      ...(endpoint.proxyProtocol === 0 ? {} : { serverIp: visitor.serverIp() }),
    },
    [],
  );
  const fields: Fields = ['Sec-WebSocket-Accept', createHash('sha1').update(`${key}${ACCEPT_GUID}`).digest('base64')];
  const offered = getField(request.fields, 'sec-websocket-protocol')?.split(',') ?? [];
  // What programs that carry bytes ask for; another one would promise what the upstream does not speak.
  if (offered.some((name) => name.trim() === 'binary')) fields.push('Sec-WebSocket-Protocol', 'binary');
  const reason = 'Switching Protocols';
  const body = NO_BODY;
  const taken = exchange.takeOver({
    status: 101,
    reason,
    minor: 1,
    fields,
    body,
    keepAlive: true,
    upgrade: 'websocket',
  });
  if (taken === null) {
    stream.abort();
    throw new PorticoError(3206, { url: endpoint.url });
  }
  const { socket, rest, watcher = null } = taken;
  const onClose = () => visitor.streams.close();
  const bridge = new Bridge({ socket, stream, endpoint, sweep, idleMs, watcher, onClose });
  taken.onDrain = () => bridge.sayGoodbye(GOING_AWAY);
  bridge.start(rest);
}

/** Null if the request asks for no WebSocket. */
function keyOf({ method, upgrade, body, fields }: RequestHead): string | null {
  if (method !== 'GET' || upgrade !== 'websocket' || body.kind !== 'none') return null;
  if (getField(fields, 'sec-websocket-version') !== '13') return null;
  const key = getField(fields, 'sec-websocket-key') ?? '';
  return /^[A-Za-z0-9+/]{22}==$/.test(key) ? key : null;
}

/** Frames on one side, bytes on the other. Owns both. */
class Bridge implements UpstreamHandler, FrameHandler, Swept {
  readonly #socket: Socket;
  readonly #stream: UpstreamStream;
  readonly #endpoint: Endpoint;
  readonly #sweep: Sweep;
  readonly #idleMs: number;
  readonly #watcher: SocketWatcher | null;
  readonly #onClose: () => void;
  readonly #frames = new ClientFrames(this);
  #unacked = 0;
  /** When our close frame went out. */
  #goodbyeMs: number | null = null;
  #sentEnd = false;
  #upstreamEnded = false;
  /** Nothing more may be asked of the stream. */
  #streamOver = false;
  #closed = false;
  #lastByteMs: number;

  constructor(options: {
    socket: Socket;
    stream: UpstreamStream;
    endpoint: Endpoint;
    sweep: Sweep;
    idleMs: number;
    watcher: SocketWatcher | null;
    onClose: () => void;
  }) {
    this.#socket = options.socket;
    this.#stream = options.stream;
    this.#endpoint = options.endpoint;
    this.#sweep = options.sweep;
    this.#idleMs = options.idleMs;
    this.#watcher = options.watcher;
    this.#onClose = options.onClose;
    this.#lastByteMs = options.sweep.now();
  }

  start(rest: Buffer): void {
    const socket = this.#socket;
    socket.on('data', this.#onVisitorData);
    socket.on('end', this.#gone);
    socket.on('drain', this.#onVisitorDrain);
    socket.on('error', this.#gone);
    socket.on('close', this.#gone);
    this.#sweep.add(this);
    this.#stream.setHandler(this);
    if (rest.length > 0) this.#onVisitorData(rest);
    if (socket.destroyed || socket.readableEnded) this.#gone();
    else if (!this.#closed) socket.resume();
  }

  // From the visitor

  readonly #onVisitorData = (bytes: Buffer): void => {
    if (this.#closed) return;
    this.#lastByteMs = this.#sweep.now();
    this.#watcher?.fromVisitor(bytes);
    this.#frames.push(bytes);
  };

  onPayload(bytes: Buffer): void {
    if (this.#sentEnd || this.#streamOver) return;
    this.#endpoint.counters.bytesIn += bytes.length;
    if (!this.#stream.write(bytes)) this.#socket.pause();
  }

  onPing(payload: Buffer): void {
    if (this.#goodbyeMs !== null) return;
    this.#socket.write(Buffer.concat([frameHeader(PONG, payload.length), payload]));
  }

  onClose(): void {
    // A WebSocket has no half-close: the upstream reads the end, and its last words find nobody.
    this.#endStream();
    this.sayGoodbye(NORMAL);
    this.#socket.end();
  }

  onFault(code: number): void {
    this.#abort();
    this.sayGoodbye(code);
  }

  readonly #onVisitorDrain = (): void => {
    this.#lastByteMs = this.#sweep.now();
    this.#ack();
  };

  readonly #gone = (): void => {
    if (this.#closed) return;
    this.#abort();
    this.#closed = true;
    this.#sweep.delete(this);
    this.#socket.destroySoon();
    this.#watcher?.over();
    this.#onClose();
  };

  // From the upstream

  onAccepted(): void {}

  /** Every byte is part of a whole frame: a frame of ours may stand behind it at any time. */
  onData(chunk: Buffer): void {
    if (this.#closed) return;
    this.#unacked += chunk.length;
    this.#lastByteMs = this.#sweep.now();
    if (this.#goodbyeMs !== null) {
      this.#ack();
      return;
    }
    this.#endpoint.counters.bytesOut += chunk.length;
    corkForTurn(this.#socket);
    const header = frameHeader(BINARY, chunk.length);
    this.#watcher?.toVisitor(header);
    this.#watcher?.toVisitor(chunk);
    this.#socket.write(header);
    if (this.#socket.write(chunk)) this.#ack();
  }

  onEnd(): void {
    if (this.#closed) return;
    this.#upstreamEnded = true;
    this.#endStream();
    this.sayGoodbye(NORMAL);
  }

  onReset(): void {
    this.#streamOver = true;
    this.sayGoodbye(FAILED);
  }

  onRefused(): void {
    this.#streamOver = true;
    countError(this.#endpoint.counters, 8012);
    this.sayGoodbye(FAILED);
  }

  onWritable(): void {
    if (!this.#closed) this.#socket.resume();
  }

  /** A close frame; the visitor has a moment to answer with its own. */
  sayGoodbye(code: number): void {
    if (this.#closed || this.#goodbyeMs !== null) return;
    this.#goodbyeMs = this.#sweep.now();
    corkForTurn(this.#socket);
    this.#socket.write(closeFrame(code));
    this.#socket.resume();
    if (code === GOING_AWAY) this.#abort();
  }

  sweep(nowMs: number): void {
    const [sinceMs, limitMs] =
      this.#goodbyeMs === null ? [this.#lastByteMs, this.#idleMs] : [this.#goodbyeMs, GOODBYE_MS];
    if (nowMs - sinceMs >= limitMs) this.#gone();
  }

  #endStream(): void {
    if (!this.#sentEnd && !this.#streamOver) this.#stream.end();
    this.#sentEnd = true;
    if (this.#upstreamEnded) this.#streamOver = true;
  }

  #abort(): void {
    if (this.#streamOver) return;
    this.#streamOver = true;
    this.#stream.abort();
  }

  #ack(): void {
    const bytes = this.#unacked;
    this.#unacked = 0;
    if (bytes > 0 && !this.#closed && !this.#streamOver) this.#stream.ack(bytes);
  }
}
