import type { AccountLine, AccountList, AccountOverview } from '@portico/api-contract/operator';
import {
  type AccountOverviewRow,
  type AccountRow,
  countsOfAccount,
  findAccount,
  findInstallation,
  findUser,
  listPlans,
  monthOf,
  monthTotals,
  peopleOfAccount,
  searchAccounts,
  setPlan,
  setSuspended,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { type Actor, recordChange } from '../audit/audit-log.ts';
import type { ApiContext } from '../context.ts';
import type { LiveState } from '../live/live-state.ts';

const pageSize = 50;
const membersMax = 100;

/** Who does it, as the log of the account that it is done to names them. */
export type OperatorActor = Omit<Actor, 'accountId' | 'actorId'> & { readonly actorId: string };

export interface AccountChange {
  readonly plan: string | undefined;
  /** Null brings it back. */
  readonly suspended: { readonly reason: string } | null | undefined;
}

/** The accounts of an installation, for those who run it. */
export class OperatorAccounts {
  readonly #context: Pick<ApiContext, 'database' | 'now' | 'plans'>;
  readonly #live: LiveState;

  constructor(context: Pick<ApiContext, 'database' | 'now' | 'plans'>, live: LiveState) {
    this.#context = context;
    this.#live = live;
  }

  /** @param after what the page before gave as `next`; anything else begins anew. */
  async list(search: string, isSuspended: boolean | null, after: string | null): Promise<AccountList> {
    const { database, now } = this.#context;
    const text = search.trim().slice(0, 200);
    const wanted = { text, isSuspended, after: placeOf(after), limit: pageSize };
    const rows = await searchAccounts(database.queries, wanted, monthOf(now()));
    const shown = rows.slice(0, pageSize);
    const last = shown.at(-1)?.account;
    return {
      accounts: shown.map((row) => this.#line(row)),
      next: rows.length > pageSize && last !== undefined ? `${last.createdAt.getTime()}.${last.id}` : null,
    };
  }

  /** 404 when there is no such account. */
  async look(id: string): Promise<AccountOverview> {
    const { database, now } = this.#context;
    const { queries } = database;
    const account = await findAccount(queries, id);
    if (account === null) throw new PorticoError(404, { what: 'account', id: id.slice(0, 200) });
    const members = await peopleOfAccount(queries, id, membersMax);
    const month = (await monthTotals(queries, monthOf(now()), [id]))[0];
    const totals = month ?? { accountId: id, requests: 0, connections: 0, bytes: 0 };
    const by = account.suspendedBy === null ? null : await findUser(queries, account.suspendedBy);
    const line = this.#line({ account, people: members.length, month: totals });
    return {
      ...line,
      suspension: line.suspension && { ...line.suspension, by: by?.name || by?.email || line.suspension.by },
      isFirst: (await findInstallation(queries))?.account.id === id,
      members,
      keeps: await countsOfAccount(queries, id),
    };
  }

  /**
   * Gives another plan, suspends or brings back, in one transaction with the line in the log of that account. The
   * database tells every process of it, and edges end what is suspended.
   *
   * 404 no such account · 215 a plan that is not there, or the account of the installation itself, which is not suspended.
   */
  async change(id: string, { plan, suspended }: AccountChange, actor: OperatorActor): Promise<AccountOverview> {
    const { database, now } = this.#context;
    await database.transaction(async (tx) => {
      const before = await findAccount(tx, id);
      if (before === null) throw new PorticoError(404, { what: 'account', id: id.slice(0, 200) });
      if (plan !== undefined && plan !== before.plan) {
        const known = (await listPlans(tx)).some((row) => row.id === plan);
        if (!known && plan !== unlimitedPlan)
          throw new PorticoError(215, { field: 'plan', reason: 'there is none of this name' });
        await setPlan(tx, id, plan);
      }
      if (suspended !== undefined && (suspended === null) !== (before.suspendedAt === null)) {
        if (suspended !== null && (await findInstallation(tx))?.account.id === id) {
          const reason = 'this is the account of the installation itself';
          throw new PorticoError(215, { field: 'suspended', reason });
        }
        const by = suspended && { operatorId: actor.actorId, reason: suspended.reason };
        await setSuspended(tx, id, suspended === null ? null : now(), by);
      }
      const after = await findAccount(tx, id);
      const states = { before: shown(before), after: after && shown(after) };
      if (JSON.stringify(states.before) === JSON.stringify(states.after)) return;
      const change = { object: 'account', what: 'updated', objectId: id, ...states } as const;
      await recordChange(tx, { ...actor, accountId: id }, change, now());
    });
    return this.look(id);
  }

  #line({ account, people, month }: AccountOverviewRow): AccountLine {
    const { id, name, plan, createdAt, suspendedAt, suspendedBy, suspensionReason } = account;
    const { requests, connections, bytes } = month;
    return {
      id,
      name,
      plan,
      createdAt: createdAt.toISOString(),
      people,
      sessions: this.#live.sessionCount(id),
      endpoints: this.#live.endpointCount(id),
      month: { requests, connections, bytes },
      suspension:
        suspendedAt === null
          ? null
          : { since: suspendedAt.toISOString(), by: suspendedBy, reason: suspensionReason ?? '' },
    };
  }
}

/** What every account begins with; it has no limits unless somebody writes some down. */
export const unlimitedPlan = 'self-hosted';

function shown({ id, name, plan, suspendedAt, suspensionReason }: AccountRow) {
  return {
    id,
    name,
    plan,
    suspended_at: suspendedAt?.toISOString() ?? null,
    suspension_reason: suspensionReason,
  };
}

function placeOf(text: string | null): { createdAt: Date; id: string } | null {
  const [, ms = '', id = ''] = /^(\d{1,15})\.(ac_[0-9A-Za-z]{1,40})$/.exec(text ?? '') ?? [];
  return id === '' ? null : { createdAt: new Date(Number(ms)), id };
}
