import type { LiveEndpoint, LiveSession, Overview, RecentEvent } from '@portico/api-contract/dashboard';

/** How far a newcomer has come, as the server sees it. */
export interface Progress {
  /** The agent that is connected, other than the platform's own. */
  readonly agent: LiveSession | null;
  readonly tunnel: Tunnel;
  /** The last thing that went wrong or ended, newer than what works now. */
  readonly lastEvent: RecentEvent | null;
}

export type Tunnel =
  | { readonly kind: 'none' }
  | { readonly kind: 'live'; readonly endpoint: LiveEndpoint; readonly agent: LiveSession | null }
  /** It was live on this page, and went. */
  | { readonly kind: 'gone'; readonly endpoint: LiveEndpoint; readonly event: RecentEvent | null };

/** What the platform's own agent calls itself. */
const ownClientType = 'portico-welcome';

/** @param shown the endpoint that this page has shown so far, which it keeps to for as long as it is online. */
export function progressOf(overview: Overview, shown: LiveEndpoint | null): Progress {
  const sessions = overview.sessions.filter(({ clientType }) => clientType !== ownClientType);
  const own = overview.sessions.filter(({ clientType }) => clientType === ownClientType).map(({ id }) => id);
  const endpoints = overview.endpoints.filter(
    ({ sessionId, kind }) => kind === 'agent' && sessionId !== '' && !own.includes(sessionId),
  );
  const endpoint = endpoints.find(({ id }) => id === shown?.id) ?? endpoints[0] ?? null;
  const agent = sessions.find(({ id }) => id === endpoint?.sessionId) ?? sessions[0] ?? null;
  const [latest] = overview.recent;
  return {
    agent,
    tunnel: tunnelOf(overview, endpoint, shown, agent),
    lastEvent: latest !== undefined && endpoint === null ? latest : null,
  };
}

function tunnelOf(
  overview: Overview,
  endpoint: LiveEndpoint | null,
  shown: LiveEndpoint | null,
  agent: LiveSession | null,
): Tunnel {
  if (endpoint !== null) return { kind: 'live', endpoint, agent };
  if (shown === null) return { kind: 'none' };
  const event = overview.recent.find(({ type, subject }) => type === 'endpoint.offline' && subject === shown.url);
  return { kind: 'gone', endpoint: shown, event: event ?? null };
}

/** `2kQ7••••••••_4fWz`: enough to tell two tokens apart. */
export function masked(token: string): string {
  if (token.length < 12) return '•'.repeat(token.length);
  return `${token.slice(0, 4)}${'•'.repeat(12)}${token.slice(-4)}`;
}
