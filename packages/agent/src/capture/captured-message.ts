import {
  CHUNK_END,
  encodeChunkHead,
  encodeLastChunk,
  encodeRequestHead,
  encodeResponseHead,
  type Fields,
} from '@portico/http1';

/** Head and body of a request or of an answer, as far as they have come. */
export interface CapturedMessage {
  readonly minor: 0 | 1;
  /** As received: name, value, name, value. Texts hold one byte a character (latin1). */
  readonly fields: Fields;
  readonly trailers: Fields;
  /** What was kept of the body, without chunk framing. */
  readonly body: Buffer;
  /** How long the body was, or is until now. */
  readonly bodyBytes: number;
  /** The end of the body was not kept. */
  readonly isTruncated: boolean;
}

export interface CapturedRequest extends CapturedMessage {
  readonly method: string;
  readonly target: string;
}

export interface CapturedResponse extends CapturedMessage {
  readonly status: number;
  readonly reason: string;
}

/** The message in wire form, written anew: a chunked body is one chunk. */
export function requestBytes(request: CapturedRequest): Buffer {
  const { method, target, fields } = request;
  return Buffer.concat([encodeRequestHead({ method, target, fields }), ...bodyBytes(request)]);
}

export function responseBytes(response: CapturedResponse): Buffer {
  const { status, reason, fields } = response;
  return Buffer.concat([encodeResponseHead({ status, reason, fields }), ...bodyBytes(response)]);
}

function bodyBytes(message: CapturedMessage): Buffer[] {
  const { body, fields, trailers, isTruncated } = message;
  if (!isChunked(fields)) return [body];
  const chunk = body.length === 0 ? [] : [encodeChunkHead(body.length), body, CHUNK_END];
  return isTruncated ? chunk : [...chunk, encodeLastChunk(trailers)];
}

function isChunked(fields: Fields): boolean {
  return fieldOf(fields, 'transfer-encoding')?.toLowerCase().includes('chunked') === true;
}

/** The first value of a field, null without one. `name` is in lower case. */
export function fieldOf(fields: Fields, name: string): string | null {
  for (let i = 0; i + 1 < fields.length; i += 2) if (fields[i]?.toLowerCase() === name) return fields[i + 1] ?? null;
  return null;
}

/** Every value of a field. `name` is in lower case. */
export function fieldsOf(fields: Fields, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2)
    if (fields[i]?.toLowerCase() === name) values.push(fields[i + 1] ?? '');
  return values;
}

/** Every value under its name, the name as it came first. */
export function groupFields(fields: Fields): Record<string, string[]> {
  const grouped = new Map<string, { name: string; values: string[] }>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    const known = grouped.get(name.toLowerCase());
    if (known === undefined) grouped.set(name.toLowerCase(), { name: canonicalName(name), values: [value] });
    else known.values.push(value);
  }
  return Object.fromEntries([...grouped.values()].map(({ name, values }) => [name, values]));
}

/** `content-type` as `Content-Type`: scripts against this API look fields up in Go's spelling. */
function canonicalName(name: string): string {
  return name
    .toLowerCase()
    .replace(/(^|-)([a-z])/g, (_all, dash: string, letter: string) => dash + letter.toUpperCase());
}
