import type { Page, PageRequest } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { Logger } from '@portico/service';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { demand, permissionFor } from '../../memberships/permissions.ts';
import { type ApiCaller, authenticate } from '../../plugins/api-caller.ts';
import { OutageLog, operationId, sendFailure } from '../../plugins/failure.ts';
import { readBodiesAsBytes, readQuery } from '../../plugins/json-input.ts';
import { RateLimiter } from '../../plugins/rate-limiter.ts';
import { Resources } from './resources.ts';

const callers = new WeakMap<FastifyRequest, ApiCaller>();

/** Settles who calls, and that they may, before the route runs. 4006 when their role does not allow it. */
export function setCaller(request: FastifyRequest, caller: ApiCaller): void {
  callers.set(request, caller);
  const path = request.routeOptions.url?.replace(/^\/dashboard\/v1\/api/, '');
  const permission = path === undefined ? null : permissionFor(request.method, path);
  if (permission !== null) demand(caller.rights, permission);
}

/** Who calls; set for every route but the open ones. */
export function callerOf(request: FastifyRequest): ApiCaller {
  const caller = callers.get(request);
  if (caller === undefined) throw new Error(`${request.url} has no caller`);
  return caller;
}

/**
 * What all public routes share: the version field, the API key, the rate, CORS without credentials, one shape of
 * failures. `open` are the paths that need no key.
 */
export function usePublicConventions(
  app: FastifyInstance,
  context: ApiContext,
  { open, nowMs = () => performance.now() }: { open: readonly string[]; nowMs?: () => number },
): void {
  const { log, config } = context;
  const limiter = new RateLimiter({ limit: config.limits.requestsAMinute });
  readBodiesAsBytes(app);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('ngrok-operation-id', operationId(request)).header('cache-control', 'no-store');
    const { origin } = request.headers;
    if (origin !== undefined) {
      // Echoed, without credentials: no cookie is ever read here.
      reply.header('access-control-allow-origin', origin).header('vary', 'origin');
    }
    if (request.method === 'OPTIONS') return preflight(reply);
    if (open.includes(request.url.replace(/\?.*$/, ''))) return;
    const version = request.headers['ngrok-version'];
    if (version !== undefined && version !== '2') throw new PorticoError(217, { version: String(version) });
    const caller = await authenticate(context, request.headers, request.ip);
    setCaller(request, caller);
    const seconds = limiter.take(caller.keyId, nowMs());
    if (seconds !== null) throw new PorticoError(226, { limit: config.limits.requestsAMinute, seconds });
  });
  useFailures(app, { log, retryAfterSeconds: config.limits.retryAfterSeconds });
}

export function useFailures(
  app: FastifyInstance,
  { log, retryAfterSeconds }: { log: Logger; retryAfterSeconds: number },
): void {
  const options = { log, retryAfterSeconds, outages: new OutageLog(log) };
  app.setErrorHandler((error, request, reply) => sendFailure(error, request, reply, options));
  app.setNotFoundHandler((request, reply) =>
    sendFailure(
      new PorticoError(404, { what: 'route', id: request.url.replace(/\?.*$/, '').slice(0, 200) }),
      request,
      reply,
      options,
    ),
  );
}

function preflight(reply: FastifyReply): FastifyReply {
  return reply
    .header('access-control-allow-methods', 'GET, POST, PATCH, PUT, DELETE')
    .header('access-control-allow-headers', 'authorization, content-type, ngrok-version, idempotency-key')
    .header('access-control-max-age', '600')
    .code(204)
    .send();
}

/** The API as this caller reaches it: clients follow its URLs word for word. */
export function resourcesFor(request: FastifyRequest, publicOrigin: string | null): Resources {
  if (publicOrigin !== null) return new Resources(publicOrigin);
  const host = request.headers.host ?? '';
  return new Resources(/^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? `http://${host}` : '');
}

export interface ListRequest extends PageRequest {
  readonly filter: string | null;
}

/** 233 a limit out of range · 215 no id. */
export function readPage(request: FastifyRequest): ListRequest {
  const query = readQuery(request, ['limit', 'before_id', 'beforeId', 'filter']);
  const filter = query.get('filter') ?? '';
  return { ...readPageOf(query), filter: filter.trim() === '' ? null : filter };
}

/** The same of a query that has more in it. */
export function readPageOf(query: ReadonlyMap<string, string>): PageRequest {
  const text = query.get('limit') ?? '';
  const limit = text === '' ? 100 : Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) throw new PorticoError(233, { value: text });
  // One client library sends it in camel case, and would read the first page for ever.
  const beforeId = query.get('before_id') ?? query.get('beforeId') ?? '';
  if (!/^[\w.-]{0,128}$/.test(beforeId)) throw new PorticoError(215, { field: 'before_id', reason: 'it is not an id' });
  return { limit, beforeId: beforeId === '' ? null : beforeId };
}

/** A list as clients read it. An empty page never has a next one. */
export function listBody<K extends string, R extends { id: string }>(
  { resources, key, path, page }: { resources: Resources; key: K; path: string; page: ListRequest },
  { items, hasMore }: Page<R>,
) {
  const last = items.at(-1);
  const filter = page.filter === null ? '' : `&filter=${encodeURIComponent(page.filter)}`;
  const next = hasMore && last !== undefined ? `${path}?before_id=${last.id}&limit=${page.limit}${filter}` : null;
  return {
    [key]: items,
    uri: resources.uri(path),
    next_page_uri: next === null ? null : resources.uri(next),
  };
}

/** The same for what is in memory: newest first by id. */
export function pageOf<T>(items: readonly T[], id: (item: T) => string, page: PageRequest): Page<T> {
  const sorted = [...items].sort((a, b) => (id(a) < id(b) ? 1 : -1));
  const rest = sorted.filter((item) => page.beforeId === null || id(item) < page.beforeId);
  return { items: rest.slice(0, page.limit), hasMore: rest.length > page.limit };
}

/** Done, nothing to say. One client library reads JSON from every success. */
export function sendDone(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const wantsJson = String(request.headers['user-agent'] ?? '').startsWith('ngrok-api-typescript/');
  return wantsJson ? reply.code(200).send({}) : reply.code(204).send();
}

export function notFound(what: string, id: string): PorticoError {
  return new PorticoError(404, { what, id: id.slice(0, 200) });
}
