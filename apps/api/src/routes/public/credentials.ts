import { ruleFault } from '@portico/api-contract/acl';
import { collections } from '@portico/api-contract/public';
import {
  type CredentialRow,
  createCredential,
  findCredential,
  listCredentials,
  revokeCredential,
  updateCredential,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import { digestOf } from '../../bootstrap/bootstrap.ts';
import type { ApiContext } from '../../context.ts';
import { makeToken, tokenPrefix } from '../../secrets/token.ts';
import { collectionRoutes } from './collection-routes.ts';
import { checkOwned, ownerFor } from './owner.ts';

/** `/credentials`: authtokens. Deleting one ends its sessions within seconds, and agents hear that it was revoked. */
export function credentialRoutes(app: FastifyInstance, context: ApiContext): void {
  const { hasher, changes } = context;
  collectionRoutes(app, context, collections.credentials, {
    audited: 'tunnel_credential',
    shape: (resources, row: CredentialRow) => resources.credential(row),
    list: ({ queries, caller }, page) => listCredentials(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findCredential(queries, caller.accountId, id),
    create: async ({ queries, caller, at }, body) => {
      checkRules(body.acl);
      const id = newId('cr', at.getTime());
      const token = makeToken('authtoken', id);
      const row = await createCredential(queries, caller.accountId, {
        id,
        ownerId: await ownerFor(queries, caller, body.owner_id),
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        acl: body.acl ?? [],
        tokenHash: hasher.hash(token),
        tokenDigest: digestOf(token),
        tokenPrefix: tokenPrefix(token),
        createdAt: at,
      });
      return { row, once: { token } };
    },
    update: async ({ queries, caller }, id, { description, metadata, acl }) => {
      checkRules(acl);
      const before = await findCredential(queries, caller.accountId, id);
      if (before !== null) checkOwned(caller, before);
      return updateCredential(queries, caller.accountId, id, {
        description: description ?? undefined,
        metadata: metadata ?? undefined,
        acl: acl ?? undefined,
      });
    },
    remove: async ({ queries, caller, at }, id) => {
      const before = await findCredential(queries, caller.accountId, id);
      if (before !== null) checkOwned(caller, before);
      return revokeCredential(queries, caller.accountId, id, at);
    },
    changed: (what, { id }) => {
      if (what === 'updated') changes.publish({ kind: 'grant-changed', credentialId: id });
      if (what === 'deleted') changes.publish({ kind: 'grant-revoked', credentialId: id });
    },
  });
}

function checkRules(acl: readonly string[] | null | undefined): void {
  for (const rule of acl ?? []) {
    const fault = ruleFault(rule);
    if (fault !== null) throw new PorticoError(215, { field: 'acl', reason: fault });
  }
}
