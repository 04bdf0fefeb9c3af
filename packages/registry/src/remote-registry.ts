import { setTimeout as delay } from 'node:timers/promises';
import { Gate } from './gate.ts';
import { KeptLease } from './kept-lease.ts';
import type {
  CallOptions,
  KeyValue,
  Lease,
  Listing,
  Registry,
  RegistryStatus,
  Transaction,
  TransactionResult,
  WatchBatch,
  WatchOptions,
} from './registry.ts';
import { RegistryError } from './registry-error.ts';
import { checkKey, checkPrefix, checkTransaction, checkTtl } from './transaction-check.ts';
import {
  decodeBatch,
  decodeError,
  decodeKeyValue,
  decodeListing,
  decodeResult,
  encodeTransaction,
  object,
  REGISTRY_PATH,
  type RegistryOperation,
  revision,
  string,
  WATCH_PING_MS,
} from './wire.ts';

export interface RemoteRegistryOptions {
  /** Of the internal listener of the API, such as `http://127.0.0.1:4011`. */
  readonly baseUrl: string;
  /** Of this node; sent as a Bearer token. */
  readonly credential: string;
  /** For mutual TLS, and for tests. */
  readonly fetch?: typeof globalThis.fetch;
  /** How long one try may take: reads 3 s, writes 1.5 s. */
  readonly readTimeoutMs?: number;
  readonly writeTimeoutMs?: number;
  /** A watch that hears nothing for so long is taken for dead: 3 pings. */
  readonly silenceMs?: number;
}

/**
 * The registry that lives in the API process, seen from an edge. Every call has a deadline, and every failure to get
 * an answer is a RegistryError `unavailable`; whether a write was done is then unknown, so read before trying again.
 *
 * A watch that breaks is taken up again where it was, with nothing missed or told twice; if the far side was
 * restarted meanwhile it gives `compacted`. A lease is declared lost when its time is over by the clock here.
 */
export class RemoteRegistry implements Registry {
  readonly #base: string;
  readonly #credential: string;
  readonly #fetch: typeof globalThis.fetch;
  readonly #readTimeoutMs: number;
  readonly #writeTimeoutMs: number;
  readonly #silenceMs: number;
  readonly #leases = new Set<KeptLease>();
  readonly #gate = new Gate(CALLS_AT_ONCE);
  readonly #closing = new AbortController();
  #rev = 0n;
  #healthy = true;
  #isolated = false;

