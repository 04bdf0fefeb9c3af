import type {
  LiveEndpoint,
  LiveSession as LiveSessionView,
  Overview,
  RecentEvent,
} from '@portico/api-contract/dashboard';
import type { LiveClaim, LiveSession } from '@portico/api-contract/internal';
import {
  type AccountRow,
  type CloudEndpointRow,
  type Database,
  findCloudEndpoint,
  hasHadEndpoint,
  listCloudEndpoints,
  listRecentEvents,
  type TrafficTotals,
  totalUsage,
} from '@portico/db';
import type { ChangeHub } from '../changes/change-hub.ts';
import type { LiveState } from './live-state.ts';
import { recentEvent } from './recent-event.ts';
import { sum, type Traffic } from './traffic.ts';

const rowsMax = 1_000;
const recentMax = 50;

export interface FeedSources {
  readonly database: Database;
  readonly live: LiveState;
  readonly traffic: Traffic;
  readonly changes: ChangeHub;
  readonly baseDomain: string;
  /** The URL of a cloud endpoint, as the edges' ports make it. */
  urlOf(row: CloudEndpointRow): string;
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
  #hadTunnel: boolean;
  /** By id. */
  readonly #cloud: Map<string, CloudEndpointRow>;
  #today: { readonly day: string; totals: TrafficTotals };

  /** Throws what the database throws while it is away. */
  static async open(sources: FeedSources, account: AccountRow, onChange: () => void): Promise<AccountFeed> {
    // Listening begins first, so that nothing falls between reading and listening.
    const changed: string[] = [];
    const stop = sources.changes.subscribe((change) => {
      if (change.kind === 'endpoint-changed') changed.push(change.endpointId);
    });
    try {
      const feed = await AccountFeed.#read(sources, account, onChange);
      for (const id of changed) void feed.#lookAtCloud(id);
      return feed;
    } finally {
      stop();
    }
  }

  static async #read(sources: FeedSources, account: AccountRow, onChange: () => void): Promise<AccountFeed> {
    const queries = sources.database.queries;
    const from = dayOf(sources.now());
    const events = await listRecentEvents(queries, account.id, recentMax);
    const totals = await totalUsage(queries, account.id, new Date(from));
    const cloud = await listCloudEndpoints(queries, account.id, { limit: rowsMax, beforeId: null });
    const hadTunnel = await hasHadEndpoint(queries, account.id, welcomeHost(sources.baseDomain));
    await sources.traffic.load(account.id, [
      ...sources.live.claimsOf(account.id).map((claim) => claim.endpointId),
      ...cloud.items.map(({ id }) => id),
    ]);
    return new AccountFeed(sources, account, onChange, {
      recent: events.flatMap((event) => recentEvent(event) ?? []),
      today: { day: from, totals },
      hadTunnel,
      cloud: cloud.items,
    });
  }

  private constructor(sources: FeedSources, account: AccountRow, onChange: () => void, stored: StoredFacts) {
    this.accountId = account.id;
    this.#sources = sources;
    this.#account = account;
    this.#onChange = onChange;
    this.#recent = stored.recent;
    this.#today = stored.today;
    this.#hadTunnel = stored.hadTunnel;
    this.#cloud = new Map(stored.cloud.map((row) => [row.id, row]));
    this.#stops = [
      sources.live.watchAccount(account.id, onChange),
      sources.traffic.watch((accountId, added) => this.#addTraffic(accountId, added)),
      sources.changes.subscribe((change) => {
        if (change.kind === 'endpoint-changed') void this.#lookAtCloud(change.endpointId);
      }),
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
    const welcome = welcomeHost(this.#sources.baseDomain);
    this.#hadTunnel ||= claims.some(({ url }) => URL.parse(url)?.hostname !== welcome);
    const cloud = newestFirst([...this.#cloud.values()], ({ id }) => id);
    const shown = [
      ...claims.map((claim) => endpointView(claim, traffic)),
      ...cloud.map((row) => cloudView(row, this.#sources.urlOf(row), traffic)),
    ];
    return {
      at: now.toISOString(),
      account: { id: this.#account.id, name: this.#account.name, plan: this.#account.plan },
      endpoints: shown.slice(0, rowsMax),
      endpointCount: shown.length,
      sessions: sessions.slice(0, rowsMax).map(sessionView),
      sessionCount: sessions.length,
      hadTunnel: this.#hadTunnel,
      recent: this.#recent,
      today: this.#today.day === dayOf(now) ? this.#today.totals : noTraffic,
      edges: live.edges(),
      connect: this.#sources.connect(),
    };
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  /** One of them was made, changed or removed, in this account or in another. */
  async #lookAtCloud(id: string): Promise<void> {
    const { database, traffic } = this.#sources;
    try {
      const row = await findCloudEndpoint(database.queries, this.accountId, id);
      if (row === null && !this.#cloud.delete(id)) return;
      if (row !== null) {
        await traffic.load(this.accountId, [id]);
        this.#cloud.set(id, row);
      }
      this.#onChange();
    } catch {
      // With the database away nothing can have been changed for good: the next change looks again.
    }
  }

  #addTraffic(accountId: string, added: TrafficTotals): void {
    if (accountId !== this.accountId) return;
    const day = dayOf(this.#sources.now());
    this.#today = { day, totals: this.#today.day === day ? sum(this.#today.totals, added) : sum(noTraffic, added) };
    this.#onChange();
  }
}

interface StoredFacts {
  readonly recent: RecentEvent[];
  readonly today: { readonly day: string; totals: TrafficTotals };
  readonly hadTunnel: boolean;
  readonly cloud: readonly CloudEndpointRow[];
}

/** Where the platform's own agent serves its page: nobody's first tunnel. */
function welcomeHost(baseDomain: string): string {
  return `welcome.${baseDomain}`;
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
    kind: claim.internal === true ? 'internal' : 'agent',
    name: claim.name,
    metadata: claim.metadata,
    forwardsTo: claim.forwardsTo,
    sessionId: claim.sessionId,
    startedAt: claim.startedAt,
    ...totals,
    upstream,
  };
}

function cloudView(row: CloudEndpointRow, url: string, traffic: Traffic): LiveEndpoint {
  const { upstream, ...totals } = traffic.of(row.id);
  return {
    id: row.id,
    url,
    proto: protoOf(row.proto),
    kind: row.internal ? 'internal' : 'cloud',
    name: row.description,
    metadata: row.metadata,
    forwardsTo: '',
    sessionId: '',
    startedAt: row.createdAt.toISOString(),
    ...totals,
    upstream,
  };
}

function protoOf(text: string): LiveEndpoint['proto'] {
  return text === 'http' || text === 'tls' || text === 'tcp' ? text : 'https';
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
