import type { CapturedExchange, CapturedMessages, InternalClient } from '@portico/api-contract/internal';
import type { Logger } from '@portico/service';
import { BatchSender } from '../control/batch-sender.ts';
import { MessageQueue } from './message-queue.ts';

const EXCHANGES_A_BATCH = 500;
const BYTES_A_BATCH = 1_000_000;
/** Exchanges whose messages one batch carries. */
const QUEUES_A_BATCH = 1_000;
/** What comes within this time travels together: a page shows no more than four changes a second. */
const GATHER_MS = 200;

/**
 * Takes records of exchanges and their messages to the API. A queue of so many bytes: what has no room is dropped and counted, and traffic
 * never waits for it. A batch that was lost is sent again under the same number.
 */
export class CaptureReporter {
  readonly #bytesMax: number;
  readonly #sender: BatchSender<Batch>;
  readonly #now: () => number;
  /** Those with messages that wait, in the order in which the first of each came. */
  readonly #waitingQueues = new Set<MessageQueue>();
  #queue: { readonly record: CapturedExchange; readonly bytes: number }[] = [];
  #bytes = 0;
  #untoldDrops = 0;
  /** Since the start. */
  dropped = 0;

  constructor({
    client,
    nodeId,
    epoch,
    bytesMax,
    log,
    now = Date.now,
  }: {
    client: InternalClient;
    nodeId: string;
    epoch: string;
    bytesMax: number;
    log: Logger;
    /** The time of day of messages. */
    now?: () => number;
  }) {
    this.#now = now;
    this.#bytesMax = bytesMax;
    this.#sender = new BatchSender({
      gatherMs: GATHER_MS,
      hasMore: () => this.#queue.length > 0 || this.#waitingQueues.size > 0,
      take: () => this.#nextBatch(),
      deliver: (batch) => client.reportExchanges({ nodeId, epoch, ...batch }),
      onRefused: ({ exchanges }, error) => {
        log.error({ err: error, exchanges: exchanges.length }, 'the API refused a batch of exchanges');
        this.dropped += exchanges.length;
      },
    });
  }

  /** False: it was dropped. */
  report(record: CapturedExchange): boolean {
    const bytes = sizeOf(record);
    if (this.#sender.closed || this.#bytes + bytes > this.#bytesMax) {
      this.dropped += 1;
      this.#untoldDrops += 1;
      return false;
    }
    this.#queue.push({ record, bytes });
    this.#bytes += bytes;
    this.#sender.wake();
    return true;
  }

  /** For the messages of an exchange that was reported; they share the room with all else. */
  openQueue({ exchangeId, accountId }: { exchangeId: string; accountId: string }): MessageQueue {
    const queue: MessageQueue = new MessageQueue({
      exchangeId,
      accountId,
      now: this.#now,
      reserve: (bytes) => {
        if (this.#sender.closed || this.#bytes + bytes > this.#bytesMax) return false;
        this.#bytes += bytes;
        this.#waitingQueues.add(queue);
        this.#sender.wake();
        return true;
      },
      release: (bytes) => {
        this.#bytes -= bytes;
      },
    });
    return queue;
  }

  /** One last try, then nothing is sent any more. */
  close(): Promise<void> {
    return this.#sender.close();
  }

  #nextBatch(): Batch {
    let count = 0;
    let bytes = 0;
    for (const item of this.#queue) {
      if (count > 0 && (count === EXCHANGES_A_BATCH || bytes + item.bytes > BYTES_A_BATCH)) break;
      count += 1;
      bytes += item.bytes;
    }
    const exchanges = this.#queue.splice(0, count).map(({ record }) => record);
    this.#bytes -= bytes;
    const dropped = this.#untoldDrops;
    this.#untoldDrops = 0;
    // Messages never overtake the exchange that they are of.
    const messages = this.#queue.length === 0 ? this.#nextMessages(BYTES_A_BATCH - bytes) : [];
    return { exchanges, dropped, messages };
  }

  #nextMessages(room: number): CapturedMessages[] {
    const messages: CapturedMessages[] = [];
    let left = room;
    for (const queue of this.#waitingQueues) {
      if (messages.length === QUEUES_A_BATCH || (messages.length > 0 && queue.bytes > left)) break;
      left -= queue.bytes;
      this.#waitingQueues.delete(queue);
      const taken = queue.take();
      if (taken !== null) messages.push(taken);
    }
    return messages;
  }
}

interface Batch {
  readonly exchanges: CapturedExchange[];
  readonly messages: CapturedMessages[];
  readonly dropped: number;
}

/** About what it takes in memory and on the wire. */
function sizeOf({ target, url, request, response }: CapturedExchange): number {
  let bytes = 600 + target.length + url.length;
  for (const side of [request, response]) {
    if (side === null) continue;
    bytes += side.body.length;
    for (const text of side.fields) bytes += text.length + 4;
    for (const text of side.trailers) bytes += text.length + 4;
  }
  return bytes;
}
