import type { Queries } from '../database.ts';
import type { AcmeAccount, ReservedDomain } from '../generated/client.ts';

export type AcmeAccountRow = AcmeAccount;

export function findAcmeAccount(db: Queries, directoryUrl: string): Promise<AcmeAccountRow | null> {
  return db.acmeAccount.findUnique({ where: { directoryUrl } });
}

/** The first one stays, if two processes made one each. */
export async function saveAcmeAccount(
  db: Queries,
  fields: { directoryUrl: string; sealedKey: string; accountUrl: string; createdAt: Date },
): Promise<void> {
  await db.acmeAccount.createMany({ data: [fields], skipDuplicates: true });
}

/**
 * Proven domains whose owners want certificates, and which have none or an old one: to this process alone, until
 * `leasedUntil`. The rows as they were before.
 */
export async function domainsToCertify(
  db: Queries,
  lease: { owner: string; now: Date; leasedUntil: Date; limit: number },
): Promise<ReservedDomain[]> {
  const taken = await db.$queryRaw<{ id: string }[]>`
    UPDATE reserved_domain SET job_lease_owner = ${lease.owner}, job_leased_until = ${lease.leasedUntil},
      job_started_at = ${lease.now}, job_retries_at = NULL
    WHERE id IN (
      SELECT id FROM reserved_domain
      WHERE management_authority IS NOT NULL AND proven_at IS NOT NULL
        AND (renews_at IS NULL OR renews_at <= ${lease.now})
        AND (job_retries_at IS NULL OR job_retries_at <= ${lease.now})
        AND (job_leased_until IS NULL OR job_leased_until <= ${lease.now})
      ORDER BY renews_at NULLS FIRST LIMIT ${lease.limit} FOR UPDATE SKIP LOCKED)
    RETURNING id`;
  return db.reservedDomain.findMany({ where: { id: { in: taken.map(({ id }) => id) } } });
}

/**
 * The certificate takes its place; the one that was obtained before it goes. False when the order is not this
 * process's any more, or its owner does not want it any more: then nothing changes.
 */
export async function finishOrder(
  db: Queries,
  domain: { id: string; accountId: string; domain: string },
  made: {
    owner: string;
    certificateId: string;
    certificatePem: string;
    sealedKey: string;
    renewsAt: Date;
    at: Date;
  },
): Promise<boolean> {
  const { id, accountId } = domain;
  const where = { id, accountId, jobLeaseOwner: made.owner, managementAuthority: { not: null } };
  const before = await db.reservedDomain.findFirst({ where });
  if (before === null) return false;
  await db.tlsCertificate.create({
    data: {
      id: made.certificateId,
      accountId,
      certificatePem: made.certificatePem,
      sealedKey: made.sealedKey,
      issuedAt: made.at,
      description: `obtained for ${domain.domain}`.slice(0, 255),
      createdAt: made.at,
    },
  });
  await db.reservedDomain.updateMany({
    where: { id },
    data: {
      certificateId: made.certificateId,
      renewsAt: made.renewsAt,
      jobStartedAt: null,
      jobRetriesAt: null,
      jobFailures: 0,
      jobErrorCode: null,
      jobMessage: null,
      jobLeaseOwner: null,
      jobLeasedUntil: null,
    },
  });
  if (before.certificateId !== null) {
    const unused = { id: before.certificateId, accountId, issuedAt: { not: null }, domains: { none: {} } };
    await db.tlsCertificate.deleteMany({ where: unused });
  }
  return true;
}

export async function saveOrderFailure(
  db: Queries,
  id: string,
  owner: string,
  fault: { errorCode: string; message: string; retriesAt: Date; at: Date },
): Promise<void> {
  await db.reservedDomain.updateMany({
    where: { id, jobLeaseOwner: owner },
    data: {
      jobErrorCode: fault.errorCode,
      jobMessage: fault.message,
      jobRetriesAt: fault.retriesAt,
      jobFailures: { increment: 1 },
      jobLeaseOwner: null,
      jobLeasedUntil: null,
    },
  });
}

export async function putChallenge(
  db: Queries,
  challenge: { id: string; kind: string; host: string; answer: string; expiresAt: Date },
): Promise<void> {
  await db.acmeChallenge.create({ data: challenge });
}

export async function removeChallenges(db: Queries, hosts: readonly string[]): Promise<void> {
  await db.acmeChallenge.deleteMany({ where: { host: { in: [...hosts] } } });
}

/** What the authority wants to see there. */
export async function challengeAnswers(
  db: Queries,
  wanted: { kind: string; host: string; id?: string | undefined },
  now: Date,
): Promise<string[]> {
  const { kind, host, id } = wanted;
  const where = { kind, host, expiresAt: { gt: now }, ...(id === undefined ? {} : { id }) };
  const rows = await db.acmeChallenge.findMany({ where, orderBy: { expiresAt: 'desc' }, take: 8 });
  return rows.map((row) => row.answer);
}

export async function deleteExpiredChallenges(db: Queries, now: Date): Promise<void> {
  await db.acmeChallenge.deleteMany({ where: { expiresAt: { lte: now } } });
}
