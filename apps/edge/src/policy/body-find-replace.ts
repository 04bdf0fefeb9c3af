import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, type ZstdOptions, zstdDecompress } from 'node:zlib';
import { PorticoError } from '@portico/errors';
import { getField } from '@portico/http-rules';
import type { Fields } from '@portico/http1';
import { type BodyFindReplaceConfig, Budget, type PolicyScope, type Regex, regexFor } from '@portico/traffic-policy';

export interface ReplacedBody {
  readonly body: Buffer;
  /** Replacements that changed something. */
  readonly replacements: number;
  /** Of the message with that body; its framing is for whoever sends it. */
  readonly fields: Fields;
}

/**
 * Replaces patterns in a whole body, in pieces that leave the thread free in between. A match is looked for inside a
 * piece: of 64 KiB for simple patterns, fewer for large ones, ended at a line break where there is one.
 *
 * @param maxBytes of the decoded body
 * @throws PorticoError 3904 when the body cannot be decoded, 2249 when it costs too much, 2253 for a pattern that a
 *   template made and that is none
 */
export async function replaceInBody(
  config: BodyFindReplaceConfig,
  {
    action,
    scope,
    body,
    fields,
    maxBytes,
    signal,
    isPlain = false,
  }: {
    action: string;
    scope: PolicyScope;
    body: Buffer;
    fields: readonly string[];
    maxBytes: number;
    signal: AbortSignal;
    /** The coding in the fields is still to be done to the body. */
    isPlain?: boolean;
  },
): Promise<ReplacedBody> {
  const decoded = isPlain ? body : await decode(body, [...fields], { action, maxBytes });
  const encoding = isUtf8(decoded) ? 'utf8' : 'latin1';
  let text = decoded.toString(encoding);
  let replacements = 0;
  let unitsLeft = UNITS_MAX;
  for (const { from, to } of config.replacements) {
    const regex = regexFor(from, action, scope);
    const replacement = to.text(scope);
    const pieceCharacters = pieceOf(regex);
    let out = '';
    let changed = false;
    for (let at = 0; at < text.length; ) {
      const end = pieceEnd(text, at, pieceCharacters);
      const piece = text.slice(at, end);
      unitsLeft -= regex.instructions * piece.length;
      if (unitsLeft < 0)
        throw new PorticoError(2249, { where: action, reason: 'its patterns cost too much for this body' });
      const replaced = replacePiece(regex, piece, replacement, action);
      if (replaced !== piece) changed = true;
      out += replaced;
      if (out.length > maxBytes) throw new PorticoError(3903, { action, max: maxBytes });
      at = end;
      if (end < text.length) await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) throw new PorticoError(3904, { action, reason: 'the visitor left' });
    }
    if (changed) {
      replacements += 1;
      text = out;
    }
  }
  if (replacements === 0) return { body, replacements, fields: [...fields] };
  return { body: Buffer.from(text, encoding), replacements, fields: changedFields(fields, isPlain) };
}

/** All patterns of one action on one body: two seconds, in pieces of some milliseconds. */
const UNITS_MAX = 200_000_000;
const PIECE_UNITS = 4_000_000;
const PIECE_CHARACTERS_MAX = 65_536;
const PIECE_CHARACTERS_MIN = 4_096;

function pieceOf(regex: Regex): number {
  const fitting = Math.floor(PIECE_UNITS / Math.max(1, regex.instructions)) - 64;
  return Math.min(PIECE_CHARACTERS_MAX, Math.max(PIECE_CHARACTERS_MIN, fitting));
}

function pieceEnd(text: string, at: number, characters: number): number {
  const end = at + characters;
  if (end >= text.length) return text.length;
  const line = text.lastIndexOf('\n', end - 1);
  if (line >= at + characters / 2) return line + 1;
  // Not between the two halves of one character.
  const code = text.charCodeAt(end);
  return code >= 0xdc00 && code <= 0xdfff ? end - 1 : end;
}

function replacePiece(regex: Regex, piece: string, replacement: string, action: string): string {
  try {
    return regex.replaceAll(piece, replacement, new Budget(2 * regex.instructions * (piece.length + 64)));
  } catch (error) {
    if (error instanceof PorticoError) throw error;
    throw new PorticoError(2249, { where: action, reason: error instanceof Error ? error.message : 'it was too much' });
  }
}

/** What described the bytes that were: a length, a coding, a digest, a strong validator. */
export function changedFields(fields: readonly string[], keepsCoding: boolean): Fields {
  const out: Fields = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    switch (name.toLowerCase()) {
      case 'content-encoding':
        if (keepsCoding) out.push(name, value);
        break;
      case 'content-length':
      case 'content-md5':
      case 'content-digest':
      case 'digest':
      case 'accept-ranges':
        break;
      case 'etag':
        out.push(name, value.startsWith('W/') ? value : `W/${value}`);
        break;
      default:
        out.push(name, value);
    }
  }
  return out;
}

const decoders = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify<Buffer, ZstdOptions, Buffer>(zstdDecompress),
} as const;

async function decode(
  body: Buffer,
  fields: Fields,
  { action, maxBytes }: { action: string; maxBytes: number },
): Promise<Buffer> {
  const coding = (getField(fields, 'content-encoding') ?? '').trim().toLowerCase();
  if (coding === '' || coding === 'identity' || body.length === 0) return body;
  if (!isDecodable(coding))
    throw new PorticoError(3904, { action, reason: `its coding ${coding.slice(0, 32)} is not known` });
  try {
    return await decoders[coding](body, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof RangeError) throw new PorticoError(3903, { action, max: maxBytes });
    throw new PorticoError(3904, { action, reason: `it is not ${coding}` }, { cause: error });
  }
}

function isDecodable(coding: string): coding is keyof typeof decoders {
  return Object.hasOwn(decoders, coding);
}
