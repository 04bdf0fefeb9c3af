import type {
  LiveEndpoint,
  LiveSession as LiveSessionView,
  Overview,
  RecentEvent,
} from '@portico/api-contract/dashboard';
import type { LiveClaim, LiveSession } from '@portico/api-contract/internal';
import { type AccountRow, type Database, listRecentEvents, type TrafficTotals, totalUsage } from '@portico/db';
import type { LiveState } from './live-state.ts';
import { recentEvent } from './recent-event.ts';
import { sum, type Traffic } from './traffic.ts';

const rowsMax = 1_000;
const recentMax = 50;

export interface FeedSources {
  readonly database: Database;
  readonly live: LiveState;
  readonly traffic: Traffic;
  now(): Date;
  /** Where agents dial in and the root's fingerprint, as far as they are known. */
  connect(): Overview['connect'];
}

/**
 * Everything that a live page of one account shows, kept up to date while somebody looks: read from the database
 * once, then from memory. Whoever opened it closes it.
 */
export class AccountFeed {
  readonly accountId: string;
  readonly #sources: FeedSources;
  readonly #account: AccountRow;
  readonly #onChange: () => void;
  readonly #stops: (() => void)[];
  #recent: RecentEvent[];
  #today: { readonly day: string; totals: TrafficTotals };

  /** Throws what the database throws while it is away. */
  static async open(sources: FeedSources, account: AccountRow, onChange: () => void): Promise<AccountFeed> {
    const queries = sources.database.queries;
    const from = dayOf(sources.now());
    // Listening begins first, so that nothing falls between reading and listening; it may be counted twice for a moment.
    const events = await listRecentEvents(queries, account.id, recentMax);
    const totals = await totalUsage(queries, account.id, new Date(from));
    await sources.traffic.load(
      account.id,
      sources.live.claimsOf(account.id).map((claim) => claim.endpointId),
    );
    return new AccountFeed(sources, account, onChange, {
      recent: events.flatMap((event) => recentEvent(event) ?? []),
      today: { day: from, totals },
    });
  }

  private constructor(
    sources: FeedSources,
    account: AccountRow,
    onChange: () => void,
    stored: { recent: RecentEvent[]; today: { day: string; totals: TrafficTotals } },
  ) {
    this.accountId = account.id;
    this.#sources = sources;
    this.#account = account;
    this.#onChange = onChange;
    this.#recent = stored.recent;
    this.#today = stored.today;
    this.#stops = [
      sources.live.watchAccount(account.id, onChange),
      sources.traffic.watch((accountId, added) => this.#addTraffic(accountId, added)),
    ];
  }

  addEvent(event: RecentEvent): void {
    if (this.#recent.some((known) => known.id === event.id)) return;
    this.#recent = [event, ...this.#recent].sort(byTimeDescending).slice(0, recentMax);
    this.#onChange();
  }

  overview(): Overview {
    const { live, traffic } = this.#sources;
    const now = this.#sources.now();
    const claims = newestFirst(live.claimsOf(this.accountId), (claim) => claim.endpointId);
    const sessions = newestFirst(live.sessionsOf(this.accountId), (session) => session.sessionId);
    return {
      at: now.toISOString(),
      account: { id: this.#account.id, name: this.#account.name, plan: this.#account.plan },
      endpoints: claims.slice(0, rowsMax).map((claim) => endpointView(claim, traffic)),
      endpointCount: claims.length,
      sessions: sessions.slice(0, rowsMax).map(sessionView),
      sessionCount: sessions.length,
      recent: this.#recent,
      today: this.#today.day === dayOf(now) ? this.#today.totals : noTraffic,
      edges: live.edges(),
      connect: this.#sources.connect(),
    };
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #addTraffic(accountId: string, added: TrafficTotals): void {
    if (accountId !== this.accountId) return;
    const day = dayOf(this.#sources.now());
    this.#today = { day, totals: this.#today.day === day ? sum(this.#today.totals, added) : sum(noTraffic, added) };
    this.#onChange();
  }
}

const noTraffic: TrafficTotals = { requests: 0, connections: 0, bytesIn: 0, bytesOut: 0, errors: 0 };

/** As the database orders them. */
function byTimeDescending(a: RecentEvent, b: RecentEvent): number {
  return b.at.localeCompare(a.at) || (a.id < b.id ? 1 : -1);
}

/** Start of the day, UTC. */
function dayOf(now: Date): string {
  return `${now.toISOString().slice(0, 10)}T00:00:00.000Z`;
}

function newestFirst<T>(items: readonly T[], id: (item: T) => string): T[] {
  return [...items].sort((a, b) => (id(a) < id(b) ? 1 : -1));
}

function endpointView(claim: LiveClaim, traffic: Traffic): LiveEndpoint {
  const { upstream, ...totals } = traffic.of(claim.endpointId);
  return {
    id: claim.endpointId,
    url: claim.url,
    proto: claim.proto,
    kind: 'agent',
    name: claim.name,
    metadata: claim.metadata,
    forwardsTo: claim.forwardsTo,
    sessionId: claim.sessionId,
    startedAt: claim.startedAt,
    ...totals,
    upstream,
  };
}

function sessionView(session: LiveSession): LiveSessionView {
  return {
    id: session.sessionId,
    agentName: session.agentName || session.clientType || session.userAgent || session.os || 'agent',
    agentVersion: session.agentVersion,
    os: session.os,
    arch: session.arch,
    clientType: session.clientType,
    ip: session.ip,
    region: session.region,
    metadata: session.metadata,
    startedAt: session.startedAt,
  };
}
