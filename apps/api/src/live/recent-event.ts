import type { RecentEvent } from '@portico/api-contract/dashboard';
import type { EventType } from '@portico/api-contract/internal';
import type { LifecycleEventRow } from '@portico/db';

const types = {
  'agent_session_start.v0': 'session.started',
  'agent_session_stop.v0': 'session.ended',
  'agent_session_refused.v0': 'session.refused',
  'endpoint_start.v0': 'endpoint.online',
  'endpoint_stop.v0': 'endpoint.offline',
} as const satisfies Partial<Record<EventType, RecentEvent['type']>>;

/** One line of the dashboard's list; null for a kind that this version does not know. */
export function recentEvent(event: Pick<LifecycleEventRow, 'id' | 'type' | 'at' | 'object'>): RecentEvent | null {
  const type = Object.entries(types).find(([stored]) => stored === event.type)?.[1];
  if (type === undefined) return null;
  const facts = isObject(event.object) ? event.object : {};
  const text = (...names: string[]): string | null => {
    for (const name of names) {
      const value = facts[name];
      if (typeof value === 'string' && value !== '') return value;
      if (typeof value === 'number') return String(value);
    }
    return null;
  };
  const aboutEndpoint = type === 'endpoint.online' || type === 'endpoint.offline';
  const subject = aboutEndpoint
    ? text('url', 'endpointId')
    : text('agentName', 'hostname', 'clientType', 'userAgent', 'sessionId', 'ip');
  return {
    id: event.id,
    at: event.at.toISOString(),
    type,
    subject: subject ?? (aboutEndpoint ? 'endpoint' : 'agent'),
    detail: text('reason', 'message', 'error', 'errorCode', 'ip', 'forwardsTo'),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
