import { credentialCreate, credentialUpdate } from '@portico/api-contract/public';
import { createCredential, findCredential, listCredentials, revokeCredential, updateCredential } from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import { ruleFault } from '../../binds/acl.ts';
import { digestOf } from '../../bootstrap/bootstrap.ts';
import type { ApiContext } from '../../context.ts';
import { readBody } from '../../plugins/json-input.ts';
import { makeToken, tokenPrefix } from '../../secrets/token.ts';
import { callerOf, listBody, notFound, readPage, resourcesFor, sendDone } from './conventions.ts';
import { ownerFor } from './owner.ts';

type ById = { Params: { id: string } };

/** `/credentials`: authtokens. Deleting one ends its sessions within seconds, and agents hear that it was revoked. */
export function credentialRoutes(app: FastifyInstance, context: ApiContext): void {
  const { database, hasher, changes, config, now } = context;
  const { queries } = database;

  app.post('/credentials', async (request, reply) => {
    const caller = callerOf(request);
    const body = readBody(request, credentialCreate);
    checkRules(body.acl);
    const id = newId('cr', now().getTime());
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
      createdAt: now(),
    });
    return reply.code(201).send(resourcesFor(request, config.publicOrigin).credential(row, token));
  });

  app.get('/credentials', async (request) => {
    const page = readPage(request);
    const resources = resourcesFor(request, config.publicOrigin);
    const { items, hasMore } = await listCredentials(queries, callerOf(request).accountId, page);
    return listBody(
      { resources, key: 'credentials', path: '/credentials', page },
      { items: items.map((row) => resources.credential(row)), hasMore },
    );
  });

  app.get<ById>('/credentials/:id', async (request) => {
    const { id } = request.params;
    const row = await findCredential(queries, callerOf(request).accountId, id);
    if (row === null) throw notFound('credential', id);
    return resourcesFor(request, config.publicOrigin).credential(row);
  });

  app.patch<ById>('/credentials/:id', async (request) => {
    const { id } = request.params;
    const body = readBody(request, credentialUpdate);
    checkRules(body.acl);
    const row = await updateCredential(queries, callerOf(request).accountId, id, {
      description: body.description ?? undefined,
      metadata: body.metadata ?? undefined,
      acl: body.acl ?? undefined,
    });
    if (row === null) throw notFound('credential', id);
    changes.publish({ kind: 'grant-changed', credentialId: id });
    return resourcesFor(request, config.publicOrigin).credential(row);
  });

  app.delete<ById>('/credentials/:id', async (request, reply) => {
    const { id } = request.params;
    if (!(await revokeCredential(queries, callerOf(request).accountId, id, now()))) throw notFound('credential', id);
    // Only after it is committed: an edge that asks now must hear the same.
    changes.publish({ kind: 'grant-revoked', credentialId: id });
    return sendDone(request, reply);
  });
}

function checkRules(acl: readonly string[] | null | undefined): void {
  for (const rule of acl ?? []) {
    const fault = ruleFault(rule);
    if (fault !== null) throw new PorticoError(215, { field: 'acl', reason: fault });
  }
}
