import { collections } from '@portico/api-contract/public';
import {
  createVault,
  createVaultSecret,
  deleteVault,
  deleteVaultSecret,
  findVault,
  findVaultByName,
  findVaultSecret,
  listSecretsOfVault,
  listVaultSecrets,
  listVaults,
  updateVault,
  updateVaultSecret,
  type VaultRow,
  type VaultSecretRow,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { parseFilter } from '../../filters/filter.ts';
import type { ApiCaller } from '../../plugins/api-caller.ts';
import { type Call, collectionRoutes, filteredPage, idOf } from './collection-routes.ts';
import { callerOf, listBody, notFound, readPage, resourcesFor } from './conventions.ts';

/** `/vaults` and `/vault_secrets`. A value is sealed before it is stored, and never shown again. */
export function vaultRoutes(app: FastifyInstance, context: ApiContext): void {
  const { seals, database, config, now, changes } = context;
  const tell = ({ accountId }: { readonly accountId: string }): void =>
    changes.publish({ kind: 'account-changed', accountId });
  collectionRoutes(app, context, collections.vaults, {
    audited: 'vault',
    shape: (resources, row: VaultRow) => resources.vault(row),
    list: ({ queries, caller }, page) => listVaults(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findVault(queries, caller.accountId, id),
    create: async ({ queries, caller, at }, { name, description, metadata }) => ({
      row: await createVault(queries, caller.accountId, {
        id: newId('vault', at.getTime()),
        name,
        description: description ?? '',
        metadata: metadata ?? '',
        createdBy: principalOf(caller),
        lastUpdatedBy: principalOf(caller),
        createdAt: at,
        updatedAt: at,
      }),
    }),
    update: ({ queries, caller, at }, id, { name, description, metadata }) =>
      updateVault(queries, caller.accountId, id, {
        name: name ?? undefined,
        description: description ?? undefined,
        metadata: metadata ?? undefined,
        lastUpdatedBy: principalOf(caller),
        updatedAt: at,
      }),
    remove: ({ queries, caller }, id) => deleteVault(queries, caller.accountId, id),
    changed: (_what, row: VaultRow) => tell(row),
    faults: {
      conflict: () => new PorticoError(409, { reason: 'There is a vault of this name already' }),
      referenced: () => new PorticoError(409, { reason: 'The vault still holds secrets' }),
    },
  });

  collectionRoutes(app, context, collections.vaultSecrets, {
    audited: 'secret',
    shape: (resources, row: VaultSecretRow) => resources.vaultSecret(row),
    list: ({ queries, caller }, page) => listVaultSecrets(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findVaultSecret(queries, caller.accountId, id),
    create: async (call, { name, value, description, metadata, ...where }) => {
      const vault = await vaultFor(call, where);
      const id = newId('secret', call.at.getTime());
      const row = await createVaultSecret(call.queries, call.caller.accountId, {
        id,
        vaultId: vault.id,
        name,
        sealedValue: seals.seal('vault_secret', id, value),
        description: description ?? '',
        metadata: metadata ?? '',
        createdBy: principalOf(call.caller),
        lastUpdatedBy: principalOf(call.caller),
        createdAt: call.at,
        updatedAt: call.at,
      });
      return { row };
    },
    update: ({ queries, caller, at }, id, { name, value, description, metadata }) =>
      updateVaultSecret(queries, caller.accountId, id, {
        name: name ?? undefined,
        sealedValue: value === null || value === undefined ? undefined : seals.seal('vault_secret', id, value),
        description: description ?? undefined,
        metadata: metadata ?? undefined,
        lastUpdatedBy: principalOf(caller),
        updatedAt: at,
      }),
    remove: ({ queries, caller }, id) => deleteVaultSecret(queries, caller.accountId, id),
    changed: (_what, row: VaultSecretRow) => tell(row),
    faults: { conflict: () => new PorticoError(409, { reason: 'The vault has a secret of this name already' }) },
  });

  app.get<{ Params: { id: string } }>('/vaults/:id/secrets', async (request) => {
    const page = readPage(request);
    const { accountId } = callerOf(request);
    const id = idOf(request.params.id, 'vault');
    if ((await findVault(database.queries, accountId, id)) === null) throw notFound('vault', id);
    const resources = resourcesFor(request, config.publicOrigin);
    const { items, hasMore } = await filteredPage(
      (part) => listSecretsOfVault(database.queries, accountId, id, part),
      page,
      (text) => {
        const filter = parseFilter(text, collections.vaultSecrets.filterFields, now());
        return (row) => filter(resources.vaultSecret(row));
      },
    );
    return listBody(
      { resources, key: 'secrets', path: `/vaults/${id}/secrets`, page },
      { items: items.map((row) => resources.vaultSecret(row)), hasMore },
    );
  });
}

async function vaultFor(
  { queries, caller }: Call,
  where: { vault_id?: string | null | undefined; vault_name?: string | null | undefined },
): Promise<VaultRow> {
  const { vault_id: id, vault_name: name } = where;
  if (!id && !name) throw new PorticoError(215, { field: 'vault_id', reason: 'it is missing' });
  const vault = id
    ? await findVault(queries, caller.accountId, id)
    : await findVaultByName(queries, caller.accountId, name ?? '');
  if (vault === null) {
    throw new PorticoError(215, { field: id ? 'vault_id' : 'vault_name', reason: `there is no vault ${id || name}` });
  }
  return vault;
}

/** Who is written down as the author: the owner of the key, else the key. */
function principalOf({ ownerId, keyId }: ApiCaller): string {
  return ownerId ?? keyId;
}
