/** What the first bytes of a TLS connection tell before any of it is decrypted. */
export type ClientHello =
  /** More bytes are needed. */
  | { readonly kind: 'incomplete' }
  /** A whole ClientHello. `serverName` is lower case without trailing dot; null without the extension. */
  | { readonly kind: 'hello'; readonly serverName: string | null; readonly alpn: readonly string[] }
  /** Not TLS at all: the first byte is no handshake record. */
  | { readonly kind: 'not-tls' }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Alert descriptions (RFC 8446 section 6.2). */
export const TlsAlert = { decodeError: 50, internalError: 80, unrecognizedName: 112 } as const;

/** Post-quantum key shares make hellos of 2 KiB common; nothing honest comes near this. */
export const CLIENT_HELLO_BYTES_MAX = 16_384;

/** What a client offers, each list in the order in which it stands there. */
export interface HelloOffer {
  /** The highest of the versions extension without GREASE, else the version of the message: 0x0304 is TLS 1.3. */
  readonly version: number;
  readonly cipherSuites: readonly number[];
  readonly extensions: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  readonly serverName: boolean;
  /** The first protocol, as its bytes; null without any. */
  readonly firstProtocol: Buffer | null;
}

const RECORD_HANDSHAKE = 22;
const HANDSHAKE_CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_SIGNATURE_ALGORITHMS = 13;
const EXTENSION_ALPN = 16;
const EXTENSION_SUPPORTED_VERSIONS = 43;
const NAME_HOST = 0;

/**
 * Reads the ClientHello in front of `bytes` (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301), over as many
 * records as it is split into. It only looks: OpenSSL gets the same bytes and has the last word on them.
 */
export function readClientHello(bytes: Buffer): ClientHello {
  if (bytes.length === 0) return INCOMPLETE;
  if (bytes[0] !== RECORD_HANDSHAKE) return { kind: 'not-tls' };
  const message = handshakeMessage(bytes);
  if (message.kind !== 'message') return message;
  try {
    return { kind: 'hello', ...readExtensions(extensionsOf(new Reader(message.body))) };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'malformed', reason: error.message };
    throw error;
  }
}

/** All that the same bytes tell about the client's TLS library; null when it is not a whole ClientHello. */
export function readHelloOffer(bytes: Buffer): HelloOffer | null {
  if (bytes[0] !== RECORD_HANDSHAKE) return null;
  const message = handshakeMessage(bytes);
  if (message.kind !== 'message') return null;
  try {
    return readOffer(new Reader(message.body));
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** Values that clients strew in so that servers stay used to unknown ones (RFC 8701): 0x0a0a, 0x1a1a, … */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}

/** A fatal alert as a server sends it before anything is encrypted. */
export function encodeAlert(description: number): Buffer {
  return Buffer.from([21, 3, 1, 0, 2, 2, description]);
}

const INCOMPLETE = { kind: 'incomplete' } as const;

type Message =
  | { readonly kind: 'message'; readonly body: Buffer }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Joins the records of the first handshake message and cuts its 4-byte header off. */
function handshakeMessage(bytes: Buffer): Message {
  const parts: Buffer[] = [];
  let held = 0;
  let wanted = 4;
  let at = 0;
  while (held < wanted) {
    if (bytes.length < at + 5) return INCOMPLETE;
    if (bytes[at] !== RECORD_HANDSHAKE) return malformed('another record inside the ClientHello');
    if (bytes[at + 1] !== 3) return malformed('record version is not TLS');
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > 16_384) return malformed('record length');
    const part = bytes.subarray(at + 5, Math.min(at + 5 + length, bytes.length));
    parts.push(part);
    held += part.length;
    if (held >= 4 && wanted === 4) {
      const header = Buffer.concat(parts);
      if (header[0] !== HANDSHAKE_CLIENT_HELLO) return malformed('first message is not a ClientHello');
      wanted = 4 + header.readUIntBE(1, 3);
      if (wanted > CLIENT_HELLO_BYTES_MAX) return malformed('ClientHello too long');
    }
    if (part.length < length && held < wanted) return INCOMPLETE;
    at += 5 + length;
  }
  const all = parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
  return { kind: 'message', body: all.subarray(4, wanted) };
}