  constructor(options: RemoteRegistryOptions) {
    this.#base = options.baseUrl.replace(/\/$/, '') + REGISTRY_PATH;
    this.#credential = options.credential;
    this.#fetch = options.fetch ?? globalThis.fetch;
    this.#readTimeoutMs = options.readTimeoutMs ?? 3_000;
    this.#writeTimeoutMs = options.writeTimeoutMs ?? 1_500;
    this.#silenceMs = options.silenceMs ?? 3 * WATCH_PING_MS;
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<KeyValue | null> {
    checkKey(key);
    return this.#read('get', { key }, signal, (answer) => {
      const { rev, kv } = object(answer);
      this.#saw(revision(rev));
      return kv === null ? null : decodeKeyValue(kv);
    });
  }

  async list(prefix: string, { signal }: CallOptions = {}): Promise<Listing> {
    checkPrefix(prefix);
    const listing = await this.#read('list', { prefix }, signal, decodeListing);
    this.#saw(listing.rev);
    return listing;
  }

  async txn(transaction: Transaction, { signal }: CallOptions = {}): Promise<TransactionResult> {
    checkTransaction(transaction);
    const body = encodeTransaction(transaction);
    const result = await this.#call('txn', body, this.#writeTimeoutMs, signal, decodeResult);
    this.#saw(result.rev);
    return result;
  }

  async lease(ttlS: number, { signal }: CallOptions = {}): Promise<Lease> {
    checkTtl(ttlS);
    const grantedAtMs = performance.now();
    const idOf = (answer: unknown): string => string(object(answer).id);
    const id = await this.#call('lease', { ttlS }, this.#writeTimeoutMs, signal, idOf);
    this.#isolated = false;
    const lease = new KeptLease({
      id,
      ttlS,
      grantedAtMs,
      renew: (patience) => this.#read('keepalive', { id }, patience, (answer) => object(answer).known === true),
      revoke: () => this.#read('revoke', { id }, undefined, () => {}),
      onEnd: () => {
        this.#leases.delete(lease);
        this.#isolated ||= lease.state === 'lost';
      },
    });
    this.#leases.add(lease);
    if (this.#closing.signal.aborted) {
      lease.abandon();
    }
    return lease;
  }

  async *watch(
    prefix: string,
    fromRev: bigint,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchBatch, void, undefined> {
    checkPrefix(prefix);
    const over = AbortSignal.any([this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    let next = fromRev;
    let failures = 0;
    while (!over.aborted) {
      try {
        for await (const batch of this.#stream(prefix, next, options.progressMs, over)) {
          failures = 0;
          this.#saw(batch.rev);
          if (batch.kind !== 'compacted') {
            next = batch.rev + 1n;
          }
          if (batch.kind !== 'progress' || options.progressMs !== undefined) {
            yield batch;
          }
          if (batch.kind === 'compacted') {
            return;
          }
        }
      } catch (error) {
        if (!(error instanceof RegistryError) || error.fault === 'invalid' || error.fault === 'refused') {
          throw error;
        }
        this.#healthy = false;
      }
      failures += 1;
      await pause(backoffMs(failures), over);
    }
  }

  status(): RegistryStatus {
    return {
      engine: 'remote',
      rev: this.#rev,
      healthy: this.#healthy && !this.#closing.signal.aborted,
      isolated: this.#isolated || [...this.#leases].some(({ state }) => state === 'late'),
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const lease of [...this.#leases]) {
      lease.abandon();
    }
  }

  /** One connection's worth of a watch; ends when the far side ends it. */
  async *#stream(
    prefix: string,
    fromRev: bigint,
    progressMs: number | undefined,
    over: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    const connection = new AbortController();
    const stop = (): void => connection.abort();
    over.addEventListener('abort', stop);
    try {
      const query = new URLSearchParams({ prefix, from: fromRev.toString() });
      if (progressMs !== undefined) {
        query.set('progress', String(progressMs));
      }
      const response = await within(
        this.#readTimeoutMs,
        connection,
        this.#fetch(`${this.#base}/watch?${query}`, {
          headers: { authorization: `Bearer ${this.#credential}` },
          redirect: 'error',
          signal: connection.signal,
        }),
      );
      if (response.status !== 200) {
        throw await failureOf(response);
      }
      this.#healthy = true;
      const reader = response.body?.getReader();
      const lines = new LineSplitter();
      while (reader !== undefined) {
        // Only waiting counts as silence: while our own reader is busy the far side waits for us.
        const { done, value } = await within(this.#silenceMs, connection, reader.read());
        if (done) {
          return;
        }
        for (const line of lines.push(value)) {
          yield decodeBatch(parse(line));
        }
      }
    } catch (error) {
      if (over.aborted) {
        return;
      }
      throw error instanceof RegistryError ? error : unavailable(error);
    } finally {
      over.removeEventListener('abort', stop);
      connection.abort();
    }
  }

  /** A call that may be made twice: a connection that was kept open may have died unseen, so one more try is free. */
  async #read<T>(
    operation: RegistryOperation,
    body: object,
    signal: AbortSignal | undefined,
    decode: (answer: unknown) => T,
  ): Promise<T> {
    const startedAtMs = performance.now();
    try {
      return await this.#call(operation, body, this.#readTimeoutMs, signal, decode);
    } catch (error) {
      const quick = performance.now() - startedAtMs < 100;
      const transient = error instanceof RegistryError && error.fault === 'unavailable' && error.cause !== undefined;
      if (quick && transient && signal?.aborted !== true) {
        return this.#call(operation, body, this.#readTimeoutMs, signal, decode);
      }
      throw error;
    }
  }

  async #call<T>(
    operation: RegistryOperation,
    body: object,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    decode: (answer: unknown) => T,
  ): Promise<T> {
    if (this.#closing.signal.aborted) {
      throw new RegistryError('closed', 'This registry is closed.');
    }
    const reasons = [AbortSignal.timeout(timeoutMs), this.#closing.signal];
    const patience = AbortSignal.any(signal === undefined ? reasons : [...reasons, signal]);
    let leave: (() => void) | null = null;
    try {
      // A renewal waits behind nobody: its lease would be lost for a queue of our own making.
      leave = operation === 'keepalive' ? null : await this.#gate.enter(patience);
      const response = await this.#fetch(`${this.#base}/${operation}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#credential}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: patience,
      });
      if (response.status !== 200) {
        throw await failureOf(response);
      }
      const answer = decode(await response.json());
      this.#healthy = true;
      return answer;
    } catch (error) {
      const failure = error instanceof RegistryError ? error : unavailable(error);
      if (this.#closing.signal.aborted) {
        throw new RegistryError('closed', 'This registry is closed.', { cause: error });
      }
      if (failure.fault === 'unavailable') {
        this.#healthy = false;
      }
      throw failure;
    } finally {
      leave?.();
    }
  }

  #saw(rev: bigint): void {
    if (rev > this.#rev) {
      this.#rev = rev;
    }
  }
}

