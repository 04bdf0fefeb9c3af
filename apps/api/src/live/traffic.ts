import type { UsageRequest } from '@portico/api-contract/internal';
import {
  addToMonth,
  addUsage,
  type Database,
  type MonthTotals,
  monthOf,
  plansOfAccounts,
  type Queries,
  receiveBatch,
  type TrafficTotals,
  touchAccounts,
  usageOfEndpoints,
} from '@portico/db';
import { exhaustedBy, type Plans } from '../plans/plans.ts';

export type Upstream =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'answers'; readonly at: string }
  | { readonly kind: 'fails'; readonly since: string; readonly code: number | null };

export interface EndpointTraffic extends TrafficTotals {
  readonly upstream: Upstream;
}

const nothing: TrafficTotals = { requests: 0, connections: 0, bytesIn: 0, bytesOut: 0, errors: 0 };
/** Endpoints that went offline are forgotten by and by; the figures are in the database. */
const endpointsMax = 50_000;

/**
 * Takes the usage reports of edges: adds each to the database exactly once, and keeps the totals of endpoints in
 * memory for the live pages. One report at a time, so that memory and database say the same.
 */
export class Traffic {
  readonly #database: Database;
  readonly #now: () => Date;
  readonly #plans: Plans;
  readonly #endpoints = new Map<string, EndpointTraffic>();
  readonly #nodes = new Map<string, TrafficTotals>();
  readonly #listeners = new Set<(accountId: string, added: TrafficTotals) => void>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor({ database, now, plans }: { database: Database; now: () => Date; plans: Plans }) {
    this.#database = database;
    this.#now = now;
    this.#plans = plans;
  }

  /** True when this report was counted before. */
  report(report: UsageRequest): Promise<boolean> {
    return this.#inTurn(async () => {
      const isNew = await this.#database.transaction(async (tx) => {
        if (!(await receiveBatch(tx, { ...report, kind: 'usage' }))) return false;
        await addUsage(tx, report.rows);
        await this.#countMonth(tx, report.rows);
        return true;
      });
      if (isNew) {
        this.#nodes.set(report.nodeId, report.rows.reduce(sum, this.ofNode(report.nodeId)));
        await this.#count(report.rows);
      }
      return !isNew;
    });
  }

  /** Makes sure that these endpoints' totals are in memory, also those counted before this process started. */
  load(accountId: string, endpointIds: readonly string[]): Promise<void> {
    return this.#inTurn(() => this.#fetch(accountId, endpointIds));
  }

  of(endpointId: string): EndpointTraffic {
    return this.#endpoints.get(endpointId) ?? { ...nothing, upstream: { kind: 'unknown' } };
  }

  /** What this node has reported since the start. */
  ofNode(nodeId: string): TrafficTotals {
    return this.#nodes.get(nodeId) ?? nothing;
  }

  /** Calls back with what each report added to an account. Returns how to stop. */
  watch(listener: (accountId: string, added: TrafficTotals) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Adds to this month, and has edges told of accounts that went over a limit of theirs with this report. */
  async #countMonth(tx: Queries, rows: UsageRequest['rows']): Promise<void> {
    const added = new Map<string, MonthTotals>();
    for (const { accountId, requests, connections, bytesIn, bytesOut } of rows) {
      const before = added.get(accountId);
      added.set(accountId, {
        accountId,
        requests: (before?.requests ?? 0) + requests,
        connections: (before?.connections ?? 0) + connections,
        bytes: (before?.bytes ?? 0) + bytesIn + bytesOut,
      });
    }
    const month = monthOf(this.#now());
    const totals = await addToMonth(tx, month, [...added.values()]);
    if (!this.#plans.countMonths) return;
    const planOf = await plansOfAccounts(tx, [...added.keys()]);
    const over = totals.filter((total) => {
      const plan = this.#plans.of(planOf.get(total.accountId) ?? '');
      const more = added.get(total.accountId);
      const before = {
        accountId: total.accountId,
        requests: total.requests - (more?.requests ?? 0),
        connections: total.connections - (more?.connections ?? 0),
        bytes: total.bytes - (more?.bytes ?? 0),
      };
      return exhaustedBy(plan, total, month) !== null && exhaustedBy(plan, before, month) === null;
    });
    await touchAccounts(
      tx,
      over.map(({ accountId }) => accountId),
    );
  }

  async #count(rows: UsageRequest['rows']): Promise<void> {
    // What is not in memory yet is read from the database, which has counted this report already.
    const unknown = new Map<string, string[]>();
    for (const row of rows) {
      if (this.#endpoints.has(row.endpointId)) continue;
      unknown.set(row.accountId, [...(unknown.get(row.accountId) ?? []), row.endpointId]);
    }
    for (const row of rows) {
      const before = this.#endpoints.get(row.endpointId);
      if (before === undefined) continue;
      this.#set(row.endpointId, { ...sum(before, row), upstream: this.#upstreamAfter(before.upstream, row) });
    }
    for (const [accountId, ids] of unknown) {
      // Without an answer they stay unknown, and the next report or page asks again.
      await this.#fetch(accountId, ids).catch(() => {});
      for (const row of rows) {
        const known = this.#endpoints.get(row.endpointId);
        if (known === undefined || !ids.includes(row.endpointId)) continue;
        this.#set(row.endpointId, { ...known, upstream: this.#upstreamAfter(known.upstream, row) });
      }
    }
    for (const row of rows) for (const listener of this.#listeners) listener(row.accountId, row);
  }

  async #fetch(accountId: string, endpointIds: readonly string[]): Promise<void> {
    const missing = [...new Set(endpointIds)].filter((id) => !this.#endpoints.has(id));
    if (missing.length === 0) return;
    const stored = await usageOfEndpoints(this.#database.queries, accountId, missing);
    for (const id of missing) this.#set(id, { ...(stored.get(id) ?? nothing), upstream: { kind: 'unknown' } });
  }

  #upstreamAfter(before: Upstream, row: UsageRequest['rows'][number]): Upstream {
    const at = this.#now().toISOString();
    if (row.requests > row.errors) return { kind: 'answers', at };
    if (row.errors === 0) return before;
    return { kind: 'fails', since: before.kind === 'fails' ? before.since : at, code: row.lastErrorCode ?? null };
  }

  #set(endpointId: string, traffic: EndpointTraffic): void {
    this.#endpoints.delete(endpointId);
    this.#endpoints.set(endpointId, traffic);
    if (this.#endpoints.size <= endpointsMax) return;
    const [oldest] = this.#endpoints.keys();
    if (oldest !== undefined) this.#endpoints.delete(oldest);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }
}

export function sum(a: TrafficTotals, b: TrafficTotals): TrafficTotals {
  return {
    requests: a.requests + b.requests,
    connections: a.connections + b.connections,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    errors: a.errors + b.errors,
  };
}
