import { JsonScanner, parseJsonBytes } from './json-scanner.ts';
import { MessageError, MessageFields } from './message-fields.ts';
import { encodeLengthAndJson, HeadReader } from './proxy-header.ts';

/**
 * The head of a stream of type 0x1000, between ends that both announced `open`: int64 LE length, this as JSON, and
 * payload behind it in the same frame. The first frame back is the reply: one byte 0x00 (OpenOk), or 0x01 and the
 * JSON of an `OpenError`. The receiver gives nothing to the upstream before `targetId` and `fence` are checked; the
 * sender keeps a copy of what it sent until the reply.
 */
export interface StreamOpen {
  readonly v: 1;
  readonly kind: 'proxy';
  readonly endpointId: string;
  /** The bind's id, unguessable. */
  readonly targetId: string;
  /** The visitor. */
  readonly client: { readonly ip: string; readonly port: number };
  /** Raised whenever the endpoint moves; a lower one than known is stale. */
  readonly fence: number;
  /** Nodes passed so far, at most 2. */
  readonly hops: number;
  readonly traceId: string;
  readonly proto: string;
  readonly passthroughTls: boolean;
}

export const openErrorCodes = [
  'STALE_TARGET',
  'NO_LEG',
  'DIAL_REFUSED',
  'DIAL_TIMEOUT',
  'DIAL_FAILED',
  'DENIED',
  'LOOP',
  'DRAINING',
] as const;

export type OpenErrorCode = (typeof openErrorCodes)[number];

export interface OpenError {
  readonly code: OpenErrorCode;
  /** For the endpoint's owner. */
  readonly message: string;
  /** How long the upstream was tried. */
  readonly dialMs: number;
}

export function encodeStreamOpen(open: StreamOpen): Buffer {
  return encodeLengthAndJson(open);
}

/** @throws MessageError */
export function parseStreamOpen(value: unknown): StreamOpen {
  const fields = new MessageFields(value, 'StreamOpen');
  if (fields.integerOrNull('v') !== 1) throw new MessageError('StreamOpen.v: 1 is expected');
  if (fields.text('kind') !== 'proxy') throw new MessageError('StreamOpen.kind: proxy is expected');
  const client = fields.object('client');
  return {
    v: 1,
    kind: 'proxy',
    endpointId: fields.text('endpointId'),
    targetId: fields.text('targetId'),
    client: { ip: client.text('ip'), port: client.integerOrNull('port') ?? 0 },
    fence: fields.integerOrNull('fence') ?? 0,
    hops: fields.integerOrNull('hops') ?? 0,
    traceId: fields.text('traceId'),
    proto: fields.text('proto'),
    passthroughTls: fields.flag('passthroughTls'),
  };
}

export class StreamOpenReader extends HeadReader<StreamOpen> {
  constructor() {
    super(parseStreamOpen);
  }
}

const OK = 0x00;
const ERROR = 0x01;

const REPLY_BYTES_MAX = 4_096;

/** Told to owners; longer ones are cut. */
const MESSAGE_CHARACTERS_MAX = 512;

export function encodeOpenOk(): Buffer {
  return Buffer.from([OK]);
}

export function encodeOpenErr(error: OpenError): Buffer {
  const message = error.message.slice(0, MESSAGE_CHARACTERS_MAX);
  return Buffer.concat([Buffer.from([ERROR]), Buffer.from(JSON.stringify({ ...error, message }), 'utf8')]);
}

export type OpenReply =
  | { readonly kind: 'more' }
  /** `rest` is the first payload, perhaps empty. */
  | { readonly kind: 'ok'; readonly rest: Buffer }
  | { readonly kind: 'error'; readonly error: OpenError };

/** Reads the reply to a StreamOpen from the first chunks of a stream; `push` throws MessageError. */
export class OpenReplyReader {
  readonly #scanner = new JsonScanner(REPLY_BYTES_MAX, 8);
  #isError = false;
  #chunks: Buffer[] = [];

  push(chunk: Buffer): OpenReply {
    if (chunk.length === 0) return { kind: 'more' };
    let rest = chunk;
    if (!this.#isError) {
      if (chunk[0] === OK) return { kind: 'ok', rest: chunk.subarray(1) };
      if (chunk[0] !== ERROR) throw new MessageError('neither OpenOk nor OpenErr');
      this.#isError = true;
      rest = chunk.subarray(1);
    }
    const result = this.#scanner.push(rest);
    if (result.kind === 'fault') throw new MessageError(`OpenErr: ${result.fault}`);
    if (result.kind === 'more') {
      this.#chunks.push(rest);
      return { kind: 'more' };
    }
    const json = Buffer.concat([...this.#chunks, rest.subarray(0, result.bytesUsed)]);
    return { kind: 'error', error: parseOpenError(parseJsonBytes(json)) };
  }
}

function parseOpenError(value: unknown): OpenError {
  const fields = new MessageFields(value, 'OpenErr');
  const code = fields.text('code');
  const known = openErrorCodes.find((each) => each === code);
  if (known === undefined) throw new MessageError('OpenErr.code: not known');
  return { code: known, message: fields.text('message'), dialMs: fields.numberOrNull('dialMs') ?? 0 };
}
