import type { FilteredContents } from '@portico/api-contract/exchange-filter';
import type { CapturedSide } from '@portico/api-contract/internal';
import type { ExchangeResource } from '@portico/api-contract/public';
import type { ExchangeLine } from '@portico/db';
import { z } from 'zod';
import type { ExchangeContents } from './exchange-store.ts';

/** Headers whose values nobody is shown unless the account says otherwise. */
export const hiddenByDefault: readonly string[] = [
  'authorization',
  'cookie',
  'proxy-authorization',
  'set-cookie',
  'x-api-key',
];

/** An exchange as the REST API shows it, without its URI. `contents` are null in lists. */
export function exchangeShape(
  line: ExchangeLine,
  contents: ExchangeContents | null,
  hidden: readonly string[],
): Omit<ExchangeResource, 'uri'> {
  const side = (captured: CapturedSide | null) =>
    captured === null
      ? null
      : {
          headers: pairsOf(captured.fields, hidden),
          trailers: pairsOf(captured.trailers, hidden),
          body: captured.body,
          truncated: captured.truncated,
        };
  return {
    id: line.id,
    created_at: line.at.toISOString(),
    endpoint_id: line.endpointId,
    url: line.url,
    method: line.method,
    host: line.host,
    path: line.target,
    status_code: line.status,
    error_code: line.errorCode === null ? null : `ERR_NGROK_${line.errorCode}`,
    outcome: outcome.parse(line.outcome),
    client_ip: line.clientIp,
    http_version: line.httpVersion,
    agent: line.agent,
    region: line.region,
    timing: {
      policy_ms: line.policyMs,
      tunnel_ms: line.tunnelMs,
      wait_ms: line.waitMs,
      total_ms: line.totalMs,
    },
    request_bytes: Number(line.requestBytes),
    response_bytes: Number(line.responseBytes),
    message_count: line.messages,
    replay_of: line.replayOf,
    replayed_by: line.replayedBy,
    policy:
      contents?.policy == null ? null : { ...contents.policy, logs: z.array(z.json()).parse(contents.policy.logs) },
    request: side(contents?.request ?? null),
    response: side(contents?.response ?? null),
    hidden_headers: [...hidden],
  };
}

const outcome = z.enum(['complete', 'cut', 'gone', 'upgraded', 'open']);

/** What of it may be searched by those who are not shown hidden values. */
export function withoutHidden({ fields, rules }: FilteredContents, hidden: readonly string[]): FilteredContents {
  return { fields: pairsOf(fields, hidden).flat(), rules };
}

function pairsOf(fields: readonly string[], hidden: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    pairs.push([name, hidden.includes(name.toLowerCase()) ? '' : (fields[at + 1] ?? '')]);
  }
  return pairs;
}
