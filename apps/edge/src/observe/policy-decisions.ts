import type { ActionResult } from '@portico/traffic-policy';

/** What the actions of one phase left behind, by their names. */
export type PhaseResults = Readonly<Record<string, ActionResult>>;

type Decision = 'allow' | 'deny' | 'block';

export interface PolicyDecisions {
  readonly basic_auth: { readonly decision: Decision; readonly username: string } | null;
  readonly circuit_breaker: { readonly decision: Decision } | null;
  readonly compression: { readonly algorithm: string } | null;
  readonly ip_policy: { readonly decision: Decision } | null;
  readonly oauth: {
    readonly decision: Decision;
    readonly user: { readonly id: string; readonly name: string } | null;
  } | null;
  readonly webhook_verification: { readonly decision: Decision } | null;
}

/**
 * What the policies on the way of a request decided about it, as events tell it: null for each action that did not run;
 * the last run of an action counts.
 */
export function policyDecisions(phases: readonly PhaseResults[]): PolicyDecisions {
  const of = (name: string) => phases.findLast((results) => Object.hasOwn(results, name))?.[name] ?? null;
  const credentials = record(of('basic_auth')?.credentials);
  const circuit = of('circuit_breaker');
  const compression = text(of('compress_response')?.negotiated_algorithm);
  const restriction = of('restrict_ips');
  const signIn = of('oauth') ?? of('oidc');
  const identity = record(signIn?.identity);
  const webhook = of('verify_webhook');
  return {
    basic_auth: credentials && { decision: allowed(credentials.authorized), username: text(credentials.username) },
    circuit_breaker: circuit && { decision: circuit.open === true ? 'block' : 'allow' },
    compression: compression === '' ? null : { algorithm: compression },
    ip_policy: restriction && { decision: allowed(restriction.action === 'allow') },
    oauth: signIn && {
      decision: allowed(identity !== null),
      user: identity && { id: text(identity.id), name: text(identity.name) },
    },
    webhook_verification: webhook && { decision: allowed(webhook.verified) },
  };
}

function allowed(value: unknown): Decision {
  return value === true ? 'allow' : 'deny';
}

function record(value: unknown): { readonly [field: string]: unknown } | null {
  return typeof value === 'object' && value !== null ? { ...value } : null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 256) : '';
}
