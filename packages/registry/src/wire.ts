import type {
  Compare,
  KeyValue,
  Listing,
  Operation,
  RegistryEvent,
  Transaction,
  TransactionResult,
  WatchBatch,
} from './registry.ts';
import { RegistryError, type RegistryFault } from './registry-error.ts';

/**
 * The registry over HTTP: `POST <base>/internal/v1/registry/{get,list,txn,lease,keepalive,revoke}` with JSON both
 * ways, and `GET …/watch?prefix=&from=` whose answer is one JSON batch a line. Revisions are decimal text, because
 * JSON numbers end at 2^53. An error is `{error: {fault, message, retryAfterMs}}` with a status that fits.
 */
export const REGISTRY_PATH = '/internal/v1/registry';
/** So often a watch says at least that it is alive. */
export const WATCH_PING_MS = 2_000;
/** The largest transaction fits. */
export const REGISTRY_BODY_BYTES_MAX = 8 * 1024 * 1024;

export type RegistryOperation = 'get' | 'list' | 'txn' | 'lease' | 'keepalive' | 'revoke';

type Json = Readonly<Record<string, unknown>>;

export function encodeTransaction(transaction: Transaction): Json {
  return {
    if: transaction.if.map((compare) =>
      compare.kind === 'mod-revision' ? { ...compare, modRev: compare.modRev.toString() } : compare,
    ),
    then: transaction.then,
    ...(transaction.else === undefined ? {} : { else: transaction.else }),
    ...(transaction.reclaim === undefined ? {} : { reclaim: transaction.reclaim }),
  };
}

export function decodeTransaction(body: unknown): Transaction {
  const json = object(body);
  return {
    if: array(json.if).map(decodeCompare),
    then: array(json.then).map(decodeOperation),
    else: json.else === undefined ? [] : array(json.else).map(decodeOperation),
    reclaim: json.reclaim === true,
  };
}

export function encodeResult({ ok, rev, results }: TransactionResult): Json {
  return { ok, rev: rev.toString(), results: results.map((kvs) => kvs.map(encodeKeyValue)) };
}

export function decodeResult(body: unknown): TransactionResult {
  const json = object(body);
  return {
    ok: json.ok === true,
    rev: revision(json.rev),
    results: array(json.results).map((kvs) => array(kvs).map(decodeKeyValue)),
  };
}

export function encodeListing({ kvs, rev }: Listing): Json {
  return { kvs: kvs.map(encodeKeyValue), rev: rev.toString() };
}

export function decodeListing(body: unknown): Listing {
  const json = object(body);
  return { kvs: array(json.kvs).map(decodeKeyValue), rev: revision(json.rev) };
}

export function encodeKeyValue(kv: KeyValue): Json {
  return { ...kv, createRev: kv.createRev.toString(), modRev: kv.modRev.toString() };
}

export function decodeKeyValue(body: unknown): KeyValue {
  const json = object(body);
  return {
    key: string(json.key),
    value: string(json.value),
    createRev: revision(json.createRev),
    modRev: revision(json.modRev),
    version: number(json.version),
    lease: json.lease === null ? null : string(json.lease),
  };
}

export function encodeBatch(batch: WatchBatch): Json {
  return batch.kind === 'events'
    ? { kind: 'events', rev: batch.rev.toString(), events: batch.events.map(encodeEvent) }
    : { kind: batch.kind, rev: batch.rev.toString() };
}

/** Throws the error that the far side wrote instead of a batch. */
export function decodeBatch(body: unknown): WatchBatch {
  const json = object(body);
  if (json.kind === 'error') {
    throw decodeError(json);
  }
  const rev = revision(json.rev);
  switch (json.kind) {
    case 'events':
      return { kind: 'events', rev, events: array(json.events).map(decodeEvent) };
    case 'progress':
    case 'compacted':
      return { kind: json.kind, rev };
    default:
      throw malformed();
  }
}

export function encodeError({ fault, message, retryAfterMs }: RegistryError): Json {
  return { error: { fault, message, retryAfterMs } };
}

export function decodeError(body: unknown): RegistryError {
  const json = object(object(body).error);
  const fault = faults.find((known) => known === json.fault);
  if (fault === undefined) {
    throw malformed();
  }
  const retry = typeof json.retryAfterMs === 'number' ? { retryAfterMs: json.retryAfterMs } : {};
  return new RegistryError(fault, string(json.message), retry);
}

const faults: readonly RegistryFault[] = [
  'invalid',
  'lease-not-found',
  'full',
  'fresh-start',
  'unavailable',
  'refused',
  'closed',
];

export const faultStatus: Readonly<Record<RegistryFault, number>> = {
  invalid: 400,
  refused: 403,
  'lease-not-found': 404,
  full: 507,
  'fresh-start': 503,
  unavailable: 503,
  closed: 503,
};

function encodeEvent(event: RegistryEvent): Json {
  return event.kind === 'put'
    ? { kind: 'put', kv: encodeKeyValue(event.kv) }
    : { kind: 'delete', key: event.key, modRev: event.modRev.toString() };
}

function decodeEvent(body: unknown): RegistryEvent {
  const json = object(body);
  if (json.kind === 'put') {
    return { kind: 'put', kv: decodeKeyValue(json.kv) };
  }
  if (json.kind === 'delete') {
    return { kind: 'delete', key: string(json.key), modRev: revision(json.modRev) };
  }
  throw malformed();
}

function decodeCompare(body: unknown): Compare {
  const json = object(body);
  switch (json.kind) {
    case 'absent':
    case 'present':
      return { kind: json.kind, key: string(json.key) };
    case 'mod-revision':
      return { kind: 'mod-revision', key: string(json.key), modRev: revision(json.modRev) };
    default:
      throw malformed();
  }
}

function decodeOperation(body: unknown): Operation {
  const json = object(body);
  switch (json.kind) {
    case 'put': {
      const lease = json.lease === null ? null : string(json.lease);
      return { kind: 'put', key: string(json.key), value: string(json.value), lease };
    }
    case 'get':
    case 'delete':
      return { kind: json.kind, key: string(json.key) };
    case 'list':
      return { kind: 'list', prefix: string(json.prefix) };
    default:
      throw malformed();
  }
}

export function object(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed();
  }
  return Object.fromEntries(Object.entries(value));
}

export function string(value: unknown): string {
  if (typeof value !== 'string') {
    throw malformed();
  }
  return value;
}

export function number(value: unknown): number {
  if (typeof value !== 'number') {
    throw malformed();
  }
  return value;
}

export function revision(value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) {
    throw malformed();
  }
  return BigInt(value);
}

function array(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) {
    throw malformed();
  }
  return value;
}

/** The bytes are not of this protocol: the caller's fault at the server, a faulty server at the client. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

function malformed(): WireError {
  return new WireError('The message does not have the form of the registry protocol.');
}
