import { collections } from '@portico/api-contract/public';
import {
  findReservedDomain,
  findTlsCertificate,
  listReservedDomains,
  type ReservedDomainRow,
  updateReservedDomain,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { certificateCovers } from '@portico/pki';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { recordChange } from '../../audit/audit-log.ts';
import type { ApiContext } from '../../context.ts';
import { releaseDomain, reserveDomain } from '../../names/reserve-domain.ts';
import { actorOf, type Call, changeWith, collectionRoutes, idOf } from './collection-routes.ts';
import { notFound, resourcesFor, sendDone } from './conventions.ts';

type ById = { Params: { id: string } };

const noun = collections.reservedDomains.noun;

/** `/reserved_domains`: names that an account keeps. */
export function reservedDomainRoutes(app: FastifyInstance, context: ApiContext): void {
  const { changes, config } = context;
  collectionRoutes<ReservedDomainRow, typeof collections.reservedDomains.resource, Create, Update>(
    app,
    context,
    collections.reservedDomains,
    {
      audited: 'domain',
      shape: (resources, row) => resources.reservedDomain(row),
      list: ({ queries, caller }, page) => listReservedDomains(queries, caller.accountId, page),
      find: ({ queries, caller }, id) => findReservedDomain(queries, caller.accountId, id),
      create: async (call, body) => {
        const domain = body.domain ?? body.name ?? '';
        if (domain === '') throw new PorticoError(215, { field: 'domain', reason: 'it is missing' });
        const row = await reserveDomain(context, call.queries, call.caller.accountId, {
          domain,
          description: body.description ?? '',
          metadata: body.metadata ?? '',
        });
        const certificateId = await certificateFor(call, row, body.certificate_id);
        if (certificateId === undefined) return { row };
        return { row: (await updateReservedDomain(call.queries, row.accountId, row.id, { certificateId })) ?? row };
      },
      update: async (call, id, body) => {
        const { queries, caller } = call;
        const before = await findReservedDomain(queries, caller.accountId, id);
        if (before === null) return null;
        return updateReservedDomain(queries, caller.accountId, id, {
          description: body.description ?? undefined,
          metadata: body.metadata ?? undefined,
          certificateId: await certificateFor(call, before, body.certificate_id),
        });
      },
      remove: ({ queries, caller }, id) => releaseDomain(context, queries, caller.accountId, id),
      changed: (what, { domain, accountId }) =>
        changes.publish({ kind: 'domain-changed', host: domain, accountId: what === 'deleted' ? null : accountId }),
      faults: { conflict: () => new PorticoError(409, { reason: 'The domain is reserved already' }) },
    },
  );

  app.delete<ById>('/reserved_domains/:id/certificate', async (request, reply) => {
    const id = idOf(request.params.id, noun);
    await changeWith(context, request, (call) => detach(call, request, id), { noun });
    return sendDone(request, reply);
  });

  // No domain has such a policy yet, so there is nothing to end.
  app.delete<ById>('/reserved_domains/:id/certificate_management_policy', async (request, reply) => {
    const id = idOf(request.params.id, noun);
    const row = await changeWith(
      context,
      request,
      ({ queries, caller }) => findReservedDomain(queries, caller.accountId, id),
      { noun },
    );
    if (row === null) throw notFound(noun, id);
    return sendDone(request, reply);
  });

  async function detach({ queries, caller, at }: Call, request: FastifyRequest, id: string): Promise<void> {
    const before = await findReservedDomain(queries, caller.accountId, id);
    const after = await updateReservedDomain(queries, caller.accountId, id, { certificateId: null });
    if (before === null || after === null) throw notFound(noun, id);
    const resources = resourcesFor(request, config.publicOrigin);
    const shown = { before: resources.reservedDomain(before), after: resources.reservedDomain(after) };
    await recordChange(queries, actorOf(request), { object: 'domain', what: 'updated', objectId: id, ...shown }, at);
  }
}

type Create = NonNullable<typeof collections.reservedDomains.create>;
type Update = NonNullable<typeof collections.reservedDomains.update>;

/** Undefined: stays as it is; null: none. 215 when there is no such certificate, or it is for other names. */
async function certificateFor(
  { queries, caller }: Call,
  row: ReservedDomainRow,
  wanted: string | null | undefined,
): Promise<string | null | undefined> {
  if (wanted === null || wanted === undefined) return undefined;
  if (wanted === '') return null;
  const certificate = await findTlsCertificate(queries, caller.accountId, wanted);
  const refused = (reason: string) => new PorticoError(215, { field: 'certificate_id', reason });
  if (certificate === null) throw refused(`there is no TLS certificate ${wanted}`);
  if (!certificateCovers(certificate.certificatePem, row.domain)) throw refused(`it is not for ${row.domain}`);
  return wanted;
}
