import {
  type Database,
  databaseFault,
  domainsToCheck,
  findReservedDomain,
  type ReservedDomainRow,
  recordDomainCheck,
  tellRecordsChanged,
} from '@portico/db';
import type { Logger } from '@portico/service';
import type { ChangeHub } from '../changes/change-hub.ts';
import type { TokenHasher } from '../secrets/token.ts';
import { checkDomain, type DomainCheck } from './check-domain.ts';
import { type DomainResolver, ResolveError } from './domain-resolver.ts';
import { proofOf } from './own-domain.ts';

export interface DomainCheckLimits {
  /** How often a proven name is looked up again. */
  readonly everyMs: number;
  /** One without proof: often at first, then ever more seldom, between these. */
  readonly pendingMinMs: number;
  readonly pendingMaxMs: number;
  /** How long a name stays with its account after its proof has gone. */
  readonly graceMs: number;
  readonly atOnce: number;
}

/**
 * Looks up the names that accounts say are theirs: when they are made, when somebody asks, and from then on again and
 * again (T4). A proof gives the name to the account; one that is missing for `graceMs` takes it away. Name servers
 * that do not answer prove nothing either way.
 */
export class DomainKeeper {
  readonly #database: Database;
  readonly #resolver: DomainResolver;
  readonly #hasher: TokenHasher;
  readonly #baseDomain: string;
  readonly #changes: ChangeHub;
  readonly #limits: DomainCheckLimits;
  readonly #now: () => Date;
  readonly #log: Logger;
  readonly #onProven: () => void;
  #running: Promise<void> | null = null;
  #closed = false;

  constructor(options: {
    database: Database;
    resolver: DomainResolver;
    hasher: TokenHasher;
    baseDomain: string;
    changes: ChangeHub;
    limits: DomainCheckLimits;
    now: () => Date;
    log: Logger;
    /** A name was proven just now: its certificate can be obtained. */
    onProven: () => void;
  }) {
    this.#database = options.database;
    this.#resolver = options.resolver;
    this.#hasher = options.hasher;
    this.#baseDomain = options.baseDomain;
    this.#changes = options.changes;
    this.#limits = options.limits;
    this.#now = options.now;
    this.#log = options.log;
    this.#onProven = options.onProven;
  }

  /** Looks up what is due; called by the sweeper and when a name was made. */
  sweep(): Promise<void> {
    this.#running ??= this.#checkDue().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#resolver.close();
    await this.#running;
  }

  /** Looks the name up now. The row as it is then; throws ResolveError when the name servers do not answer. */
  async check(row: ReservedDomainRow): Promise<ReservedDomainRow> {
    const proof = proofOf({ hasher: this.#hasher, baseDomain: this.#baseDomain }, row.accountId, row.domain);
    const found = await checkDomain(this.#resolver, proof, row.domain, this.#baseDomain);
    const at = this.#now();
    const after = stateAfter(row, found, at, this.#limits);
    const saved = await recordDomainCheck(this.#database.queries, row.id, {
      ...after,
      checkedAt: at,
      checkResult: found,
    });
    if (saved === null) return row;
    if (isOther(row, saved)) {
      const { accountId } = row;
      await tellRecordsChanged(this.#database.queries, { accountId, collections: ['reserved_domains'], userId: null });
    }
    const [had, has] = [row.provenAt !== null, saved.provenAt !== null];
    if (had !== has) {
      this.#log.info({ domain: row.domain, proven: has }, has ? 'a domain was proven' : 'a domain lost its proof');
      this.#changes.publish({ kind: 'domain-changed', host: row.domain, accountId: has ? row.accountId : null });
      if (has) this.#onProven();
    }
    return saved;
  }

  async #checkDue(): Promise<void> {
    const { atOnce, pendingMaxMs } = this.#limits;
    const { queries } = this.#database;
    try {
      while (!this.#closed) {
        const now = this.#now();
        // Taken for a while: two processes do not look up the same name, and one that died does not keep it.
        const takenUntil = new Date(now.getTime() + Math.min(pendingMaxMs, 300_000));
        const due = await domainsToCheck(queries, { now, takenUntil, limit: atOnce });
        await Promise.all(due.map((row) => this.#checkQuietly(row)));
        if (due.length < atOnce) return;
      }
    } catch (error) {
      if (databaseFault(error) === null) this.#log.error({ err: error }, 'looking up domains failed');
    }
  }

  async #checkQuietly(row: ReservedDomainRow): Promise<void> {
    try {
      const now = await findReservedDomain(this.#database.queries, row.accountId, row.id);
      if (now !== null) await this.check(now);
    } catch (error) {
      if (!(error instanceof ResolveError)) throw error;
      this.#log.debug({ err: error, domain: row.domain }, 'a domain could not be looked up');
    }
  }
}

/** Whether there is more to tell than when it was looked up. */
function isOther(before: ReservedDomainRow, after: ReservedDomainRow): boolean {
  const told = ({ provenAt, unprovenSince, checkResult }: ReservedDomainRow) =>
    JSON.stringify([provenAt, unprovenSince, checkResult]);
  return told(before) !== told(after);
}

function stateAfter(
  row: ReservedDomainRow,
  found: DomainCheck,
  at: Date,
  limits: DomainCheckLimits,
): { provenAt: Date | null; unprovenSince: Date | null; nextCheckAt: Date } {
  const inMs = (ms: number) => new Date(at.getTime() + ms);
  if (found.proof !== null) {
    return { provenAt: row.provenAt ?? at, unprovenSince: null, nextCheckAt: inMs(limits.everyMs) };
  }
  const since = row.unprovenSince ?? at;
  const ageMs = at.getTime() - (row.provenAt === null ? row.createdAt : since).getTime();
  const isOver = ageMs >= limits.graceMs;
  const pendingMs = Math.min(limits.pendingMaxMs, Math.max(limits.pendingMinMs, ageMs / 10));
  return {
    provenAt: row.provenAt === null || isOver ? null : row.provenAt,
    unprovenSince: row.provenAt === null || isOver ? null : since,
    nextCheckAt: inMs(pendingMs),
  };
}
