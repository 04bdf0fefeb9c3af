import { type Clock, MuxError, type MuxSession, type MuxStream, systemClock } from '@portico/muxado';
import { type JsonFault, JsonScanner, parseJsonBytes } from './json-scanner.ts';

export type RpcFault = JsonFault | 'timeout' | 'ended' | 'reset';

/** No complete message came. `fault` says why; `resetCode` is the peer's when it was a reset. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly fault: RpcFault;
  readonly resetCode: number | null;

  constructor(fault: RpcFault, resetCode: number | null = null) {
    super(`no message: ${fault}${resetCode === null ? '' : ` (code ${resetCode})`}`);
    this.fault = fault;
    this.resetCode = resetCode;
  }
}

export interface ReadJsonOptions {
  /** Default 1 MiB. */
  readonly maxBytes?: number;
  /** From this call to the last byte of the message. Default 10 s. */
  readonly timeoutMs?: number;
  /** Nested objects and lists. Default 64. */
  readonly maxDepth?: number;
  readonly clock?: Clock;
}

/**
 * The first complete JSON object on a stream. Senders do not FIN behind it, and what follows is read and dropped.
 * Sets the stream's handler. The stream stays open, for `reply`.
 * @throws RpcError; the stream is then still the caller's to reset.
 */
export function readJson(stream: MuxStream, options: ReadJsonOptions = {}): Promise<unknown> {
  const { maxBytes = 1_048_576, timeoutMs = 10_000, maxDepth = 64, clock = systemClock } = options;
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const scanner = new JsonScanner(maxBytes, maxDepth);
  let chunks: Buffer[] = [];
  let isSettled = false;
  const timer = clock.after(timeoutMs, () => fail('timeout'));

  function settle(): void {
    isSettled = true;
    chunks = [];
    timer.cancel();
  }

  function fail(fault: RpcFault, resetCode: number | null = null): void {
    if (isSettled) return;
    settle();
    reject(new RpcError(fault, resetCode));
  }

  stream.setHandler({
    onData(chunk) {
      // Held bytes are counted here, up to maxBytes; the sender may go on.
      stream.ack(chunk.length);
      if (isSettled) return;
      const result = scanner.push(chunk);
      if (result.kind === 'fault') {
        fail(result.fault);
        return;
      }
      if (result.kind === 'more') {
        chunks.push(chunk);
        return;
      }
      chunks.push(chunk.subarray(0, result.bytesUsed));
      const value = parseJsonBytes(Buffer.concat(chunks));
      if (value === undefined) {
        fail('malformed');
        return;
      }
      settle();
      resolve(value);
    },
    onEnd: () => fail('ended'),
    onReset: (code) => fail('reset', code),
    onWritable: () => {},
  });
  return promise;
}

/** Sends one JSON object and FIN, without which the Rust client waits for ever. */
export function reply(stream: MuxStream, message: object): void {
  stream.end(Buffer.from(JSON.stringify(message), 'utf8'));
}

export interface CallOptions extends ReadJsonOptions {
  /** Bytes of the request in the first frame; the rest follows. */
  readonly firstBytes?: number;
}

/**
 * One request and its response: opens a stream, sends `request` and FIN, and waits for a JSON object.
 * @throws RpcError (the stream is reset), MuxOpenError
 */
export async function call(
  session: MuxSession,
  type: number,
  request: object,
  options: CallOptions = {},
): Promise<unknown> {
  const bytes = Buffer.from(JSON.stringify(request), 'utf8');
  const { firstBytes = 65_536 } = options;
  const stream = session.open(type, bytes.subarray(0, firstBytes));
  const answer = readJson(stream, options);
  stream.end(bytes.length > firstBytes ? bytes.subarray(firstBytes) : undefined);
  try {
    return await answer;
  } catch (error) {
    stream.reset(MuxError.cancelled);
    throw error;
  }
}
