import { type ErrorCode, type ErrorDetails, PorticoError } from '@portico/errors';
import { type Outgoing, type OutgoingAnswer, OutgoingError } from '@portico/outgoing';
import {
  type ActionResult,
  type PolicyScope,
  parseInternalUrl,
  RetryVariables,
  renderHeaders,
  type Template,
} from '@portico/traffic-policy';
import type { Endpoint } from '../../endpoint/endpoint.ts';
import type { Sweep } from '../../proxy/sweep.ts';
import type { ActionOf, AsyncAction, AsyncOutcome, AsyncTools } from '../async-action.ts';
import { HOPS_MAX } from '../forward-internal.ts';
import { type PassExchange, sendInternal } from './internal-request.ts';
import { NEXT, NO_ERROR, refuse, resultError } from './refusal.ts';

const ANSWER_BYTES_MAX = 262_144;
const RETRIES_MAX = 3;

interface Sent {
  readonly url: string;
  readonly method: string;
  /** Flat, lower-case names. */
  readonly fields: readonly string[];
  readonly body: string;
}

/** Endpoints of an account that no visitor reaches, and the way to them. */
export interface InternalTargets {
  find(accountId: string, proto: 'http' | 'https', host: string, port: number): Endpoint | null;
  readonly pass: PassExchange;
  readonly sweep: Sweep;
}

/** A request that a policy sends counts as so many endpoints on the way: it may come back three times, not for ever. */
const HOPS_OF_A_REQUEST = 3;

/**
 * `http-request`: asks somebody before the request goes on; what came back is for later rules. Who is asked is the
 * owner's word alone (T5): the origin of the URL stands in the policy as it is, only path and query may come from the
 * request. `https://name.internal` is an internal endpoint of the account, by its own policy.
 */
export class HttpRequestAction implements AsyncAction<'http-request'> {
  readonly #outgoing: Outgoing;
  readonly #internal: InternalTargets;

  constructor({ outgoing, internal }: { outgoing: Outgoing; internal: InternalTargets }) {
    this.#outgoing = outgoing;
    this.#internal = internal;
  }

  async run({ config }: ActionOf<'http-request'>, scope: PolicyScope, tools: AsyncTools): Promise<AsyncOutcome> {
    const url = new URL(targetUrl(config.url, scope));
    for (const { key, value } of config.queryParams) url.searchParams.append(key.text(scope), value.text(scope));
    const sent: Sent = {
      url: url.href,
      method: config.method,
      fields: renderHeaders(config.headers, 'http-request', scope),
      body: config.body?.text(scope) ?? '',
    };
    const clientIp = scope.connection.clientIp;
    const target = parseInternalUrl(`${url.protocol}//${url.host}`);
    const startedMs = performance.now();
    const attempts: ReadonlyMap<string, unknown>[] = [];
    for (;;) {
      const leftMs = Math.max(1, config.timeoutMs - (performance.now() - startedMs));
      const attempt =
        target === null
          ? await this.#attempt(sent, config.maxRedirects, leftMs, clientIp, tools)
          : await this.#attemptInternal(sent, target, leftMs, tools);
      attempts.push(attemptSummary(attempt.result));
      tools.signal.throwIfAborted();
      const again =
        config.retryCondition !== null &&
        attempts.length <= RETRIES_MAX &&
        performance.now() - startedMs < config.timeoutMs &&
        config.retryCondition.test(
          scope,
          new RetryVariables(scope, {
            attempts: attempts.length,
            req: requestResult(sent),
            res: attempt.result,
            error: attempt.problem === null ? '' : new PorticoError(...attempt.problem).message,
          }),
        );
      if (again) continue;
      const { problem } = attempt;
      scope.setResult('http_request', {
        attempts,
        req: requestResult(sent),
        res: attempt.result,
        error: problem === null ? NO_ERROR : resultError(...problem),
      });
      return problem !== null && config.onError === 'halt' ? refuse(...problem) : NEXT;
    }
  }

