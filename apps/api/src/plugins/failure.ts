import { databaseFault } from '@portico/db';
import { errorName, PorticoError } from '@portico/errors';
import { type Logger, newId } from '@portico/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PasswordsBusyError } from '../secrets/password.ts';

/** What a caller is told: shape of the public REST API, used on all listeners. */
export interface FailureBody {
  readonly error_code: string;
  readonly status_code: number;
  readonly msg: string;
  readonly details: Readonly<Record<string, string>>;
}

const operationIds = new WeakMap<FastifyRequest, string>();

/** `op_…`: the same in the answer and in the log. */
export function operationId(request: FastifyRequest): string {
  const known = operationIds.get(request);
  if (known !== undefined) return known;
  const id = newId('op');
  operationIds.set(request, id);
  return id;
}

/** The API is up and its database is not prepared yet. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
}

export interface FailureOptions {
  readonly log: Logger;
  readonly retryAfterSeconds: number;
  readonly outages: OutageLog;
}

/** One line every few seconds of an outage, however many requests it meets. */
export class OutageLog {
  readonly #log: Logger;
  #lastMs = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  note(error: unknown): void {
    this.#unsaid += 1;
    const nowMs = performance.now();
    if (nowMs - this.#lastMs < 5_000) return;
    this.#log.warn({ err: error, requests: this.#unsaid }, 'requests are refused: the database does not serve them');
    this.#lastMs = nowMs;
    this.#unsaid = 0;
  }
}

/**
 * Answers with a failure. An outage is 503 with `retry-after`, an error of the catalogue is itself, a request that
 * fastify cannot read is 4xx, and anything else is our mistake: logged, and told without particulars.
 */
export function sendFailure(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { log, retryAfterSeconds, outages }: FailureOptions,
): void {
  const failure = asPorticoError(error, retryAfterSeconds, operationId(request));
  if (failure.code === 500) log.error({ err: error, operationId: operationId(request) }, 'a request failed');
  if (failure.code === 503) outages.note(error);
  const { seconds } = failure.details;
  if (seconds !== undefined) reply.header('retry-after', String(seconds));
  const status = statusOf(error) ?? failure.status;
  const body: FailureBody = {
    error_code: errorName(failure.code),
    status_code: status,
    msg: failure.message,
    details: { operation_id: operationId(request) },
  };
  reply.header('ngrok-operation-id', operationId(request)).header('cache-control', 'no-store').code(status).send(body);
}

function asPorticoError(error: unknown, seconds: number, id: string): PorticoError {
  if (error instanceof PorticoError) return error;
  if (error instanceof PasswordsBusyError) return new PorticoError(743, { reason: error.message, seconds });
  if (error instanceof NotReadyError || databaseFault(error) === 'unavailable') {
    return new PorticoError(503, { what: 'The database', seconds });
  }
  const status = statusOf(error);
  if (status === 413) return new PorticoError(215, { field: 'body', reason: 'it is larger than 1 MiB' });
  if (status !== null) return new PorticoError(400, { reason: error instanceof Error ? error.message : 'bad request' });
  return new PorticoError(500, { id });
}

/** Of errors by which fastify says that a request cannot be read. */
function statusOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('statusCode' in error) || !('code' in error)) return null;
  const { statusCode, code } = error;
  const ofFastify = typeof code === 'string' && code.startsWith('FST_');
  return ofFastify && typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : null;
}
