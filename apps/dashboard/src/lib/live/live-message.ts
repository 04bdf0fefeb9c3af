import type { LiveMessage, Overview, UpstreamState } from '@portico/api-contract/dashboard';
import { flag, list, nullable, number, object, oneOf, type Reader, text, union } from '../shape.ts';

/**
 * Reads one event of the live stream; throws `ShapeError` or `SyntaxError`. The types hold it to the contract, and a test
 * compares it with the contract's own schema.
 */
export function readLiveMessage(data: string): LiveMessage {
  return message(JSON.parse(data));
}

const traffic = {
  requests: number,
  connections: number,
  bytesIn: number,
  bytesOut: number,
  errors: number,
};

const upstream = union<UpstreamState>({
  unknown: object({ kind: oneOf('unknown') }),
  answers: object({ kind: oneOf('answers'), at: text }),
  fails: object({ kind: oneOf('fails'), since: text, code: nullable(number) }),
});

const overview: Reader<Overview> = object({
  at: text,
  account: object({ id: text, name: text, plan: text }),
  endpoints: list(
    object({
      id: text,
      url: text,
      proto: oneOf('http', 'https', 'tls', 'tcp'),
      kind: oneOf('agent', 'cloud', 'internal'),
      name: text,
      metadata: text,
      forwardsTo: text,
      sessionId: text,
      startedAt: text,
      ...traffic,
      upstream,
    }),
  ),
  endpointCount: number,
  sessions: list(
    object({
      id: text,
      agentName: text,
      agentVersion: text,
      os: text,
      arch: text,
      clientType: text,
      ip: text,
      region: text,
      metadata: text,
      startedAt: text,
    }),
  ),
  sessionCount: number,
  hadTunnel: flag,
  recent: list(
    object({
      id: text,
      at: text,
      type: oneOf('endpoint.online', 'endpoint.offline', 'session.started', 'session.ended', 'session.refused'),
      subject: text,
      detail: nullable(text),
    }),
  ),
  today: object(traffic),
  edges: list(object({ nodeId: text, online: flag })),
  connect: nullable(object({ address: text, caSha256: text, caPem: text, baseDomain: text })),
});

const message: Reader<LiveMessage> = union<LiveMessage>({
  overview: object({ kind: oneOf('overview'), overview }),
  ping: object({ kind: oneOf('ping'), at: text }),
  changed: object({ kind: oneOf('changed'), lists: nullable(list(text)) }),
  'signed-out': object({ kind: oneOf('signed-out') }),
});
