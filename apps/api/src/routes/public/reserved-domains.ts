import { reservedDomainCreate, reservedDomainUpdate } from '@portico/api-contract/public';
import { findReservedDomain, listReservedDomains, updateReservedDomain } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { releaseDomain, reserveDomain } from '../../names/reserve-domain.ts';
import { readBody } from '../../plugins/json-input.ts';
import { callerOf, listBody, notFound, readPage, resourcesFor, sendDone } from './conventions.ts';

type ById = { Params: { id: string } };

/** `/reserved_domains`: names that an account keeps. */
export function reservedDomainRoutes(app: FastifyInstance, context: ApiContext): void {
  const { config } = context;
  const { queries } = context.database;

  app.post('/reserved_domains', async (request, reply) => {
    const body = readBody(request, reservedDomainCreate);
    const domain = body.domain ?? body.name ?? '';
    if (domain === '') throw new PorticoError(215, { field: 'domain', reason: 'it is missing' });
    const row = await reserveDomain(context, callerOf(request).accountId, {
      domain,
      description: body.description ?? '',
      metadata: body.metadata ?? '',
    });
    return reply.code(201).send(resourcesFor(request, config.publicOrigin).reservedDomain(row));
  });

  app.get('/reserved_domains', async (request) => {
    const page = readPage(request);
    const resources = resourcesFor(request, config.publicOrigin);
    const { items, hasMore } = await listReservedDomains(queries, callerOf(request).accountId, page);
    return listBody(
      { resources, key: 'reserved_domains', path: '/reserved_domains', page },
      { items: items.map((row) => resources.reservedDomain(row)), hasMore },
    );
  });

  app.get<ById>('/reserved_domains/:id', async (request) => {
    const { id } = request.params;
    const row = await findReservedDomain(queries, callerOf(request).accountId, id);
    if (row === null) throw notFound('reserved domain', id);
    return resourcesFor(request, config.publicOrigin).reservedDomain(row);
  });

  app.patch<ById>('/reserved_domains/:id', async (request) => {
    const { id } = request.params;
    const body = readBody(request, reservedDomainUpdate);
    const row = await updateReservedDomain(queries, callerOf(request).accountId, id, {
      description: body.description ?? undefined,
      metadata: body.metadata ?? undefined,
    });
    if (row === null) throw notFound('reserved domain', id);
    return resourcesFor(request, config.publicOrigin).reservedDomain(row);
  });

  app.delete<ById>('/reserved_domains/:id', async (request, reply) => {
    const { id } = request.params;
    if (!(await releaseDomain(context, callerOf(request).accountId, id))) throw notFound('reserved domain', id);
    return sendDone(request, reply);
  });
}
