import type { ServerResponse } from 'node:http';
import type { EmbeddedRegistry } from './embedded-registry.ts';
import { RegistryError } from './registry-error.ts';
import { checkPrefix } from './transaction-check.ts';
import {
  decodeTransaction,
  encodeBatch,
  encodeError,
  encodeKeyValue,
  encodeListing,
  encodeResult,
  faultStatus,
  number,
  object,
  revision,
  string,
  WATCH_PING_MS,
  WireError,
} from './wire.ts';

export interface RegistryAnswer {
  readonly status: number;
  /** To be sent as JSON. */
  readonly body: object;
}

/**
 * Answers one call of a RemoteRegistry: `operation` is the last part of the path, `body` the parsed JSON. The caller
 * has checked the credential. Never rejects for what the sender did wrong.
 */
export async function handleRegistryRequest(
  registry: EmbeddedRegistry,
  operation: string,
  body: unknown,
): Promise<RegistryAnswer> {
  try {
    return { status: 200, body: await perform(registry, operation, body) };
  } catch (error) {
    const refusal = refusalOf(error);
    return { status: faultStatus[refusal.fault], body: encodeError(refusal) };
  }
}

/** What the sender is told; an error of ours is thrown on. */
function refusalOf(error: unknown): RegistryError {
  if (error instanceof RegistryError) {
    // It is not the sender's client that was closed; another engine will be here soon.
    return error.fault === 'closed' ? new RegistryError('unavailable', 'The registry is stopping.') : error;
  }
  if (error instanceof WireError) {
    return new RegistryError('invalid', error.message);
  }
  throw error;
}

async function perform(registry: EmbeddedRegistry, operation: string, body: unknown): Promise<object> {
  const json = object(body);
  switch (operation) {
    case 'get': {
      const kv = await registry.get(string(json.key));
      return { kv: kv === null ? null : encodeKeyValue(kv), rev: registry.status().rev.toString() };
    }
    case 'list':
      return encodeListing(await registry.list(string(json.prefix)));
    case 'txn':
      return encodeResult(await registry.txn(decodeTransaction(body)));
    case 'lease':
      return { id: registry.grantLease(number(json.ttlS)) };
    case 'keepalive':
      return { known: registry.renewLease(string(json.id)) };
    case 'revoke':
      registry.revokeLease(string(json.id));
      return {};
    default:
      throw new RegistryError('invalid', `The registry has no operation ${JSON.stringify(operation.slice(0, 40))}.`);
  }
}

/** A watcher who does not read for so long is cut off; he comes back and goes on where he was. */
const STALLED_MS = 30_000;

/**
 * Writes a watch as the answer to `GET …/watch`, and returns when it is over. `query` needs `from`; `prefix` is empty
 * by default and `progress` a number of ms. Waits for a slow reader instead of queueing for it.
 */
export async function writeRegistryWatch(
  registry: EmbeddedRegistry,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  let fromRev: bigint;
  const prefix = query.get('prefix') ?? '';
  try {
    fromRev = revision(query.get('from'));
    checkPrefix(prefix);
  } catch (error) {
    const refusal = refusalOf(error);
    response.writeHead(faultStatus[refusal.fault], { 'content-type': 'application/json' });
    response.end(JSON.stringify(encodeError(refusal)));
    return;
  }
  const wanted = Number(query.get('progress') ?? WATCH_PING_MS);
  const progressMs = wanted >= 10 && wanted < WATCH_PING_MS ? wanted : WATCH_PING_MS;

  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.on('error', () => gone.abort());
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  response.flushHeaders();
  try {
    for await (const batch of registry.watch(prefix, fromRev, { signal: gone.signal, progressMs })) {
      if (!response.write(`${JSON.stringify(encodeBatch(batch))}\n`) && !(await drained(response))) {
        response.destroy();
        return;
      }
    }
  } catch (error) {
    if (!(error instanceof RegistryError)) {
      response.destroy();
      throw error;
    }
    response.write(`${JSON.stringify({ kind: 'error', ...encodeError(refusalOf(error)) })}\n`);
  }
  response.end();
}

function drained(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (outcome: boolean) => (): void => {
      clearTimeout(timer);
      response.off('drain', onDrain);
      response.off('close', onClose);
      resolve(outcome);
    };
    const onDrain = done(true);
    const onClose = done(false);
    const timer = setTimeout(done(false), STALLED_MS).unref();
    response.once('drain', onDrain);
    response.once('close', onClose);
    if (response.destroyed) {
      onClose();
    }
  });
}