/** Version 2, random 32, session id, cipher suites, compression methods, then extensions if any. */
function extensionsOf(hello: Reader): Reader {
  hello.skip(2 + 32);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  if (hello.left === 0) return new Reader(Buffer.alloc(0));
  const extensions = hello.vector(2);
  if (hello.left > 0) throw new Malformed('bytes behind the extensions');
  return extensions;
}

function readExtensions(extensions: Reader): { serverName: string | null; alpn: string[] } {
  let serverName: string | null = null;
  let alpn: string[] = [];
  const seen = new Set<number>();
  while (extensions.left > 0) {
    const type = extensions.uint16();
    const body = extensions.vector(2);
    if (type !== EXTENSION_SERVER_NAME && type !== EXTENSION_ALPN) continue;
    if (seen.has(type)) throw new Malformed('extension twice');
    seen.add(type);
    if (type === EXTENSION_SERVER_NAME) serverName = readServerName(body);
    else alpn = readAlpn(body);
  }
  return { serverName, alpn };
}

function readOffer(hello: Reader): HelloOffer {
  let version = hello.uint16();
  hello.skip(32);
  hello.vector(1);
  const cipherSuites = numbers(hello.vector(2));
  hello.vector(1);
  const extensions: number[] = [];
  let signatureAlgorithms: number[] = [];
  let firstProtocol: Buffer | null = null;
  const all = hello.left === 0 ? new Reader(Buffer.alloc(0)) : hello.vector(2);
  while (all.left > 0) {
    const type = all.uint16();
    const body = all.vector(2);
    extensions.push(type);
    if (type === EXTENSION_SIGNATURE_ALGORITHMS) signatureAlgorithms = numbers(body.vector(2));
    else if (type === EXTENSION_ALPN) firstProtocol = body.vector(2).vector(1).rest();
    else if (type === EXTENSION_SUPPORTED_VERSIONS) {
      version = Math.max(0, ...numbers(body.vector(1)).filter((each) => !isGrease(each)));
    }
  }
  const serverName = extensions.includes(EXTENSION_SERVER_NAME);
  return { version, cipherSuites, extensions, signatureAlgorithms, serverName, firstProtocol };
}

function numbers(list: Reader): number[] {
  const values: number[] = [];
  while (list.left > 0) values.push(list.uint16());
  return values;
}

function readServerName(body: Reader): string {
  const list = body.vector(2);
  const type = list.uint8();
  const name = list.vector(2).rest();
  // More names of this or another type were never defined in use; which of them counts would be a guess.
  if (type !== NAME_HOST || list.left > 0 || body.left > 0) throw new Malformed('server name list');
  const text = name.toString('latin1').toLowerCase().replace(/\.$/, '');
  if (!isHostName(text)) throw new Malformed('server name is no host name');
  return text;
}

/** Letters, digits, hyphens and underscores in labels of 1 to 63, together up to 253. Never an address. */
function isHostName(text: string): boolean {
  return (
    text.length <= 253 && /^(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*$/.test(text) && !/^[0-9.]+$/.test(text)
  );
}

function readAlpn(body: Reader): string[] {
  const list = body.vector(2);
  if (body.left > 0) throw new Malformed('bytes behind the protocol list');
  const protocols: string[] = [];
  while (list.left > 0) protocols.push(list.vector(1).rest().toString('latin1'));
  return protocols;
}

class Malformed extends Error {}

function malformed(reason: string): { readonly kind: 'malformed'; readonly reason: string } {
  return { kind: 'malformed', reason };
}

/** Reads big-endian numbers and length-prefixed vectors; running out of bytes is Malformed. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  skip(count: number): void {
    this.#take(count);
  }

  uint8(): number {
    return this.#take(1).readUInt8();
  }

  uint16(): number {
    return this.#take(2).readUInt16BE();
  }

  /** A vector whose length is written in `lengthBytes` bytes. */
  vector(lengthBytes: number): Reader {
    return new Reader(this.#take(this.#take(lengthBytes).readUIntBE(0, lengthBytes)));
  }

  rest(): Buffer {
    return this.#take(this.left);
  }

  #take(count: number): Buffer {
    if (count > this.left) throw new Malformed('ClientHello is cut off');
    const bytes = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return bytes;
  }
}