/** Each is a connection of its own to the API. */
const CALLS_AT_ONCE = 32;

/** A failed answer as an error: what our server wrote, else what the status says. */
async function failureOf(response: Response): Promise<RegistryError> {
  const text = await response.text().catch(() => '');
  try {
    return decodeError(JSON.parse(text));
  } catch {
    const fault = response.status === 401 || response.status === 403 ? 'refused' : 'unavailable';
    return new RegistryError(fault, `The registry answered with status ${response.status}.`);
  }
}

function unavailable(cause: unknown): RegistryError {
  const reason =
    cause instanceof Error ? `${cause.message}${cause.cause instanceof Error ? `: ${cause.cause.message}` : ''}` : '';
  return new RegistryError('unavailable', `The registry does not answer: ${reason}`, { cause });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw unavailable(error);
  }
}

/** Aborts the connection when the promise takes longer. */
async function within<T>(ms: number, connection: AbortController, promise: Promise<T>): Promise<T> {
  const timer = setTimeout(() => connection.abort(new Error(`no sign of life for ${ms} ms`)), ms);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** 100 ms doubling to 2 s, and of that a random part, so that many edges do not come back at once. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  return Math.min(2_000, 100 * 2 ** Math.min(failures - 1, 10)) * (0.25 + 0.75 * random());
}

export async function pause(ms: number, over: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: over, ref: false }).catch(() => {});
}

const LINE_BYTES_MAX = 16 * 1024 * 1024;

class LineSplitter {
  readonly #decoder = new TextDecoder();
  #parts: string[] = [];
  #length = 0;

  push(chunk: Uint8Array): string[] {
    const pieces = this.#decoder.decode(chunk, { stream: true }).split('\n');
    const last = pieces.pop() ?? '';
    const lines = pieces.map((piece, index) => (index === 0 ? this.#parts.join('') + piece : piece));
    if (lines.length > 0) {
      this.#parts = [];
      this.#length = 0;
    }
    this.#parts.push(last);
    this.#length += last.length;
    if (this.#length > LINE_BYTES_MAX) {
      throw new RegistryError('unavailable', 'The registry sends a line without end.');
    }
    return lines.filter((line) => line !== '');
  }
}
