import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createDeflate, createGzip, createZstdCompress } from 'node:zlib';
import { getField, getFields, hasField, setField } from '@portico/http-rules';
import type { Fields } from '@portico/http1';
import type { Compression } from '@portico/traffic-policy';

/** Codings that are made here; `compress` (LZW) is asked for by nobody. */
export type Coding = Exclude<Compression, 'compress'>;

/** Why an answer is compressed, or how it stays. */
export type CompressionChoice =
  | { readonly kind: 'compress'; readonly coding: Coding }
  /** It could be, but not for this visitor: caches have to know. */
  | { readonly kind: 'not-wanted' }
  | { readonly kind: 'already' }
  | { readonly kind: 'not-compressible' };

/**
 * Chooses by the visitor's q-values, then by the order in which the policy names the codings (RFC 9110 section 12.5.3).
 *
 * @param algorithms of the policy, in its order
 * @param asked the `Accept-Encoding` fields of the visitor, as they came
 */
export function chooseCompression({
  algorithms,
  asked,
  method,
  status,
  fields,
  hasBody,
}: {
  algorithms: readonly Compression[];
  asked: readonly string[];
  method: string;
  status: number;
  fields: readonly string[];
  hasBody: boolean;
}): CompressionChoice {
  const list = [...fields];
  const coding = (getField(list, 'content-encoding') ?? '').trim().toLowerCase();
  if (coding !== '' && coding !== 'identity') return { kind: 'already' };
  if (!hasBody || method === 'HEAD' || status === 206 || status === 204 || status === 304 || status < 200) {
    return { kind: 'not-compressible' };
  }
  if (hasField(list, 'content-range')) return { kind: 'not-compressible' };
  if (getFields(list, 'cache-control').some((value) => /(?:^|[\s,])no-transform(?:$|[\s,])/i.test(value))) {
    return { kind: 'not-compressible' };
  }
  if (COMPRESSED_TYPES.test(getField(list, 'content-type') ?? '')) return { kind: 'not-compressible' };
  const weights = readWeights(asked);
  let best: { readonly coding: Coding; readonly weight: number } | null = null;
  for (const algorithm of algorithms) {
    if (algorithm === 'compress') continue;
    const weight = weights.get(algorithm) ?? weights.get('*') ?? 0;
    if (weight > 0 && weight > (best?.weight ?? 0)) best = { coding: algorithm, weight };
  }
  return best === null ? { kind: 'not-wanted' } : { kind: 'compress', coding: best.coding };
}

/** Media that gain nothing. */
const COMPRESSED_TYPES =
  /^\s*(?:image\/(?!svg|bmp|x-icon|vnd\.microsoft\.icon)|video\/|audio\/(?!midi|wav|x-wav)|font\/woff|application\/(?:zip|gzip|x-gzip|zstd|x-7z-compressed|x-rar-compressed|vnd\.rar|x-bzip2?|x-xz|pdf)\b)/i;

function readWeights(asked: readonly string[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (const value of asked.slice(0, 16)) {
    for (const element of value.split(',', 64)) {
      const [name = '', ...parameters] = element.split(';').map((part) => part.trim().toLowerCase());
      if (name === '') continue;
      const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
      const weight = q === undefined ? 1 : /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(q) ? Number(q) : 0;
      weights.set(name === 'x-gzip' ? 'gzip' : name, weight);
    }
  }
  return weights;
}

/** The fields of an answer that is compressed, or that would be for another visitor. */
export function compressedFields(fields: readonly string[], choice: CompressionChoice): Fields {
  if (choice.kind === 'already' || choice.kind === 'not-compressible') return [...fields];
  const out: Fields = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    const lower = name.toLowerCase();
    if (choice.kind === 'compress') {
      // Bytes and ranges of them are others now; what both forms mean is still the same (RFC 9110 section 8.8.1).
      if (lower === 'content-length' || lower === 'accept-ranges' || lower === 'content-encoding') continue;
      if (lower === 'etag' && !value.startsWith('W/')) {
        out.push(name, `W/${value}`);
        continue;
      }
    }
    out.push(name, value);
  }
  if (choice.kind === 'compress') out.push('Content-Encoding', choice.coding);
  const vary = getFields(out, 'vary').join(', ');
  if (vary.trim() === '*' || /(?:^|,)\s*accept-encoding\s*(?:,|$)/i.test(vary)) return out;
  return setField(out, 'Vary', vary === '' ? 'Accept-Encoding' : `${vary}, Accept-Encoding`);
}

