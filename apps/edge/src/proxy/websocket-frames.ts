/** What a visitor's frames say (RFC 6455 section 5). Payload comes as it arrives; control frames come whole. */
export interface FrameHandler {
  /** Unmasked bytes of a text or binary message; the ends of messages mean nothing here. */
  onPayload(bytes: Buffer): void;
  onPing(payload: Buffer): void;
  /** The visitor ends its side. */
  onClose(): void;
  /** What came is no frame of a client; nothing more is read. The code is for the close frame. */
  onFault(code: number): void;
}

const HEADER_BYTES_MAX = 14;
const CONTROL_BYTES_MAX = 125;

/** Reads the frames of a client: masked, without extensions. */
export class ClientFrames {
  readonly #handler: FrameHandler;
  readonly #header = Buffer.alloc(HEADER_BYTES_MAX);
  readonly #mask = Buffer.alloc(4);
  #headerBytes = 0;
  #opcode = 0;
  #payloadLeft = 0;
  #maskAt = 0;
  #control: Buffer[] = [];
  /** In the middle of a message that goes on in another frame. */
  #fragmented = false;
  #over = false;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** The bytes may be changed: payload is unmasked in its place. */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !this.#over) {
      if (this.#payloadLeft === 0) {
        this.#header[this.#headerBytes] = bytes[at] ?? 0;
        this.#headerBytes += 1;
        at += 1;
        this.#readHeader();
        continue;
      }
      const payload = bytes.subarray(at, at + this.#payloadLeft);
      at += payload.length;
      this.#payloadLeft -= payload.length;
      for (let i = 0; i < payload.length; i += 1) {
        payload[i] = (payload[i] ?? 0) ^ (this.#mask[this.#maskAt & 3] ?? 0);
        this.#maskAt += 1;
      }
      this.#onPayload(payload);
    }
  }

  #readHeader(): void {
    const [first = 0, second = 0] = this.#header;
    // What a client may not send is refused before its length is believed.
    if (this.#headerBytes === 2 && !this.#isAllowed(first, second)) {
      this.#fault(1002);
      return;
    }
    const short = second & 127;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (this.#headerBytes < 2 || this.#headerBytes < 2 + lengthBytes + 4) return;
    let length = short;
    if (lengthBytes === 2) length = this.#header.readUInt16BE(2);
    else if (lengthBytes === 8) length = Number(this.#header.readBigUInt64BE(2));
    if (!Number.isSafeInteger(length)) {
      this.#fault(1009);
      return;
    }
    this.#header.copy(this.#mask, 0, 2 + lengthBytes, 6 + lengthBytes);
    this.#maskAt = 0;
    this.#headerBytes = 0;
    this.#opcode = first & 15;
    this.#payloadLeft = length;
    if (this.#opcode < 8) this.#fragmented = first < 128;
    if (length === 0) this.#onPayload(Buffer.alloc(0));
  }

  #isAllowed(first: number, second: number): boolean {
    const opcode = first & 15;
    const isMasked = second >= 128;
    if ((first & 0x70) !== 0 || !isMasked) return false;
    if (opcode >= 8) return opcode <= 10 && first >= 128 && (second & 127) <= CONTROL_BYTES_MAX;
    return opcode <= 2 && (opcode === 0) === this.#fragmented;
  }

  #onPayload(payload: Buffer): void {
    if (this.#opcode < 8) {
      if (payload.length > 0) this.#handler.onPayload(payload);
      return;
    }
    this.#control.push(Buffer.from(payload));
    if (this.#payloadLeft > 0) return;
    const whole = Buffer.concat(this.#control);
    this.#control = [];
    if (this.#opcode === 9) this.#handler.onPing(whole);
    if (this.#opcode !== 8) return;
    this.#over = true;
    this.#handler.onClose();
  }

  #fault(code: number): void {
    this.#over = true;
    this.#handler.onFault(code);
  }
}

/** The header of a whole frame of a server, which is not masked. */
export function frameHeader(opcode: number, length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | opcode, length]);
  if (length < 65_536) return Buffer.from([0x80 | opcode, 126, length >> 8, length & 255]);
  const header = Buffer.alloc(10);
  header[0] = 0x80 | opcode;
  header[1] = 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

export function closeFrame(code: number): Buffer {
  return Buffer.from([0x88, 2, code >> 8, code & 255]);
}
