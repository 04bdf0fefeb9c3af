import { openApiDocument } from '@portico/api-contract/openapi';
import { collections } from '@portico/api-contract/public';
import fastify, { type FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import type { LiveState } from '../../live/live-state.ts';
import { OutageLog, sendFailure } from '../../plugins/failure.ts';
import { holdUntilReady, RequestGate } from '../../plugins/request-gate.ts';
import { resourcesFor, usePublicConventions } from './conventions.ts';
import { referencePaths, referenceRoutes } from './reference.ts';
import { resourceRoutes } from './resource-routes.ts';
import { withdrawnRoutes } from './withdrawn.ts';

const free = ['/healthz', '/openapi.json', ...referencePaths];

/** The REST API for people and scripts. It knows no internal route and reads no cookie. */
export function publicApp(
  context: ApiContext,
  live: LiveState,
  isReady: () => boolean,
  onRoute: (route: string) => void,
): FastifyInstance {
  // Behind the edge's https port the caller's address stands in a field that the edge has written anew.
  const { log, config } = context;
  const failures = { log, retryAfterSeconds: config.limits.retryAfterSeconds, outages: new OutageLog(log) };
  const app = fastify({
    // Paths that cannot be decoded, or are too long, would be answered in the framework's own shape.
    frameworkErrors: (error, request, reply) => sendFailure(error, request, reply, failures),
    trustProxy: 'loopback',
    bodyLimit: 1024 * 1024,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
  });
  app.addHook('onRoute', ({ method, url }) => {
    for (const verb of [method].flat()) if (verb !== 'HEAD') onRoute(`${verb} ${url}`);
  });
  new RequestGate(context.config.limits.requestsAtOnce).guard(app);
  holdUntilReady(app, isReady, (path) => free.includes(path));
  usePublicConventions(app, context, { open: free });
  app.get('/healthz', async (_request, reply) => reply.code(isReady() ? 200 : 503).send({ ready: isReady() }));
  app.get('/openapi.json', async (request, reply) => {
    const serverUrl = resourcesFor(request, context.config.publicOrigin).uri('');
    return reply
      .header('cache-control', 'public, max-age=300')
      .send(openApiDocument({ serverUrl, version: context.config.version }));
  });
  app.get('/', async (request) => {
    const resources = resourcesFor(request, context.config.publicOrigin);
    return {
      uri: resources.uri('/'),
      subresource_uris: Object.fromEntries(
        Object.values(collections).map(({ path }) => [path.slice(1), resources.uri(path)]),
      ),
    };
  });
  referenceRoutes(app);
  resourceRoutes(app, context, live);
  withdrawnRoutes(app, context);
  return app;
}
