import { parseJsonBytes } from './json-scanner.ts';
import { MessageError, MessageFields } from './message-fields.ts';

/** The head of a proxied stream, stream type 3 (protocol notes, section 10). */
export interface ProxyHeader {
  /** The bind's id. */
  readonly id: string;
  /** The visitor: `ip:port` or `[v6]:port`. */
  readonly clientAddr: string;
  readonly proto: string;
  /** '0' for endpoints. */
  readonly edgeType: string;
  /** The stream carries the visitor's own TLS. */
  readonly passthroughTls: boolean;
}

export function encodeProxyHeader(header: ProxyHeader): Buffer {
  return encodeLengthAndJson({
    Id: header.id,
    ClientAddr: header.clientAddr,
    Proto: header.proto,
    EdgeType: header.edgeType,
    PassthroughTLS: header.passthroughTls,
  });
}

/** @throws MessageError */
export function parseProxyHeader(value: unknown): ProxyHeader {
  const fields = new MessageFields(value, 'ProxyHeader');
  return {
    id: fields.text('Id'),
    clientAddr: fields.text('ClientAddr'),
    proto: fields.text('Proto'),
    edgeType: fields.text('EdgeType'),
    passthroughTls: fields.flag('PassthroughTLS'),
  };
}

/** `ip:port`, with brackets around an IPv6 address. */
export function formatClientAddr(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

export type HeadResult<Head> =
  | { readonly kind: 'more' }
  /** `rest` is what followed the head in the last chunk. */
  | { readonly kind: 'done'; readonly head: Head; readonly rest: Buffer };

const LENGTH_BYTES = 8;
const NOTHING = Buffer.alloc(0);

/** A head is small; a length that is not is an attack or the wrong byte order. */
const HEAD_BYTES_MAX = 65_536;

/** int64 little-endian length, then that much JSON. */
export function encodeLengthAndJson(message: object): Buffer {
  const json = Buffer.from(JSON.stringify(message), 'utf8');
  const bytes = Buffer.allocUnsafe(LENGTH_BYTES + json.length);
  bytes.writeBigInt64LE(BigInt(json.length), 0);
  json.copy(bytes, LENGTH_BYTES);
  return bytes;
}

/** Reads one length-prefixed JSON head from chunks that are cut anywhere; `push` throws MessageError. */
export class HeadReader<Head> {
  readonly #parse: (value: unknown) => Head;
  #held: Buffer = NOTHING;

  constructor(parse: (value: unknown) => Head) {
    this.#parse = parse;
  }

  push(chunk: Buffer): HeadResult<Head> {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    if (bytes.length < LENGTH_BYTES) {
      this.#held = Buffer.from(bytes);
      return { kind: 'more' };
    }
    const length = bytes.readBigInt64LE(0);
    if (length < 2n || length > BigInt(HEAD_BYTES_MAX)) throw new MessageError('the length of a head is out of range');
    const end = LENGTH_BYTES + Number(length);
    if (bytes.length < end) {
      this.#held = Buffer.from(bytes);
      return { kind: 'more' };
    }
    this.#held = NOTHING;
    const value = parseJsonBytes(bytes.subarray(LENGTH_BYTES, end));
    return { kind: 'done', head: this.#parse(value), rest: bytes.subarray(end) };
  }
}

export class ProxyHeaderReader extends HeadReader<ProxyHeader> {
  constructor() {
    super(parseProxyHeader);
  }
}
