import fastify, { type FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import type { LiveState } from '../../live/live-state.ts';
import { holdUntilReady, RequestGate } from '../../plugins/request-gate.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { resourcesFor, usePublicConventions } from './conventions.ts';
import { credentialRoutes } from './credentials.ts';
import { liveRoutes } from './live-resources.ts';
import { reservedDomainRoutes } from './reserved-domains.ts';

const collections = ['api_keys', 'credentials', 'endpoints', 'reserved_domains', 'tunnel_sessions', 'tunnels'];

/** The REST API for people and scripts. It knows no internal route and reads no cookie. */
export function publicApp(
  context: ApiContext,
  live: LiveState,
  isReady: () => boolean,
  onRoute: (route: string) => void,
): FastifyInstance {
  // Behind the edge's https port the caller's address stands in a field that the edge has written anew.
  const app = fastify({
    trustProxy: 'loopback',
    bodyLimit: 1024 * 1024,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
  });
  app.addHook('onRoute', ({ method, url }) => {
    for (const verb of [method].flat()) if (verb !== 'HEAD') onRoute(`${verb} ${url}`);
  });
  new RequestGate(context.config.limits.requestsAtOnce).guard(app);
  holdUntilReady(app, isReady, (path) => path === '/healthz');
  usePublicConventions(app, context, { open: ['/healthz'] });
  app.get('/healthz', async (_request, reply) => reply.code(isReady() ? 200 : 503).send({ ready: isReady() }));
  app.get('/', async (request) => {
    const resources = resourcesFor(request, context.config.publicOrigin);
    return {
      uri: resources.uri('/'),
      subresource_uris: Object.fromEntries(collections.map((name) => [name, resources.uri(`/${name}`)])),
    };
  });
  credentialRoutes(app, context);
  apiKeyRoutes(app, context);
  reservedDomainRoutes(app, context);
  liveRoutes(app, context, live);
  return app;
}
