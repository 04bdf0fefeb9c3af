import { internalPaths } from '@portico/api-contract/internal';
import { REGISTRY_BODY_BYTES_MAX } from '@portico/registry';
import fastify, { type FastifyInstance } from 'fastify';
import type { EdgeCertificates } from '../../certificates/edge-certificates.ts';
import type { ApiContext } from '../../context.ts';
import { readBodiesAsBytes } from '../../plugins/json-input.ts';
import type { NodeCallers } from '../../plugins/node-caller.ts';
import { holdUntilReady, RequestGate } from '../../plugins/request-gate.ts';
import { type DashboardServices, dashboardRoutes } from '../dashboard/dashboard-routes.ts';
import { useFailures } from '../public/conventions.ts';
import { certificateRoutes } from './certificate-routes.ts';
import { type EdgeServices, edgeRoutes } from './edge-routes.ts';
import { visitorRoutes } from './visitor-routes.ts';

const withoutDatabase = ['/healthz', internalPaths.registry, internalPaths.changes, internalPaths.hello];

/** The listener of edges and the dashboard: loopback, each caller with a credential of its kind. */
export function internalApp(
  context: ApiContext,
  callers: NodeCallers,
  services: EdgeServices & DashboardServices & { readonly certificates: EdgeCertificates },
  isReady: () => boolean,
): FastifyInstance {
  const { limits } = context.config;
  const app = fastify({ bodyLimit: REGISTRY_BODY_BYTES_MAX, requestTimeout: 30_000, keepAliveTimeout: 65_000 });
  new RequestGate(limits.requestsAtOnce).guard(app);
  holdUntilReady(app, isReady, (path) => withoutDatabase.some((free) => path.startsWith(free)));
  readBodiesAsBytes(app);
  useFailures(app, { log: context.log, retryAfterSeconds: limits.retryAfterSeconds });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  app.get('/healthz', async (_request, reply) => reply.code(isReady() ? 200 : 503).send({ ready: isReady() }));
  app.register(async (edges) => {
    edges.addHook('onRequest', (request) => callers.authenticate(request.headers.authorization, 'edge'));
    edgeRoutes(edges, context, services);
    visitorRoutes(edges, context);
    certificateRoutes(edges, context, services.certificates);
  });
  app.register(async (dashboards) => {
    dashboards.addHook('onRequest', (request) => callers.authenticate(request.headers.authorization, 'dashboard'));
    dashboardRoutes(dashboards, context, services);
  });
  return app;
}
