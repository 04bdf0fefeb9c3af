import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { type Capture, type CapturedMessage, fieldOf, requestBytes, responseBytes } from '@portico/agent';
import { addressOf } from './shapes.ts';

/** What the inspector's page shows of an exchange in its list. */
export interface ExchangeRow {
  readonly id: string;
  readonly seq: number;
  readonly endpoint: string;
  readonly at: string;
  readonly ip: string;
  readonly method: string;
  readonly path: string;
  readonly kind: 'http' | 'ws' | 'sse';
  readonly status: number | null;
  readonly state: 'open' | 'done' | 'cut';
  readonly failure: string | null;
  readonly durationMs: number | null;
  readonly size: number;
  readonly messages: number;
  readonly replayOf: string | null;
  readonly agent: string;
}

export function exchangeRow(capture: Capture): ExchangeRow {
  const { request, response } = capture;
  const isEvents =
    response !== null && fieldOf(response.fields, 'content-type')?.startsWith('text/event-stream') === true;
  return {
    id: capture.id,
    seq: capture.seq,
    endpoint: capture.endpoint,
    at: capture.startedAt.toISOString(),
    ip: addressOf(capture.clientIp),
    method: capture.method,
    path: capture.target,
    kind: capture.upgrade === 'websocket' ? 'ws' : isEvents ? 'sse' : 'http',
    status: capture.failure === null ? capture.status : 502,
    state: capture.state,
    failure: capture.failure,
    durationMs: capture.durationMs,
    size: capture.responseBytes,
    messages: capture.messagesTotal,
    replayOf: capture.replayOf,
    agent: fieldOf(request.fields, 'user-agent') ?? '',
  };
}

/** One exchange whole, as the page shows it. Bodies in base64: they may be anything. */
export function exchangeDetail(capture: Capture): object {
  const { request, response } = capture;
  return {
    ...exchangeRow(capture),
    request: {
      ...messageView(request),
      method: request.method,
      target: request.target,
      raw: base64(requestBytes(request)),
    },
    response:
      response === null
        ? null
        : {
            ...messageView(response),
            status: response.status,
            reason: response.reason,
            raw: base64(responseBytes(response)),
          },
    streamMessages: capture.messages.map((message) => ({
      from: message.from,
      at: message.at.toISOString(),
      kind: message.kind,
      bytes: message.bytes,
      isCompressed: message.isCompressed,
      payload: base64(message.payload),
    })),
  };
}

function messageView(message: CapturedMessage): object {
  const encoding = fieldOf(message.fields, 'content-encoding');
  return {
    fields: message.fields,
    trailers: message.trailers,
    minor: message.minor,
    body: base64(decoded(message, encoding)),
    bodyBytes: message.bodyBytes,
    keptBytes: message.body.length,
    isTruncated: message.isTruncated,
    encoding,
    type: fieldOf(message.fields, 'content-type') ?? '',
  };
}

/** What compressed bodies may grow to on their way to the screen. */
const decodedBytesMax = 4_194_304;

/** The body as it was before compression, as far as it is whole; else as it is. */
function decoded({ body }: CapturedMessage, encoding: string | null): Buffer {
  const options = { maxOutputLength: decodedBytesMax };
  try {
    switch (encoding?.toLowerCase()) {
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(body, options);
      case 'deflate':
        return inflateSync(body, options);
      case 'br':
        return brotliDecompressSync(body, options);
      case 'zstd':
        return zstdDecompressSync(body, options);
      default:
        return body;
    }
  } catch {
    return body;
  }
}

export interface SearchWords {
  /** `name` or `name=text`, each. */
  readonly headers: readonly string[];
  readonly bodies: readonly string[];
}

/** Whether headers and bodies hold every word. */
export function matchesSearch(capture: Capture, words: SearchWords): boolean {
  const { request, response } = capture;
  const fields = [...request.fields, ...(response?.fields ?? [])];
  const hasHeader = (word: string): boolean => {
    const [name = '', text] = splitOnce(word.toLowerCase(), '=');
    for (let i = 0; i + 1 < fields.length; i += 2) {
      if (fields[i]?.toLowerCase() !== name) continue;
      if (text === undefined || fields[i + 1]?.toLowerCase().includes(text) === true) return true;
    }
    return false;
  };
  const bodies = words.bodies.length === 0 ? [] : [request, ...(response === null ? [] : [response])];
  const texts = bodies.map((message) =>
    decoded(message, fieldOf(message.fields, 'content-encoding')).toString('utf8').toLowerCase(),
  );
  return (
    words.headers.every(hasHeader) &&
    words.bodies.every((word) => texts.some((text) => text.includes(word.toLowerCase())))
  );
}

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index === -1 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}
