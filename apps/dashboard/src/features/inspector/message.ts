import { flag, list, nullable, number, object, oneOf, type Reader, text } from '../../lib/shape.ts';
import { bytesOf, hexLines, prettyJson, textOf } from './body.ts';

/** One message of a WebSocket, or one event of a stream of events. */
export interface Message {
  /** Counts up from 1; those that are missing were not kept. */
  readonly number: number;
  readonly created_at: string;
  readonly from: 'visitor' | 'upstream';
  readonly kind: 'text' | 'binary' | 'close' | 'ping' | 'pong' | 'event';
  /** As it travelled. */
  readonly bytes: number;
  /** base64 of its beginning. */
  readonly payload: string;
  readonly truncated: boolean;
  readonly compressed: boolean;
}

export interface MessagePage {
  readonly messages: readonly Message[];
  readonly message_count: number;
  readonly next_page_uri: string | null;
}

const message: Reader<Message> = object({
  number,
  created_at: text,
  from: oneOf('visitor', 'upstream'),
  kind: oneOf('text', 'binary', 'close', 'ping', 'pong', 'event'),
  bytes: number,
  payload: text,
  truncated: flag,
  compressed: flag,
});

export const readMessages: Reader<MessagePage> = object({
  messages: list(message),
  message_count: number,
  next_page_uri: nullable(text),
});

/** What a page keeps at most; the oldest leave first. */
export const messagesMax = 5_000;

/** Those that were there and the newer ones, each once, oldest first. */
export function withMessages(had: readonly Message[], newer: readonly Message[]): readonly Message[] {
  const last = had.at(-1)?.number ?? 0;
  const fresh = newer.filter(({ number }) => number > last);
  return fresh.length === 0 ? had : [...had, ...fresh].slice(-messagesMax);
}

/** How many are missing before each of these, and after the last of all that passed. */
export function holes(
  messages: readonly Message[],
  count: number,
): { readonly before: number[]; readonly after: number } {
  let expected = 1;
  const before = messages.map(({ number }) => {
    const missing = number - expected;
    expected = number + 1;
    return missing;
  });
  return { before, after: Math.max(0, count - expected + 1) };
}

/** A message as it can be read: text, or hex when it is none. */
export interface MessageText {
  /** One line, for the list. */
  readonly line: string;
  /** All that was kept of it. */
  readonly whole: string;
  readonly isHex: boolean;
}

export function textOfMessage({ kind, payload, compressed }: Message): MessageText {
  const bytes = bytesOf(payload);
  if (kind === 'close') {
    const code = bytes.length < 2 ? null : (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
    const reason = textOf(bytes.subarray(2)) ?? '';
    const line = code === null ? 'without a code' : `${code}${reason === '' ? '' : ` ${reason}`}`;
    return { line, whole: line, isHex: false };
  }
  const plain = compressed || kind === 'binary' ? null : bytes.length === 0 ? '' : textOf(bytes);
  if (plain === null) {
    const line = [...bytes.subarray(0, 32)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    return { line, whole: hexLines(bytes).join('\n'), isHex: true };
  }
  return { line: plain.replaceAll(/\s+/g, ' ').slice(0, 400), whole: prettyJson(plain) ?? plain, isHex: false };
}

export type MessageFilter = 'all' | 'visitor' | 'upstream';

/** Those of one side that have a word in them. */
export function accepted(messages: readonly Message[], from: MessageFilter, word: string): readonly Message[] {
  const wanted = word.trim().toLowerCase();
  return messages.filter(
    (one) =>
      (from === 'all' || one.from === from) &&
      (wanted === '' || one.kind === wanted || textOfMessage(one).whole.toLowerCase().includes(wanted)),
  );
}
