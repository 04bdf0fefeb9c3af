import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import type { LiveState } from '../../live/live-state.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { certificateRoutes } from './certificates.ts';
import { credentialRoutes } from './credentials.ts';
import { eventDestinationRoutes } from './event-destinations.ts';
import { eventSubscriptionRoutes } from './event-subscriptions.ts';
import { exchangeRoutes } from './exchanges.ts';
import { ipPolicyRoutes } from './ip-policies.ts';
import { liveRoutes } from './live-resources.ts';
import { peopleRoutes } from './people.ts';
import { policyTrialRoutes } from './policy-trials.ts';
import { recordRoutes } from './records.ts';
import { reservedAddrRoutes } from './reserved-addrs.ts';
import { reservedDomainRoutes } from './reserved-domains.ts';
import { serviceUserRoutes } from './service-users.ts';
import { usageLimitRoutes } from './usage-limits.ts';
import { vaultRoutes } from './vaults.ts';

/** Everything that belongs to an account, for API keys and for people in the dashboard. Who calls has been settled. */
export function resourceRoutes(app: FastifyInstance, context: ApiContext, live: LiveState): void {
  apiKeyRoutes(app, context);
  credentialRoutes(app, context);
  reservedDomainRoutes(app, context);
  reservedAddrRoutes(app, context);
  liveRoutes(app, context, live);
  certificateRoutes(app, context);
  ipPolicyRoutes(app, context);
  eventDestinationRoutes(app, context);
  eventSubscriptionRoutes(app, context);
  vaultRoutes(app, context);
  serviceUserRoutes(app, context);
  peopleRoutes(app, context);
  exchangeRoutes(app, context, live);
  policyTrialRoutes(app, context);
  recordRoutes(app, context);
  usageLimitRoutes(app, context, live);
}
