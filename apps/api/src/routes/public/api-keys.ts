import { apiKeyCreate, apiKeyUpdate } from '@portico/api-contract/public';
import { createApiKey, findApiKey, listApiKeys, revokeApiKey, updateApiKey } from '@portico/db';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { readBody } from '../../plugins/json-input.ts';
import { makeToken, tokenPrefix } from '../../secrets/token.ts';
import { callerOf, listBody, notFound, readPage, resourcesFor, sendDone } from './conventions.ts';
import { ownerFor } from './owner.ts';

type ById = { Params: { id: string } };

/** `/api_keys`: what scripts call this API with. */
export function apiKeyRoutes(app: FastifyInstance, context: ApiContext): void {
  const { database, hasher, config, now } = context;
  const { queries } = database;

  app.post('/api_keys', async (request, reply) => {
    const caller = callerOf(request);
    const body = readBody(request, apiKeyCreate);
    const id = newId('ak', now().getTime());
    const key = makeToken('api-key', id);
    const row = await createApiKey(queries, caller.accountId, {
      id,
      ownerId: await ownerFor(queries, caller, body.owner_id),
      description: body.description ?? '',
      metadata: body.metadata ?? '',
      keyHash: hasher.hash(key),
      keyPrefix: tokenPrefix(key),
      createdAt: now(),
    });
    return reply.code(201).send(resourcesFor(request, config.publicOrigin).apiKey(row, key));
  });

  app.get('/api_keys', async (request) => {
    const page = readPage(request);
    const resources = resourcesFor(request, config.publicOrigin);
    const { items, hasMore } = await listApiKeys(queries, callerOf(request).accountId, page);
    return listBody(
      { resources, key: 'keys', path: '/api_keys', page },
      { items: items.map((row) => resources.apiKey(row)), hasMore },
    );
  });

  app.get<ById>('/api_keys/:id', async (request) => {
    const { id } = request.params;
    const row = await findApiKey(queries, callerOf(request).accountId, id);
    if (row === null) throw notFound('API key', id);
    return resourcesFor(request, config.publicOrigin).apiKey(row);
  });

  app.patch<ById>('/api_keys/:id', async (request) => {
    const { id } = request.params;
    const body = readBody(request, apiKeyUpdate);
    const row = await updateApiKey(queries, callerOf(request).accountId, id, {
      description: body.description ?? undefined,
      metadata: body.metadata ?? undefined,
    });
    if (row === null) throw notFound('API key', id);
    return resourcesFor(request, config.publicOrigin).apiKey(row);
  });

  app.delete<ById>('/api_keys/:id', async (request, reply) => {
    const { id } = request.params;
    if (!(await revokeApiKey(queries, callerOf(request).accountId, id, now()))) throw notFound('API key', id);
    return sendDone(request, reply);
  });
}
