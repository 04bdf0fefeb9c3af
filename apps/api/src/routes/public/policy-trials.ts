import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type PolicySurveyResource,
  type PolicyTrialResource,
  policySurveyCreate,
  policyTrialCreate,
} from '@portico/api-contract/public';
import { type ExchangeRow, findExchange, recentExchanges } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { readBody } from '../../plugins/json-input.ts';
import {
  endOf,
  explainRequest,
  loadForTrial,
  shownExplanation,
  type TriedRequest,
} from '../../policy-trials/try-policy.ts';
import { callerOf, notFound } from './conventions.ts';

const surveyed = 1_000;
const stoppedShown = 50;
/** Rows between two turns of the event loop: others wait no longer than that. */
const rowsATurn = 25;

/** `/policy_trials` and `/policy_surveys`: what a policy would do to a request, or to those of the last hours. */
export function policyTrialRoutes(app: FastifyInstance, context: ApiContext): void {
  const { database, exchanges, now } = context;

  app.post('/policy_trials', async (request): Promise<PolicyTrialResource> => {
    const { traffic_policy: text, exchange_id: id, request: madeUp } = readBody(request, policyTrialCreate);
    const loaded = loadForTrial(text);
    if (loaded.kind === 'refused') return { problems: loaded.problems, conclusion: null, phases: [] };
    const { accountId } = callerOf(request);
    let tried: TriedRequest | null = null;
    if (typeof id === 'string' && id !== '') {
      const row = await findExchange(database.queries, accountId, id);
      if (row === null) throw notFound('exchange', id);
      tried = recorded(row);
    } else if (madeUp !== undefined && madeUp !== null) {
      const url = new URL(madeUp.url);
      const fields = (madeUp.headers ?? []).flat();
      tried = {
        url,
        method: (madeUp.method ?? 'GET').toUpperCase(),
        target: `${url.pathname}${url.search}`,
        httpVersion: '1.1',
        fields: fields.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'host')
          ? fields
          : ['Host', url.host, ...fields],
        clientIp: madeUp.client_ip ?? '203.0.113.1',
        at: now(),
        response: madeUp.status_code == null ? null : { status: madeUp.status_code, fields: [] },
      };
    }
    if (tried === null) throw new PorticoError(215, { field: 'request', reason: 'give it or exchange_id' });
    return { problems: [], ...shownExplanation(explainRequest(loaded.policy, tried)) };
  });

  app.post('/policy_surveys', async (request): Promise<PolicySurveyResource> => {
    const { traffic_policy: text, limit, endpoint_id: endpointId } = readBody(request, policySurveyCreate);
    const loaded = loadForTrial(text);
    if (loaded.kind === 'refused') return { problems: loaded.problems, exchanges: 0, ends: {}, stopped: [] };
    const { accountId } = callerOf(request);
    const rows = await recentExchanges(database.queries, accountId, {
      endpointId: endpointId ?? null,
      limit: limit ?? surveyed,
    });
    const ends: Record<string, number> = {};
    const stopped: PolicySurveyResource['stopped'] = [];
    for (const [at, row] of rows.entries()) {
      if (at % rowsATurn === rowsATurn - 1) await nextTurn();
      const explanation = explainRequest(loaded.policy, recorded(row));
      const end = endOf(explanation);
      ends[end] = (ends[end] ?? 0) + 1;
      if (end !== 'forwarded' && stopped.length < stoppedShown) {
        stopped.push({ id: row.id, method: row.method, path: row.target, conclusion: explanation.conclusion });
      }
    }
    return { problems: [], exchanges: rows.length, ends, stopped };
  });

  function recorded(row: ExchangeRow): TriedRequest {
    const contents = exchanges.contentsOf(row);
    const url = new URL(row.url.replace('//*.', '//'));
    url.hostname = row.host;
    return {
      url,
      method: row.method,
      target: row.target,
      httpVersion: row.httpVersion,
      fields: contents?.request?.fields ?? ['Host', url.host],
      clientIp: row.clientIp,
      at: row.at,
      response: row.status === null ? null : { status: row.status, fields: contents?.response?.fields ?? [] },
    };
  }
}
