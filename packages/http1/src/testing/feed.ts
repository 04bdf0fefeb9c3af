import type { Fields } from '../fields.ts';
import type { RequestLimits, ResponseLimits } from '../limits.ts';
import type { RequestHead } from '../request-head.ts';
import { RequestParser } from '../request-parser.ts';
import type { ResponseHead } from '../response-head.ts';
import { ResponseParser } from '../response-parser.ts';
import type { HttpSyntaxError } from '../syntax-error.ts';

// For tests: feeds a parser in pieces and writes down what it says.

export interface Recorded<Head> {
  readonly messages: { readonly head: Head; body: string; trailers: Fields | null }[];
  readonly interim: Head[];
  error: HttpSyntaxError | null;
  /** The fault showed before the end of the connection was told. */
  prompt: boolean;
  rest: string;
}

export type Pieces = (input: Buffer) => Buffer[];

export const whole: Pieces = (input) => [input];
export const byteByByte: Pieces = (input) => Array.from(input, (_, i) => input.subarray(i, i + 1));

/** Cuts at random places; the same seed cuts the same way. */
export function splitBySeed(seed: number): Pieces {
  return (input) => {
    const random = generator(seed);
    const pieces: Buffer[] = [];
    let at = 0;
    while (at < input.length) {
      const length = 1 + Math.floor(random() * (random() < 0.5 ? 4 : 40));
      pieces.push(input.subarray(at, at + length));
      at += length;
    }
    return pieces;
  };
}

/** Every way in which each table row is fed. */
export const feeds: readonly { readonly name: string; readonly pieces: Pieces }[] = [
  { name: 'whole', pieces: whole },
  { name: 'byte by byte', pieces: byteByByte },
  ...Array.from({ length: 12 }, (_, i) => ({ name: `split with seed ${i}`, pieces: splitBySeed(i + 1) })),
];

export function feedRequests(
  input: string | Buffer,
  pieces: Pieces,
  limits?: Partial<RequestLimits>,
): Recorded<RequestHead> {
  const recorded = empty<RequestHead>();
  const parser = new RequestParser({
    ...(limits === undefined ? {} : { limits }),
    onHead: (head) => recorded.messages.push({ head, body: '', trailers: null }),
    onBody: (slice) => addBody(recorded, slice),
    onEnd: (trailers) => {
      endMessage(recorded, trailers);
      parser.next();
    },
    onError: (error) => fail(recorded, error),
  });
  for (const piece of pieces(bytesOf(input))) parser.push(piece);
  recorded.prompt = recorded.error !== null;
  parser.finish();
  return recorded;
}

export interface Asked {
  readonly method?: string;
  readonly upgradeAsked?: string | null;
  readonly limits?: Partial<ResponseLimits>;
  /** Answers expected, one after another. */
  readonly count?: number;
}

export function feedResponses(input: string | Buffer, pieces: Pieces, asked: Asked = {}): Recorded<ResponseHead> {
  const recorded = empty<ResponseHead>();
  let left = asked.count ?? 1;
  const expectOne = (): void => {
    if (left === 0) return;
    left--;
    parser.expect(asked.method ?? 'GET', { upgradeAsked: asked.upgradeAsked ?? null });
  };
  const parser = new ResponseParser({
    ...(asked.limits === undefined ? {} : { limits: asked.limits }),
    onInterim: (head) => recorded.interim.push(head),
    onHead: (head) => recorded.messages.push({ head, body: '', trailers: null }),
    onBody: (slice) => addBody(recorded, slice),
    onEnd: (trailers) => {
      endMessage(recorded, trailers);
      expectOne();
    },
    onError: (error) => fail(recorded, error),
  });
  expectOne();
  for (const piece of pieces(bytesOf(input))) parser.push(piece);
  recorded.prompt = recorded.error !== null;
  if (parser.state === 'upgraded') recorded.rest = parser.takeRest().toString('latin1');
  else parser.finish();
  return recorded;
}

function empty<Head>(): Recorded<Head> {
  return { messages: [], interim: [], error: null, prompt: false, rest: '' };
}

function bytesOf(input: string | Buffer): Buffer {
  return typeof input === 'string' ? Buffer.from(input, 'latin1') : input;
}

function addBody<Head>(recorded: Recorded<Head>, slice: Buffer): void {
  const message = recorded.messages.at(-1);
  if (message === undefined || message.trailers !== null) throw new Error('body bytes outside of a message');
  if (slice.length === 0) throw new Error('an empty slice');
  message.body += slice.toString('latin1');
}

function endMessage<Head>(recorded: Recorded<Head>, trailers: Fields): void {
  const message = recorded.messages.at(-1);
  if (message === undefined || message.trailers !== null) throw new Error('an end outside of a message');
  message.trailers = trailers;
}

function fail<Head>(recorded: Recorded<Head>, error: HttpSyntaxError): void {
  if (recorded.error !== null) throw new Error('onError twice');
  recorded.error = error;
}

/** Mulberry32: small, and the same everywhere. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