/** Where what is compressed goes. */
export interface CompressedSink {
  /** False: stop until `resume`. */
  onChunk(chunk: Buffer): boolean;
  onEnd(trailers: Fields): void;
  /** Room again after `write` gave false. */
  onRoom(): void;
  onError(error: Error): void;
}

/**
 * Compresses one answer on the threads of libuv while it is on its way. `dispose` ends it at any time; after `onEnd` or
 * `onError` it is over.
 */
export class Compressor {
  readonly #transform: Transform & { flush(kind?: number): void };
  readonly #flushKind: number;
  readonly #flushes: boolean;
  readonly #onOver: () => void;
  #trailers: Fields = [];
  #flushDue = false;
  #over = false;

  /**
   * @param flushes pieces go out as they come (event streams, and whatever has no length that was told before)
   * @param onOver called once
   */
  constructor(
    coding: Coding,
    { sink, flushes, onOver }: { sink: CompressedSink; flushes: boolean; onOver: () => void },
  ) {
    this.#transform = createTransform(coding);
    this.#flushKind = FLUSH_KINDS[coding];
    this.#flushes = flushes;
    this.#onOver = onOver;
    this.#transform.on('data', (chunk: Buffer) => {
      if (!this.#over && !sink.onChunk(chunk)) this.#transform.pause();
    });
    this.#transform.on('drain', () => {
      if (!this.#over) sink.onRoom();
    });
    this.#transform.once('end', () => {
      if (this.#over) return;
      this.dispose();
      sink.onEnd(this.#trailers);
    });
    this.#transform.once('error', (error) => {
      if (this.#over) return;
      this.dispose();
      sink.onError(error);
    });
  }

  write(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    const room = this.#transform.write(chunk);
    if (this.#flushes && !this.#flushDue) {
      this.#flushDue = true;
      // Once for all that comes in one turn.
      setImmediate(() => {
        this.#flushDue = false;
        if (!this.#over) this.#transform.flush(this.#flushKind);
      });
    }
    return room;
  }

  end(trailers: Fields): void {
    this.#trailers = trailers;
    if (!this.#over) this.#transform.end();
  }

  /** The visitor takes more. */
  resume(): void {
    if (!this.#over) this.#transform.resume();
  }

  dispose(): void {
    if (this.#over) return;
    this.#over = true;
    this.#transform.destroy();
    this.#onOver();
  }
}

/** Light settings: they run for every visitor, and a compressor should cost a fifth of a megabyte, not two. */
const FLUSH_KINDS: Readonly<Record<Coding, number>> = {
  gzip: constants.Z_SYNC_FLUSH,
  deflate: constants.Z_SYNC_FLUSH,
  br: constants.BROTLI_OPERATION_FLUSH,
  zstd: constants.ZSTD_e_flush,
};

function createTransform(coding: Coding): Transform & { flush(kind?: number): void } {
  switch (coding) {
    case 'gzip':
      return createGzip({ level: 5, memLevel: 7 });
    case 'deflate':
      return createDeflate({ level: 5, memLevel: 7 });
    case 'br':
      return createBrotliCompress({
        params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 16 },
      });
    case 'zstd':
      return createZstdCompress({
        params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_windowLog]: 15 },
      });
  }
}

/** At most so many at once in the edge; answers beyond them go out as they are. */
export class CompressorSeats {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  take(): boolean {
    if (this.#taken >= this.#max) return false;
    this.#taken += 1;
    return true;
  }

  leave(): void {
    this.#taken -= 1;
  }
}
