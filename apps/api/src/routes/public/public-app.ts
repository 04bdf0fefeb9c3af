import { openApiDocument } from '@portico/api-contract/openapi';
import { collections } from '@portico/api-contract/public';
import fastify, { type FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import type { LiveState } from '../../live/live-state.ts';
import { OutageLog, sendFailure } from '../../plugins/failure.ts';
import { holdUntilReady, RequestGate } from '../../plugins/request-gate.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { certificateRoutes } from './certificates.ts';
import { resourcesFor, usePublicConventions } from './conventions.ts';
import { credentialRoutes } from './credentials.ts';
import { eventRoutes } from './events.ts';
import { ipPolicyRoutes } from './ip-policies.ts';
import { liveRoutes } from './live-resources.ts';
import { recordRoutes } from './records.ts';
import { reservedAddrRoutes } from './reserved-addrs.ts';
import { reservedDomainRoutes } from './reserved-domains.ts';
import { serviceUserRoutes } from './service-users.ts';
import { vaultRoutes } from './vaults.ts';
import { withdrawnRoutes } from './withdrawn.ts';

const free = ['/healthz', '/openapi.json'];

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
  resourceRoutes(app, context, live);
  withdrawnRoutes(app, context);
  return app;
}

/** Everything that belongs to an account. Who calls has been settled. */
function resourceRoutes(app: FastifyInstance, context: ApiContext, live: LiveState): void {
  apiKeyRoutes(app, context);
  credentialRoutes(app, context);
  reservedDomainRoutes(app, context);
  reservedAddrRoutes(app, context);
  liveRoutes(app, context, live);
  certificateRoutes(app, context);
  ipPolicyRoutes(app, context);
  eventRoutes(app, context);
  vaultRoutes(app, context);
  serviceUserRoutes(app, context);
  recordRoutes(app, context);
}
