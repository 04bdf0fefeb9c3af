import { ruleFault } from '@portico/api-contract/acl';
import { collections } from '@portico/api-contract/public';
import {
  type AppSessionRow,
  type AppUserRow,
  createPersonalAccessToken,
  createSshCredential,
  deleteAppUser,
  deletePersonalAccessToken,
  deleteSshCredential,
  endAppSession,
  findAppSession,
  findAppUser,
  findPersonalAccessToken,
  findSshCredential,
  listAppSessions,
  listAppUsers,
  listPersonalAccessTokens,
  listSshCredentials,
  type PersonalAccessTokenRow,
  revokePersonalAccessToken,
  type SshCredentialRow,
  type TokenOwner,
  updatePersonalAccessToken,
  updateSshCredential,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import { recordChange } from '../../audit/audit-log.ts';
import type { ApiContext } from '../../context.ts';
import type { ApiCaller } from '../../plugins/api-caller.ts';
import { makeToken, tokenPrefix } from '../../secrets/token.ts';
import { actorOf, changeWith, collectionRoutes, idOf } from './collection-routes.ts';
import { notFound, resourcesFor } from './conventions.ts';
import { checkOwned, ownerFor } from './owner.ts';
import { sshKeyFault } from './ssh-public-key.ts';

/** What people have of their own, and the visitors who signed in at the account's endpoints. */
export function peopleRoutes(app: FastifyInstance, context: ApiContext): void {
  personalAccessTokenRoutes(app, context);
  sshCredentialRoutes(app, context);
  applicationRoutes(app, context);
}

/** Each person has their own; keys of machines have none. */
function personalAccessTokenRoutes(app: FastifyInstance, context: ApiContext): void {
  const { hasher, config } = context;
  const { path, noun } = collections.personalAccessTokens;
  collectionRoutes(app, context, collections.personalAccessTokens, {
    audited: 'personal_access_token',
    shape: (resources, row: PersonalAccessTokenRow) => resources.personalAccessToken(row),
    list: async ({ queries, caller }, page) => {
      const owner = personOf(caller);
      return owner === null ? { items: [], hasMore: false } : listPersonalAccessTokens(queries, owner, page);
    },
    find: async ({ queries, caller }, id) => {
      const owner = personOf(caller);
      return owner === null ? null : findPersonalAccessToken(queries, owner, id);
    },
    create: async ({ queries, caller, at }, body) => {
      const owner = personOf(caller);
      if (owner === null) throw new PorticoError(4006, { role: caller.rights.role });
      const expiresAt = body.expires_at ? new Date(body.expires_at) : null;
      if (expiresAt !== null && (expiresAt <= at || expiresAt.getUTCFullYear() > 2200)) {
        throw new PorticoError(215, { field: 'expires_at', reason: 'it is not in the future' });
      }
      const id = newId('pt', at.getTime());
      const token = makeToken('personal', id);
      const row = await createPersonalAccessToken(queries, owner, {
        id,
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        tokenHash: hasher.hash(token),
        tokenPrefix: tokenPrefix(token),
        expiresAt,
        createdAt: at,
      });
      return { row, once: { token } };
    },
    update: async ({ queries, caller }, id, { description, metadata }) => {
      const owner = personOf(caller);
      const changes = { description: description ?? undefined, metadata: metadata ?? undefined };
      return owner === null ? null : updatePersonalAccessToken(queries, owner, id, changes);
    },
    remove: async ({ queries, caller }, id) => {
      const owner = personOf(caller);
      return owner !== null && deletePersonalAccessToken(queries, owner, id);
    },
  });

  app.post<{ Params: { id: string } }>(`${path}/:id/revoke`, async (request) => {
    const id = idOf(request.params.id, noun);
    const resources = resourcesFor(request, config.publicOrigin);
    const row = await changeWith(
      context,
      request,
      async ({ queries, caller, at }) => {
        const owner = personOf(caller);
        const before = owner === null ? null : await findPersonalAccessToken(queries, owner, id);
        const after = owner === null ? null : await revokePersonalAccessToken(queries, owner, id, at);
        if (before === null || after === null) throw notFound(noun, id);
        const states = { before: resources.personalAccessToken(before), after: resources.personalAccessToken(after) };
        const change = { object: 'personal_access_token', what: 'updated', objectId: id, ...states } as const;
        await recordChange(queries, actorOf(request), change, at);
        return after;
      },
      { noun },
    );
    return resources.personalAccessToken(row);
  });
}

function personOf({ accountId, ownerId }: ApiCaller): TokenOwner | null {
  return ownerId?.startsWith('usr_') ? { accountId, userId: ownerId } : null;
}

function sshCredentialRoutes(app: FastifyInstance, context: ApiContext): void {
  collectionRoutes(app, context, collections.sshCredentials, {
    audited: 'ssh_public_key',
    shape: (resources, row: SshCredentialRow) => resources.sshCredential(row),
    list: ({ queries, caller }, page) => listSshCredentials(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findSshCredential(queries, caller.accountId, id),
    create: async ({ queries, caller, at }, body) => {
      checkRules(body.acl);
      const publicKey = body.public_key.trim();
      const fault = sshKeyFault(publicKey);
      if (fault !== null) throw new PorticoError(215, { field: 'public_key', reason: fault });
      const row = await createSshCredential(queries, caller.accountId, {
        id: newId('sshcr', at.getTime()),
        ownerId: await ownerFor(queries, caller, body.owner_id),
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        publicKey,
        acl: body.acl ?? [],
        createdAt: at,
      });
      return { row };
    },
    update: async ({ queries, caller }, id, { description, metadata, acl }) => {
      checkRules(acl);
      const before = await findSshCredential(queries, caller.accountId, id);
      if (before !== null) checkOwned(caller, before);
      return updateSshCredential(queries, caller.accountId, id, {
        description: description ?? undefined,
        metadata: metadata ?? undefined,
        acl: acl ?? undefined,
      });
    },
    remove: async ({ queries, caller }, id) => {
      const before = await findSshCredential(queries, caller.accountId, id);
      if (before !== null) checkOwned(caller, before);
      return deleteSshCredential(queries, caller.accountId, id);
    },
  });
}

/** Deleting signs out: edges hear at once, and ask again with each report. */
function applicationRoutes(app: FastifyInstance, context: ApiContext): void {
  const { changes } = context;
  const ended = new WeakMap<AppUserRow, readonly string[]>();
  collectionRoutes(app, context, collections.applicationUsers, {
    audited: 'application_user',
    shape: (resources, row: AppUserRow) => resources.applicationUser(row),
    list: ({ queries, caller }, page) => listAppUsers(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findAppUser(queries, caller.accountId, id),
    remove: async ({ queries, caller, at }, id, before) => {
      const sessions = await deleteAppUser(queries, caller.accountId, id, at);
      if (sessions !== null) ended.set(before, sessions);
      return sessions !== null;
    },
    changed: (what, row) => {
      const ids = ended.get(row) ?? [];
      if (what === 'deleted' && ids.length > 0) changes.publish({ kind: 'visitors-signed-out', sessionIds: [...ids] });
    },
  });
  collectionRoutes(app, context, collections.applicationSessions, {
    audited: 'application_session',
    shape: (resources, row: AppSessionRow) => resources.applicationSession(row),
    list: ({ queries, caller, at }, page) => listAppSessions(queries, caller.accountId, page, at),
    find: ({ queries, caller, at }, id) => findAppSession(queries, caller.accountId, id, at),
    remove: ({ queries, caller, at }, id) => endAppSession(queries, caller.accountId, id, at),
    changed: (what, { id }) => {
      if (what === 'deleted') changes.publish({ kind: 'visitors-signed-out', sessionIds: [id] });
    },
  });
}

function checkRules(acl: readonly string[] | null | undefined): void {
  for (const rule of acl ?? []) {
    const fault = ruleFault(rule);
    if (fault !== null) throw new PorticoError(215, { field: 'acl', reason: fault });
  }
}
