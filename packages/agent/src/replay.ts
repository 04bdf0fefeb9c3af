import { CHUNK_END, encodeChunkHead, encodeLastChunk, encodeRequestHead, type Fields } from '@portico/http1';
import { AgentError } from './agent-error.ts';
import type { Capture, CaptureStore } from './capture/capture-store.ts';
import type { Clock } from './clock.ts';
import { dialUpstream, type UpstreamTls } from './dial-upstream.ts';
import type { Finding } from './host-refusal.ts';
import { type Exchange, HttpTap } from './http-tap.ts';
import type { NetworkAddress } from './upstream-address.ts';

export interface ReplayRequest {
  readonly method: string;
  readonly target: string;
  /** Framing fields are set anew from the body. */
  readonly fields: Fields;
  readonly body: Buffer;
  readonly trailers?: Fields;
  /** Id of the capture that it repeats. */
  readonly replayOf: string | null;
}

export interface ReplayOptions {
  readonly request: ReplayRequest;
  /** Name of the endpoint. */
  readonly endpoint: string;
  readonly address: NetworkAddress;
  readonly tls: UpstreamTls;
  readonly proxyProtocol: 0 | 1 | 2;
  readonly captures: CaptureStore;
  readonly clock: Clock;
  onExchange(exchange: Exchange): void;
  onFinding(finding: Finding): void;
}

const dialTimeoutMs = 10_000;
/** A replay of something that never ends is cut. */
const answerTimeoutMs = 60_000;

/** Sends one request on a connection of its own. Throws an AgentError (`usage`) when it cannot be written as HTTP. */
export function sendReplay(options: ReplayOptions): Capture {
  const { request, endpoint, address, captures, clock } = options;
  const message = encodeReplay(request);
  let capture: Capture | null = null;
  const tap = new HttpTap({
    endpoint,
    clientIp: '127.0.0.1:0',
    clock,
    captures,
    address,
    ...(request.replayOf === null ? {} : { replayOf: request.replayOf }),
    onExchange: (exchange) => {
      if (exchange.captureId !== null) capture ??= captures.get(exchange.captureId);
      options.onExchange(exchange);
    },
    onFinding: options.onFinding,
  });
  tap.request(message);
  if (capture === null) throw new AgentError('usage', 'This is not a request that can be sent.');
  const close = (whole: boolean): void => {
    cancelTimeout();
    tap.closed(whole);
  };
  const socket = dialUpstream(
    { address, tls: options.tls, wrapInTls: true, alpn: 'http/1.1', timeoutMs: dialTimeoutMs, clock },
    {
      onConnected: () => {
        // An upstream that expects the PROXY header would not understand the request without one.
        if (options.proxyProtocol === 1) socket.write('PROXY UNKNOWN\r\n');
        if (options.proxyProtocol === 2) socket.write(localProxyHeader);
        socket.write(message);
      },
      onFailed: (failure) => {
        tap.failed(failure.message);
        close(true);
      },
      onBytes: (bytes) => {
        tap.response(Buffer.from(bytes));
        return true;
      },
      onEnded: () => socket.end(),
      onDrained: () => {},
      onClosed: (error) => close(error === null),
    },
  );
  const cancelTimeout = clock.after(answerTimeoutMs, () => socket.destroy());
  return capture;
}

/** Version 2, command LOCAL: no address is told. */
const localProxyHeader = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');

function encodeReplay(request: ReplayRequest): Buffer {
  const { method, target, body, trailers = [] } = request;
  const fields: string[] = [];
  for (let i = 0; i + 1 < request.fields.length; i += 2) {
    const name = request.fields[i] ?? '';
    if (!framing.has(name.toLowerCase())) fields.push(name, request.fields[i + 1] ?? '');
  }
  const isChunked = trailers.length > 0;
  if (isChunked) fields.push('Transfer-Encoding', 'chunked');
  else if (body.length > 0 || /^(POST|PUT|PATCH)$/.test(method)) fields.push('Content-Length', String(body.length));
  fields.push('Connection', 'close');
  try {
    const head = encodeRequestHead({ method, target, fields });
    if (!isChunked) return Buffer.concat([head, body]);
    const chunk = body.length === 0 ? [] : [encodeChunkHead(body.length), body, CHUNK_END];
    return Buffer.concat([head, ...chunk, encodeLastChunk(trailers)]);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new AgentError('usage', 'The method, the path or a header holds a character that HTTP does not allow there.');
  }
}

const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);
