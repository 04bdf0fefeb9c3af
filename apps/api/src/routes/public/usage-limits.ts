import type { UsageLimitsResource } from '@portico/api-contract/public';
import { countReservedDomains, findAccount, monthOf, monthTotals } from '@portico/db';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import type { LiveState } from '../../live/live-state.ts';
import { callerOf, notFound, resourcesFor } from './conventions.ts';

/** `GET /usage/limits`: what the plan allows, in the numbers that edges and API hold the account to. */
export function usageLimitRoutes(app: FastifyInstance, context: ApiContext, live: LiveState): void {
  const { database, config, plans, now } = context;
  app.get('/usage/limits', async (request): Promise<UsageLimitsResource> => {
    const { accountId } = callerOf(request);
    const { queries } = database;
    const month = monthOf(now());
    const account = await findAccount(queries, accountId);
    if (account === null) throw notFound('account', accountId);
    const [totals] = await monthTotals(queries, month, [accountId]);
    const plan = plans.of(account.plan);
    const asNumber = (limit: bigint | null) => (limit === null ? null : Number(limit));
    return {
      plan: account.plan,
      month_start: month.toISOString(),
      month_end: new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1)).toISOString(),
      requests_per_month: { used: totals?.requests ?? 0, limit: asNumber(plan.requestsPerMonth) },
      connections_per_month: { used: totals?.connections ?? 0, limit: asNumber(plan.connectionsPerMonth) },
      bytes_per_month: { used: totals?.bytes ?? 0, limit: asNumber(plan.bytesPerMonth) },
      endpoints: { used: live.claimsOf(accountId).length, limit: plan.endpoints },
      sessions: {
        used: live.sessionCount(accountId),
        limit: Math.min(account.sessionLimit, plan.sessions ?? account.sessionLimit),
      },
      reserved_domains: { used: await countReservedDomains(queries, accountId), limit: plan.reservedDomains },
      endpoints_per_session: {
        limit: Math.min(account.sessionEndpointLimit, plan.endpointsPerSession ?? account.sessionEndpointLimit),
      },
      requests_per_second: { limit: plan.requestsPerSecond },
      connections_per_second: { limit: plan.connectionsPerSecond },
      uri: resourcesFor(request, config.publicOrigin).uri('/usage/limits'),
    };
  });
}
