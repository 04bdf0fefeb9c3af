import { collections } from '@portico/api-contract/public';
import {
  countReservedDomains,
  findReservedDomain,
  findTlsCertificate,
  listReservedDomains,
  planOf,
  type ReservedDomainChanges,
  type ReservedDomainRow,
  updateReservedDomain,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { certificateCovers } from '@portico/pki';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { recordChange } from '../../audit/audit-log.ts';
import type { ApiContext } from '../../context.ts';
import { ResolveError } from '../../domains/domain-resolver.ts';
import { proofOf } from '../../domains/own-domain.ts';
import { isUnder } from '../../names/host-name.ts';
import { releaseDomain, reserveDomain } from '../../names/reserve-domain.ts';
import { actorOf, type Call, changeWith, collectionRoutes, idOf } from './collection-routes.ts';
import { callerOf, notFound, resourcesFor, sendDone } from './conventions.ts';
import type { Resources } from './resources.ts';

type ById = { Params: { id: string } };
type Create = NonNullable<typeof collections.reservedDomains.create>;
type Update = NonNullable<typeof collections.reservedDomains.update>;
type Policy = z.infer<Create>['certificate_management_policy'];

const { noun } = collections.reservedDomains;

/** `/reserved_domains`: names that an account keeps, their proof in DNS and their certificates. */
export function reservedDomainRoutes(app: FastifyInstance, context: ApiContext): void {
  const { changes, config, hasher, domains, database } = context;
  const { baseDomain } = config;
  const shape = (resources: Resources, row: ReservedDomainRow) =>
    resources.reservedDomain(
      row,
      isUnder(row.domain, baseDomain) ? null : proofOf({ hasher, baseDomain }, row.accountId, row.domain),
    );

  collectionRoutes<ReservedDomainRow, typeof collections.reservedDomains.resource, Create, Update>(
    app,
    context,
    collections.reservedDomains,
    {
      audited: 'domain',
      shape,
      list: ({ queries, caller }, page) => listReservedDomains(queries, caller.accountId, page),
      listBy: {
        domain: ({ queries, caller }, domain, page) => listReservedDomains(queries, caller.accountId, page, { domain }),
      },
      find: ({ queries, caller }, id) => findReservedDomain(queries, caller.accountId, id),
      create: async (call, body) => {
        const domain = body.domain ?? body.name ?? '';
        if (domain === '') throw new PorticoError(215, { field: 'domain', reason: 'it is missing' });
        const { queries, caller } = call;
        await checkPlan(call);
        const row = await reserveDomain(context, queries, caller.accountId, {
          domain,
          description: body.description ?? '',
          metadata: body.metadata ?? '',
        });
        const wanted = body.certificate_management_policy;
        const certificateId = await certificateFor(call, row, body.certificate_id);
        // Names of one's own get certificates without asking, where the server can obtain them.
        const isForeign = !isUnder(row.domain, baseDomain);
        const byItself = isForeign && certificateId === undefined && config.acme !== null ? {} : null;
        const fields = {
          ...(certificateId === undefined ? {} : { certificateId }),
          ...policyFields(row, wanted ?? byItself, certificateId ?? null),
        };
        if (Object.keys(fields).length === 0) return { row };
        return { row: (await updateReservedDomain(queries, row.accountId, row.id, fields)) ?? row };
      },
      update: async (call, id, body) => {
        const { queries, caller } = call;
        const before = await findReservedDomain(queries, caller.accountId, id);
        if (before === null) return null;
        const certificateId = await certificateFor(call, before, body.certificate_id);
        return updateReservedDomain(queries, caller.accountId, id, {
          description: body.description ?? undefined,
          metadata: body.metadata ?? undefined,
          ...policyFields(before, body.certificate_management_policy, certificateId ?? null),
          // One's own takes the place of those that the server obtains.
          ...(certificateId === undefined ? {} : { certificateId, ...(certificateId === null ? {} : noPolicy) }),
        });
      },
      remove: ({ queries, caller }, id) => releaseDomain(context, queries, caller.accountId, id),
      changed: (what, { domain, accountId }) => {
        if (what === 'updated') changes.publish({ kind: 'certificate-changed', host: domain });
        else
          changes.publish({ kind: 'domain-changed', host: domain, accountId: what === 'deleted' ? null : accountId });
        if (what !== 'deleted') void domains.sweep();
        context.certificates.wake();
      },
      faults: { conflict: () => new PorticoError(409, { reason: 'The domain is reserved already' }) },
    },
  );

  app.post<ById>('/reserved_domains/:id/check', async (request) => {
    const id = idOf(request.params.id, noun);
    const row = await findReservedDomain(database.queries, callerOf(request).accountId, id);
    if (row === null) throw notFound(noun, id);
    const resources = resourcesFor(request, config.publicOrigin);
    if (isUnder(row.domain, baseDomain)) return shape(resources, row);
    try {
      return shape(resources, await domains.check(row));
    } catch (error) {
      if (!(error instanceof ResolveError)) throw error;
      throw new PorticoError(517, { host: row.domain, reason: error.message }, { cause: error });
    }
  });

  const change = (request: FastifyRequest, text: string, fields: ReservedDomainChanges) =>
    changeWith(
      context,
      request,
      async ({ queries, caller, at }) => {
        const id = idOf(text, noun);
        const before = await findReservedDomain(queries, caller.accountId, id);
        const after = await updateReservedDomain(queries, caller.accountId, id, fields);
        if (before === null || after === null) throw notFound(noun, id);
        const resources = resourcesFor(request, config.publicOrigin);
        const states = { before: shape(resources, before), after: shape(resources, after) };
        const changed = { object: 'domain', what: 'updated', objectId: id, ...states } as const;
        await recordChange(queries, actorOf(request), changed, at);
        return after;
      },
      { noun },
    );

  app.delete<ById>('/reserved_domains/:id/certificate', async (request, reply) => {
    const { domain } = await change(request, request.params.id, { certificateId: null, renewsAt: null });
    changes.publish({ kind: 'certificate-changed', host: domain });
    context.certificates.wake();
    return sendDone(request, reply);
  });

  app.delete<ById>('/reserved_domains/:id/certificate_management_policy', async (request, reply) => {
    await change(request, request.params.id, noPolicy);
    return sendDone(request, reply);
  });

  async function checkPlan({ queries, caller }: Call): Promise<void> {
    const plan = await planOf(queries, caller.accountId);
    const limit = plan === null ? null : context.plans.of(plan).reservedDomains;
    if (limit === null || (await countReservedDomains(queries, caller.accountId)) < limit) return;
    throw new PorticoError(215, {
      field: 'domain',
      reason: `the plan of this account allows ${limit} reserved domains`,
    });
  }

  /** Null and absent: as it is. */
  function policyFields(row: ReservedDomainRow, policy: Policy, certificateId: string | null): ReservedDomainChanges {
    if (policy === null || policy === undefined) return {};
    const refused = (reason: string) => new PorticoError(215, { field: 'certificate_management_policy', reason });
    if (certificateId !== null) throw refused('a certificate of your own is attached with the same request');
    if (config.acme === null) {
      throw refused('the operator of this server has not set a certificate authority (PORTICO_ACME_DIRECTORY)');
    }
    if (isUnder(row.domain, baseDomain)) throw refused(`names under ${baseDomain} have their certificates already`);
    return {
      managementAuthority: policy.authority ?? 'letsencrypt',
      managementKeyType: policy.private_key_type ?? 'ecdsa',
      jobRetriesAt: null,
      jobFailures: 0,
    };
  }
}

/** Certificates are not obtained any more; the one at hand stays. */
const noPolicy: ReservedDomainChanges = {
  managementAuthority: null,
  managementKeyType: null,
  renewsAt: null,
  jobStartedAt: null,
  jobRetriesAt: null,
  jobFailures: 0,
  jobErrorCode: null,
  jobMessage: null,
};

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
