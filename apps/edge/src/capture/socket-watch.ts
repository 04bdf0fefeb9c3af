import { getFields } from '@portico/http-rules';
import {
  deflateAgreement,
  type Fields,
  FrameReader,
  type InflateBudget,
  MessageInflater,
  type ReadMessage,
} from '@portico/http1';
import type { SocketWatcher } from '../proxy/exchange.ts';
import { MESSAGE_BYTES_KEPT, type MessageQueue, type SeenMessage } from './message-queue.ts';

/** Kept of a message that has to be inflated: all of it, or it is shown as it travelled. */
const COMPRESSED_BYTES_KEPT = 16_384;

/** Counts what passes on a connection after its 101, and reads the messages if it is a WebSocket. */
export class SocketWatch implements SocketWatcher {
  bytesFromVisitor = 0;
  bytesToVisitor = 0;
  readonly #visitor: WebSocketDirection | null;
  readonly #upstream: WebSocketDirection | null;
  readonly #onOver: () => void;

  /**
   * @param queue where messages go; null to count bytes alone
   * @param fields of the 101
   */
  constructor(options: { queue: MessageQueue | null; fields: Fields; budget: InflateBudget; onOver: () => void }) {
    const { queue, fields, budget, onOver } = options;
    const deflate = deflateAgreement(getFields(fields, 'sec-websocket-extensions'));
    const direction = (from: SeenMessage['from'], startsAnew: boolean): WebSocketDirection | null =>
      queue === null
        ? null
        : new WebSocketDirection({
            onMessage: (message) => queue.add({ ...message, from }),
            inflater: deflate === null ? null : new MessageInflater({ startsAnew, budget }),
          });
    this.#visitor = direction('visitor', deflate?.visitorStartsAnew === true);
    this.#upstream = direction('upstream', deflate?.upstreamStartsAnew === true);
    this.#onOver = onOver;
  }

  fromVisitor(chunk: Buffer): void {
    this.bytesFromVisitor += chunk.length;
    this.#visitor?.push(chunk);
  }

  toVisitor(chunk: Buffer): void {
    this.bytesToVisitor += chunk.length;
    this.#upstream?.push(chunk);
  }

  over(): void {
    this.#onOver();
  }
}

type DirectedMessage = Omit<SeenMessage, 'from'>;

/** A message of which frames are still to come. */
interface OpenMessage {
  readonly first: ReadMessage;
  readonly parts: Buffer[];
  kept: number;
  bytes: number;
}

/** Puts the frames of one direction together to messages, no more of each than is kept. */
class WebSocketDirection {
  readonly #frames: FrameReader;
  readonly #inflater: MessageInflater | null;
  readonly #onMessage: (message: DirectedMessage) => void;
  #open: OpenMessage | null = null;

  constructor({
    onMessage,
    inflater,
  }: {
    onMessage: (message: DirectedMessage) => void;
    inflater: MessageInflater | null;
  }) {
    this.#onMessage = onMessage;
    this.#inflater = inflater;
    const most = inflater === null ? MESSAGE_BYTES_KEPT : COMPRESSED_BYTES_KEPT;
    this.#frames = new FrameReader((frame) => this.#onFrame(frame, most), most);
  }

  push(chunk: Buffer): void {
    this.#frames.push(chunk);
  }

  #onFrame(frame: ReadMessage, most: number): void {
    switch (frame.kind) {
      case 'close':
      case 'ping':
      case 'pong': {
        // These come between the frames of a message too.
        const { kind, bytes, payload } = frame;
        this.#onMessage({ kind, bytes, payload, truncated: false, compressed: false });
        return;
      }
      case 'text':
      case 'binary':
        this.#open = { first: frame, parts: [], kept: 0, bytes: 0 };
        break;
      default:
        if (this.#open === null) return;
    }
    const open = this.#open;
    open.bytes += frame.bytes;
    const part = frame.payload.subarray(0, most - open.kept);
    if (part.length > 0) open.parts.push(part);
    open.kept += part.length;
    if (!frame.isFinal) return;
    this.#open = null;
    this.#onMessage(this.#whole(open));
  }

  #whole({ first, parts, kept, bytes }: OpenMessage): DirectedMessage {
    const raw = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, kept);
    const kind = first.kind === 'binary' ? 'binary' : 'text';
    if (!first.isCompressed) {
      return { kind, bytes, payload: raw, truncated: bytes > MESSAGE_BYTES_KEPT, compressed: false };
    }
    const plain = kept === bytes ? (this.#inflater?.inflate(raw) ?? null) : (this.#inflater?.miss() ?? null);
    const payload = plain ?? raw;
    return {
      kind,
      bytes,
      payload,
      truncated: payload.length > MESSAGE_BYTES_KEPT || (plain === null && bytes > kept),
      compressed: plain === null,
    };
  }
}
