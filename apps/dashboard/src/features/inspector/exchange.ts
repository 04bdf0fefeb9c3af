import type { ExchangeResource } from '@portico/api-contract/public';
import { anything, flag, list, nullable, number, object, oneOf, type Reader, text, union } from '../../lib/shape.ts';

/** One line of the list: what the API says of an exchange without its contents. */
export type ExchangeLine = Omit<ExchangeResource, 'uri' | 'policy' | 'request' | 'response' | 'hidden_headers'>;
export type ExchangeSide = NonNullable<ExchangeResource['request']>;

export type ExchangePhase = NonNullable<ExchangeResource['policy']>['phases'][number];

/** The whole of it. */
export interface ExchangeDetail extends ExchangeLine {
  readonly request: ExchangeSide | null;
  readonly response: ExchangeSide | null;
  readonly policy: {
    readonly request: string | null;
    readonly response: string | null;
    readonly logs: readonly unknown[];
    /** Rule by rule, in the order in which they ran. */
    readonly phases: readonly ExchangePhase[];
  } | null;
  readonly hiddenHeaders: readonly string[];
}

const lineFields = {
  id: text,
  created_at: text,
  endpoint_id: text,
  url: text,
  method: text,
  host: text,
  path: text,
  status_code: nullable(number),
  error_code: nullable(text),
  outcome: oneOf('complete', 'cut', 'gone', 'upgraded', 'open'),
  client_ip: text,
  http_version: text,
  agent: nullable(text),
  region: text,
  timing: object({
    policy_ms: nullable(number),
    tunnel_ms: nullable(number),
    wait_ms: nullable(number),
    total_ms: number,
  }),
  request_bytes: number,
  response_bytes: number,
  message_count: number,
  replay_of: nullable(text),
  replayed_by: nullable(text),
};

export const readLine: Reader<ExchangeLine> = object(lineFields);

const pair: Reader<[string, string]> = (value) => {
  const [name = '', content = ''] = list(text)(value);
  return [name, content];
};
const side: Reader<ExchangeSide> = object({
  headers: list(pair),
  trailers: list(pair),
  body: text,
  truncated: flag,
});

const phase: Reader<ExchangePhase> = object({
  url: text,
  phase: text,
  rules: list(
    object({
      name: nullable(text),
      index: number,
      verdict: oneOf('fired', 'skipped', 'failed', 'not-reached'),
      expressions: list(object({ source: text, value: nullable(flag), error: nullable(text) })),
      actions: list(object({ type: text, effect: text, milliseconds: number, ended: flag })),
    }),
  ),
  cut: flag,
});

const contents = object({
  request: nullable(side),
  response: nullable(side),
  policy: nullable(
    object({ request: nullable(text), response: nullable(text), logs: list(anything), phases: list(phase) }),
  ),
  hidden_headers: list(text),
});

export const readDetail: Reader<ExchangeDetail> = (value) => {
  const { hidden_headers: hiddenHeaders, ...rest } = contents(value);
  return { ...readLine(value), ...rest, hiddenHeaders };
};

/** One page of a search: it may be empty and have a next one. */
export const readSearch = object({
  exchanges: list(readLine),
  searched: number,
  searched_to: nullable(text),
  next_page_uri: nullable(text),
});

export type ExchangeNews =
  | {
      readonly kind: 'exchanges';
      readonly exchanges: readonly ExchangeLine[];
      /** Of these, by id, those that the search of the stream finds and a line alone does not tell of. */
      readonly found: readonly string[];
      /** Exchanges with new messages, and how many they have by now. */
      readonly messages: readonly { readonly id: string; readonly count: number }[];
      readonly missed: number;
      readonly dropped: number;
    }
  | { readonly kind: 'ping' };

const news = union<ExchangeNews>({
  exchanges: object({
    kind: oneOf('exchanges'),
    exchanges: list(readLine),
    found: list(text),
    messages: list(object({ id: text, count: number })),
    missed: number,
    dropped: number,
  }),
  ping: object({ kind: oneOf('ping') }),
});

/** One event of the live stream. */
export const readNews = (data: string): ExchangeNews => news(JSON.parse(data));

/** What its method says of it: a WebSocket and a stream of events are more than a GET. */
export function methodOf({ method, status_code: status, outcome, message_count: messages }: ExchangeLine): string {
  if (status === 101) return 'WS';
  return outcome === 'open' || messages > 0 ? 'SSE' : method;
}

/** It has a list of messages. */
export function hasMessages(line: ExchangeLine): boolean {
  return line.message_count > 0 || line.outcome === 'open' || line.status_code === 101;
}

/** It went wrong: a 5xx, an answer that broke off, or none at all though the visitor stayed. */
export function isFailure(line: ExchangeLine): boolean {
  return (
    (line.status_code ?? 0) >= 500 || line.outcome === 'cut' || (line.status_code === null && line.outcome !== 'gone')
  );
}

/** The path without its query, and the query with its `?`. */
export function splitPath(path: string): { readonly path: string; readonly query: string } {
  const at = path.indexOf('?');
  return at === -1 ? { path, query: '' } : { path: path.slice(0, at), query: path.slice(at) };
}
