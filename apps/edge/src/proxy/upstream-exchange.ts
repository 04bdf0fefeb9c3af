import type { Fields, ResponseHead } from '@portico/http1';
import type { Member, Refusal, UpstreamStream } from '../endpoint/endpoint.ts';

/** One request on its way to one upstream, whatever is spoken there. Over after `drop`, or once its handler was told. */
export interface UpstreamExchange {
  readonly member: Member;
  /** What carries it carried another request before. */
  readonly reused: boolean;
  /** A byte of the answer has come. */
  readonly heard: boolean;
  /** Request bytes, framed here. False: stop until `onUpstreamWritable`. */
  writeBody(chunk: Uint8Array): boolean;
  /** Every byte of the request was written. */
  endBody(trailers: Fields): void;
  /** Stops giving the agent room, because the visitor does not take what is there. */
  hold(): void;
  /** The visitor took everything: it gets what was kept, and the agent gets room again. */
  letGo(): void;
  /** Gives it up, whatever it is doing; the upstream sees the end at once. */
  drop(): void;
  /** After `101`: the bare stream. Null where there is none. */
  takeOver(): TakenUpstream | null;
}

/** The stream, the bytes that came behind the head, and how many of all are not acknowledged yet. */
export interface TakenUpstream {
  readonly stream: UpstreamStream;
  readonly rest: Buffer;
  readonly unacked: number;
  readonly ended: boolean;
}

/** Why no whole answer came. After it the stream is gone. */
export type UpstreamFailure =
  /** The upstream was not reached; nothing was given to it. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The stream ended or was reset before the answer was whole. */
  | { readonly kind: 'closed' }
  /** What came is not HTTP. */
  | { readonly kind: 'syntax'; readonly reason: string };

/** The answer to one request. Nothing is called after `onAnswerEnd` or `onFailed`. */
export interface AnswerHandler {
  onInterim(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  onAnswerBody(chunk: Buffer): void;
  /** The answer is whole; the stream was given back or dropped already. */
  onAnswerEnd(trailers: Fields): void;
  onFailed(failure: UpstreamFailure): void;
  /** Room again for the request body. */
  onUpstreamWritable(): void;
}
