import { type InflateBudget, MessageInflater, messageBytesMax, type ReadMessage } from '@portico/http1';

/** Kept of a message that has to be inflated: all of it, or it is shown as it travelled. */
export const deflatedBytesMax = 16_384;

export interface FrameInflaterOptions {
  /** The sender agreed to begin anew with each message. */
  readonly startsAnew: boolean;
  readonly budget: InflateBudget;
  take(message: ReadMessage): void;
}

/** Between a reader of frames that keeps `deflatedBytesMax` of each and whoever keeps messages: a deflated one is told whole. */
export class FrameInflater {
  readonly #options: FrameInflaterOptions;
  readonly #inflater: MessageInflater;
  #open: { readonly kind: ReadMessage['kind']; readonly parts: Buffer[]; bytes: number; kept: number } | null = null;

  constructor(options: FrameInflaterOptions) {
    this.#options = options;
    this.#inflater = new MessageInflater({ startsAnew: options.startsAnew, budget: options.budget });
  }

  onFrame(frame: ReadMessage): void {
    const { kind, isCompressed, isFinal, bytes, payload } = frame;
    const isData = kind === 'text' || kind === 'binary';
    if (isData) this.#open = isCompressed ? { kind, parts: [], bytes: 0, kept: 0 } : null;
    const open = this.#open;
    // Frames of the protocol come between those of a message.
    if (open === null || !(isData || kind === 'continuation')) {
      this.#options.take({ ...frame, payload: payload.subarray(0, messageBytesMax) });
      return;
    }
    const part = payload.subarray(0, deflatedBytesMax - open.kept);
    open.parts.push(part);
    open.bytes += bytes;
    open.kept += part.length;
    if (!isFinal) return;
    this.#open = null;
    const raw = Buffer.concat(open.parts);
    const plain = open.kept === open.bytes ? this.#inflater.inflate(raw) : this.#inflater.miss();
    this.#options.take({
      kind: open.kind,
      bytes: plain?.length ?? open.bytes,
      payload: Buffer.from((plain ?? raw).subarray(0, messageBytesMax)),
      isCompressed: plain === null,
      isFinal: true,
    });
  }
}
