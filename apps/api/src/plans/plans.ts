import { type Database, listPlans, type MonthTotals, type PlanRow } from '@portico/db';

/** What is gone over, and until when: the next month. */
export interface Exhausted {
  /** 725 bytes · 726 connections · 727 requests. */
  readonly code: 725 | 726 | 727;
  readonly limit: number;
  readonly until: Date;
}

/** What a plan is that nobody wrote limits down for. */
export const unlimited: Omit<PlanRow, 'id'> = {
  sessions: null,
  endpoints: null,
  endpointsPerSession: null,
  requestsPerMonth: null,
  bytesPerMonth: null,
  connectionsPerMonth: null,
  requestsPerSecond: null,
  connectionsPerSecond: null,
  reservedDomains: null,
};

/** The plans, kept in memory: there are few, and each sign-on of an agent asks for one. A plan that is not there has no limits. */
export class Plans {
  readonly #database: Database;
  #plans = new Map<string, PlanRow>();

  constructor({ database }: { database: Database }) {
    this.#database = database;
  }

  /** Reads them anew; throws what the database throws, and keeps what it has. */
  async load(): Promise<void> {
    this.#plans = new Map((await listPlans(this.#database.queries)).map((plan) => [plan.id, plan]));
  }

  of(id: string): PlanRow {
    return this.#plans.get(id) ?? { id, ...unlimited };
  }

  /** Whether any plan has a limit by the month: if not, nobody need look at totals. */
  get countMonths(): boolean {
    return [...this.#plans.values()].some((plan) => hasMonth(plan));
  }
}

export function hasMonth(plan: PlanRow): boolean {
  return plan.requestsPerMonth !== null || plan.bytesPerMonth !== null || plan.connectionsPerMonth !== null;
}

/** Null while there is something left of everything. */
export function exhaustedBy(plan: PlanRow, totals: MonthTotals, month: Date): Exhausted | null {
  const until = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1));
  const over = (limit: bigint | null, used: number, code: Exhausted['code']): Exhausted | null =>
    limit !== null && used >= Number(limit) ? { code, limit: Number(limit), until } : null;
  return (
    over(plan.bytesPerMonth, totals.bytes, 725) ??
    over(plan.requestsPerMonth, totals.requests, 727) ??
    over(plan.connectionsPerMonth, totals.connections, 726)
  );
}