  async #attempt(
    sent: Sent,
    maxRedirects: number,
    timeoutMs: number,
    clientIp: string,
    { endpoint, signal }: AsyncTools,
  ): Promise<Attempt> {
    const startedMs = performance.now();
    const headers = new Headers({ 'user-agent': 'portico/http-request', 'x-forwarded-for': clientIp });
    for (let index = 0; index + 1 < sent.fields.length; index += 2) {
      headers.set(sent.fields[index] ?? '', sent.fields[index + 1] ?? '');
    }
    const host = new URL(sent.url).host;
    try {
      const answer = await this.#outgoing.send(sent.url, {
        method: sent.method,
        headers,
        body: sent.body === '' ? null : sent.body,
        signal,
        timeoutMs,
        maxBytes: ANSWER_BYTES_MAX,
        maxRedirects,
        group: endpoint.accountId,
      });
      const problem: [ErrorCode, ErrorDetails] | null =
        maxRedirects > 0 && answer.redirects === maxRedirects && answer.status >= 301 && answer.status <= 308
          ? [3605, { url: host, reason: `it redirects more than ${maxRedirects} times` }]
          : null;
      return { result: answerResult(answer, performance.now() - startedMs), problem };
    } catch (error) {
      return failedAttempt(error, host, timeoutMs, performance.now() - startedMs);
    }
  }

  /** Redirects are not followed here: the answer is what that endpoint says. */
  async #attemptInternal(
    sent: Sent,
    { scheme, host, port }: { readonly scheme: string; readonly host: string; readonly port: number },
    timeoutMs: number,
    tools: AsyncTools,
  ): Promise<Attempt> {
    const startedMs = performance.now();
    const proto = scheme === 'http' ? 'http' : 'https';
    const endpoint = this.#internal.find(tools.endpoint.accountId, proto, host, port);
    const hops = tools.hops + HOPS_OF_A_REQUEST;
    if (endpoint === null) return { result: NO_ANSWER, problem: [3200, { host, url: `${proto}://${host}` }] };
    if (hops > HOPS_MAX) return { result: NO_ANSWER, problem: [3603, {}] };
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(new OutgoingError('timed-out', 'no whole answer in time')),
      timeoutMs,
    );
    try {
      const answer = await sendInternal(
        {
          method: sent.method,
          url: new URL(sent.url),
          fields: sent.fields,
          body: Buffer.from(sent.body, 'utf8'),
          visitor: tools.visitor,
          signal: AbortSignal.any([deadline.signal, tools.signal]),
          maxBytes: ANSWER_BYTES_MAX,
        },
        { endpoint, hops, pass: this.#internal.pass, sweep: this.#internal.sweep },
      );
      return { result: answerResult({ ...answer, address: '' }, performance.now() - startedMs), problem: null };
    } catch (error) {
      return failedAttempt(error, host, timeoutMs, performance.now() - startedMs);
    } finally {
      clearTimeout(timer);
    }
  }
}

interface Attempt {
  readonly result: ActionResult;
  readonly problem: [ErrorCode, ErrorDetails] | null;
}

/** @throws what is no failure of the request */
function failedAttempt(error: unknown, host: string, timeoutMs: number, tookMs: number): Attempt {
  if (!(error instanceof OutgoingError)) throw error;
  const problem: [ErrorCode, ErrorDetails] =
    error.kind === 'too-large'
      ? [3601, { url: host, max: ANSWER_BYTES_MAX }]
      : error.kind === 'timed-out'
        ? [3602, { url: host, seconds: Math.round(timeoutMs / 1_000) }]
        : [3605, { url: host, reason: error.message }];
  return { result: { ...NO_ANSWER, time_ms: BigInt(Math.round(tookMs)) }, problem };
}

/** The text for a request; what decides who is asked must not come from the request. */
function targetUrl(template: Template, scope: PolicyScope): string {
  const text = template.text(scope);
  const bad = (reason: string): PorticoError =>
    new PorticoError(2253, { field: 'url', action: 'http-request', reason });
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw bad('it gave no http or https URL');
  // A name of the account itself may come from anywhere: nobody else is reached by it.
  if (parseInternalUrl(`${url.protocol}//${url.host}`) !== null) return url.href;
  if (url.hostname.endsWith('.internal')) throw bad('it is not the address of an internal endpoint');
  const fixed = template.constant ?? template.source.slice(0, template.source.indexOf('${'));
  if (!/^https?:\/\/[^/?#\\]+[/?#]/i.test(template.constant === null ? fixed : `${fixed}/`)) {
    throw bad('scheme, host and port must be written out: a visitor may not choose who is asked');
  }
  if (new URL(fixed).origin !== url.origin) throw bad('the request changed its host');
  return url.href;
}

function requestResult(sent: Sent): ActionResult {
  return { method: sent.method, url: sent.url, header: headerMap(sent.fields), body: sent.body };
}

const NO_ANSWER: ActionResult = { resolved_ip: '', header: new Map(), status_code: 0n, time_ms: 0n, body: '' };

function answerResult(
  answer: Pick<OutgoingAnswer, 'status' | 'fields' | 'body' | 'address'>,
  timeMs: number,
): ActionResult {
  return {
    resolved_ip: answer.address,
    header: headerMap(answer.fields),
    status_code: BigInt(answer.status),
    time_ms: BigInt(Math.round(timeMs)),
    body: answer.body.toString('utf8'),
  };
}

/** As `attempts[i]` shows it. */
function attemptSummary(result: ActionResult): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>([
    ['resolved_ip', result.resolved_ip],
    ['response_header', result.header],
    ['response_status_code', result.status_code],
    ['response_time_ms', result.time_ms],
  ]);
}

function headerMap(fields: readonly string[]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = (fields[index] ?? '').toLowerCase();
    const values = map.get(name);
    if (values === undefined) map.set(name, [fields[index + 1] ?? '']);
    else values.push(fields[index + 1] ?? '');
  }
  return map;
}
