import { collections } from '@portico/api-contract/public';
import { type ApiKeyRow, createApiKey, findApiKey, listApiKeys, revokeApiKey, updateApiKey } from '@portico/db';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { makeToken, tokenPrefix } from '../../secrets/token.ts';
import { collectionRoutes } from './collection-routes.ts';
import { ownerFor } from './owner.ts';

/** `/api_keys`: what scripts call this API with. */
export function apiKeyRoutes(app: FastifyInstance, context: ApiContext): void {
  const { hasher } = context;
  collectionRoutes(app, context, collections.apiKeys, {
    audited: 'api_key',
    shape: (resources, row: ApiKeyRow) => resources.apiKey(row),
    list: ({ queries, caller }, page) => listApiKeys(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findApiKey(queries, caller.accountId, id),
    create: async ({ queries, caller, at }, body) => {
      const id = newId('ak', at.getTime());
      const key = makeToken('api-key', id);
      const row = await createApiKey(queries, caller.accountId, {
        id,
        ownerId: await ownerFor(queries, caller, body.owner_id),
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        keyHash: hasher.hash(key),
        keyPrefix: tokenPrefix(key),
        createdAt: at,
      });
      return { row, once: { token: key } };
    },
    update: ({ queries, caller }, id, { description, metadata }) =>
      updateApiKey(queries, caller.accountId, id, {
        description: description ?? undefined,
        metadata: metadata ?? undefined,
      }),
    remove: ({ queries, caller, at }, id) => revokeApiKey(queries, caller.accountId, id, at),
  });
}
