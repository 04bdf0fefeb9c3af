import {
  type Database,
  databaseFault,
  domainsToCertify,
  findReservedDomain,
  finishOrder,
  putChallenge,
  type Queries,
  type ReservedDomainRow,
  removeChallenges,
  saveOrderFailure,
  tellRecordsChanged,
} from '@portico/db';
import { renewAt } from '@portico/pki';
import { type Logger, newId } from '@portico/service';
import type { ChangeHub } from '../changes/change-hub.ts';
import { type DomainProof, proofOf } from '../domains/own-domain.ts';
import type { Seals } from '../secrets/seals.ts';
import type { TokenHasher } from '../secrets/token.ts';
import { AcmeClient, OrderError } from './acme-client.ts';
import type { AcmeConfig, ChallengeKind } from './config.ts';

export interface AcmeLimits {
  /** Orders at once. */
  readonly atOnce: number;
  /** The wait after the first failure; it doubles up to `retryMaxMs`. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** One order; nobody else takes the domain up before. */
  readonly orderMs: number;
  /** A certificate that could not be renewed is spoken of when it has less than this left. */
  readonly warnBeforeMs: number;
}

/**
 * Obtains certificates for proven domains whose owners want that, and again when 2/3 of their life are over. One
 * order a domain at a time, across processes and restarts: who takes one up has it until `orderMs` are over. While it
 * fails the certificate at hand serves on, and it is tried again, later each time.
 */
export class AcmeOrders {
  readonly #config: AcmeConfig;
  readonly #client: AcmeClient;
  readonly #database: Database;
  readonly #seals: Seals;
  readonly #hasher: TokenHasher;
  readonly #baseDomain: string;
  readonly #changes: ChangeHub;
  readonly #limits: AcmeLimits;
  readonly #now: () => Date;
  readonly #log: Logger;
  readonly #owner = newId('nd');
  readonly #running = new Map<string, Promise<void>>();
  #looking: Promise<void> | null = null;
  #again = false;
  #closed = false;

  constructor(options: {
    config: AcmeConfig;
    database: Database;
    seals: Seals;
    hasher: TokenHasher;
    baseDomain: string;
    changes: ChangeHub;
    limits: AcmeLimits;
    now: () => Date;
    log: Logger;
  }) {
    this.#config = options.config;
    this.#database = options.database;
    this.#seals = options.seals;
    this.#hasher = options.hasher;
    this.#baseDomain = options.baseDomain;
    this.#changes = options.changes;
    this.#limits = options.limits;
    this.#now = options.now;
    this.#log = options.log;
    this.#client = new AcmeClient(options);
  }

  /** Looks for domains without certificate, or whose certificate is old. */
  wake(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
  }

