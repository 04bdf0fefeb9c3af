import { collections } from '@portico/api-contract/public';
import {
  createServiceUser,
  deleteServiceUser,
  findServiceUser,
  listServiceUsers,
  type ServiceUserRow,
  touchCredentialsOf,
  updateServiceUser,
} from '@portico/db';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { collectionRoutes } from './collection-routes.ts';

/** `/service_users`, and `/bot_users` as it was once called. */
export function serviceUserRoutes(app: FastifyInstance, context: ApiContext): void {
  const { changes } = context;
  const revoked = (credentialIds: readonly string[]): void => {
    for (const credentialId of credentialIds) changes.publish({ kind: 'grant-revoked', credentialId });
  };
  for (const [name, prefix] of [
    ['serviceUsers', 'service'],
    ['botUsers', 'bot'],
  ] as const) {
    /** Authtokens that work no more, from the change to its end. */
    const gone = new WeakMap<ServiceUserRow, readonly string[]>();
    collectionRoutes(app, context, collections[name], {
      audited: 'service_user',
      shape: (resources, row: ServiceUserRow) =>
        resources.serviceUser(row, prefix === 'bot' ? 'bot_users' : 'service_users'),
      list: ({ queries, caller }, page) => listServiceUsers(queries, caller.accountId, page),
      find: ({ queries, caller }, id) => findServiceUser(queries, caller.accountId, id),
      create: async ({ queries, caller, at }, body) => ({
        row: await createServiceUser(queries, caller.accountId, {
          id: newId(prefix, at.getTime()),
          name: body.name,
          active: body.active ?? true,
          createdAt: at,
        }),
      }),
      update: async ({ queries, caller }, id, body) => {
        const row = await updateServiceUser(queries, caller.accountId, id, {
          name: body.name ?? undefined,
          active: body.active ?? undefined,
        });
        if (row !== null && body.active === false)
          gone.set(row, await touchCredentialsOf(queries, caller.accountId, id));
        return row;
      },
      remove: async ({ queries, caller, at }, id, before) => {
        const credentialIds = await deleteServiceUser(queries, caller.accountId, id, at);
        if (credentialIds !== null) gone.set(before, credentialIds);
        return credentialIds !== null;
      },
      changed: (_what, row) => revoked(gone.get(row) ?? []),
    });
  }
}