  /** Orders under way are let go; they are taken up again when their time is over. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#client.close();
    await this.#looking;
    await Promise.all(this.#running.values());
  }

  async #look(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      const limit = this.#limits.atOnce - this.#running.size;
      if (limit <= 0) return;
      try {
        const now = this.#now();
        const leasedUntil = new Date(now.getTime() + this.#limits.orderMs);
        const { queries } = this.#database;
        for (const row of await domainsToCertify(queries, { owner: this.#owner, now, leasedUntil, limit })) {
          this.#changes.publish({ kind: 'certificate-changed', host: row.domain });
          await this.#tell(row);
          const running = this.#order(row).finally(() => {
            this.#running.delete(row.id);
            this.wake();
          });
          this.#running.set(row.id, running);
        }
      } catch (error) {
        if (databaseFault(error) === null) this.#log.error({ err: error }, 'looking for certificates to obtain failed');
        return;
      }
    }
  }

  async #order(row: ReservedDomainRow): Promise<void> {
    const { domain } = row;
    try {
      const proof = proofOf({ hasher: this.#hasher, baseDomain: this.#baseDomain }, row.accountId, domain);
      const made = await this.#obtain(row, proof);
      if (this.#closed) return;
      const at = this.#now();
      const id = newId('cert', at.getTime());
      const done = await this.#database.transaction(async (tx) => {
        await this.#tell(row, tx);
        return finishOrder(tx, row, {
          owner: this.#owner,
          certificateId: id,
          certificatePem: made.chainPem,
          sealedKey: this.#seals.seal('tls_certificate', id, made.privateKeyPem),
          renewsAt: renewAt(made.chainPem),
          at,
        });
      });
      if (!done) return;
      this.#log.info({ domain, renewsAt: renewAt(made.chainPem).toISOString() }, 'a certificate was obtained');
      this.#changes.publish({ kind: 'certificate-changed', host: domain });
    } catch (error) {
      if (this.#closed) return;
      const known = error instanceof OrderError ? error : null;
      if (known === null) this.#log.error({ err: error, domain }, 'obtaining a certificate failed');
      await this.#failed(row, known ?? new OrderError('INTERNAL_ERROR', 'the order failed for a reason of our own'));
    } finally {
      if (!this.#closed) await this.#hide(row).catch(() => {});
    }
  }

  /** By the first kind of challenge that works; the reason of the last is what its owner hears. */
  async #obtain(row: ReservedDomainRow, proof: DomainProof): Promise<{ chainPem: string; privateKeyPem: string }> {
    const isWildcard = row.domain.startsWith('*.');
    const kinds = this.#config.challenges.filter((kind) => (isWildcard ? kind === 'dns-01' : true));
    const usable = kinds.filter((kind) => kind !== 'dns-01' || this.#config.dns !== null);
    if (usable.length === 0) {
      const missing = 'wildcards need dns-01, which the operator of this server has not set up (PORTICO_ACME_DNS_PORT)';
      throw new OrderError('DNS_ERROR', missing);
    }
    let last = new OrderError('INTERNAL_ERROR', 'no challenge was tried');
    for (const kind of usable) {
      if (this.#closed) throw last;
      try {
        return await this.#client.order({
          domain: row.domain,
          keyType: row.managementKeyType === 'rsa' ? 'rsa' : 'ecdsa',
          kind,
          show: (challenge) => this.#show(kind, row, proof, challenge),
        });
      } catch (error) {
        if (!(error instanceof OrderError)) throw error;
        last = error;
        // Another way would meet the same answer.
        if (error.code === 'RATE_LIMITED' || error.code === 'ACCOUNT_ERROR' || error.code === 'UNREACHABLE')
          throw error;
      }
    }
    throw last;
  }

  async #show(
    kind: ChallengeKind,
    { domain }: ReservedDomainRow,
    proof: DomainProof,
    { token, answer }: { token: string; answer: string },
  ): Promise<void> {
    const expiresAt = new Date(this.#now().getTime() + this.#limits.orderMs);
    const label = proof.acmeTarget.split('.')[0] ?? '';
    const host = kind === 'dns-01' ? label : domain;
    const id = kind === 'http-01' ? token : newId('op');
    await putChallenge(this.#database.queries, { id, kind, host, answer, expiresAt });
  }

  async #hide({ accountId, domain }: ReservedDomainRow): Promise<void> {
    const { acmeTarget } = proofOf({ hasher: this.#hasher, baseDomain: this.#baseDomain }, accountId, domain);
    await removeChallenges(this.#database.queries, [domain, acmeTarget.split('.')[0] ?? '']);
  }

  /** Open pages show how far an order is. */
  #tell({ accountId }: ReservedDomainRow, queries: Queries = this.#database.queries): Promise<void> {
    const collections = ['reserved_domains', 'tls_certificates'];
    return tellRecordsChanged(queries, { accountId, collections, userId: null });
  }

  async #failed(row: ReservedDomainRow, error: OrderError): Promise<void> {
    const at = this.#now();
    const { retryMs, retryMaxMs, warnBeforeMs } = this.#limits;
    const waitMs = Math.max(error.retryAfterMs, Math.min(retryMaxMs, retryMs * 2 ** Math.min(row.jobFailures, 30)));
    const retriesAt = new Date(at.getTime() + waitMs);
    const fault = { errorCode: error.code, message: error.message.slice(0, 1_000), retriesAt, at };
    const { queries } = this.#database;
    await saveOrderFailure(queries, row.id, this.#owner, fault).catch((failure: unknown) => {
      this.#log.warn({ err: failure, domain: row.domain }, 'a failed order was not written down');
    });
    await this.#tell(row).catch(() => {});
    const { code, message } = error;
    this.#log.info({ domain: row.domain, code, message, retriesAt }, 'a certificate was not obtained');
    const left = await findReservedDomain(queries, row.accountId, row.id).catch(() => null);
    const { renewsAt } = left ?? { renewsAt: null };
    if (renewsAt === null) return;
    // 1/3 of its life lies between the two.
    if (at.getTime() - renewsAt.getTime() > warnBeforeMs) {
      this.#log.warn({ domain: row.domain, message }, 'a certificate is about to expire and cannot be renewed');
    }
  }
}
