import { PorticoError } from '@portico/errors';
import type { Action, ActionType } from './actions/catalogue.ts';
import type { EndpointProtocol, Phase } from './document/phase.ts';
import type { PlainValue } from './document/source-node.ts';
import type { Expression } from './expressions/expression.ts';
import type { PolicyScope } from './expressions/scope.ts';

/**
 * A policy that is ready to run: parsed, checked, compiled, and never changed again. An endpoint swaps it whole.
 */
export interface CompiledPolicy {
  /** Rules by phase, in the order of the document. A phase without rules has an empty list. */
  readonly phases: Readonly<Record<Phase, readonly CompiledRule[]>>;
  /** The document as JSON would hold it, with the present names of phases. Secrets in it are as they were written. */
  readonly document: { readonly [phase: string]: PlainValue };
  readonly needs: PolicyNeeds;
}

export interface CompiledRule {
  readonly name: string | null;
  /** Position in its phase, from 0. */
  readonly index: number;
  /** All have to be true; none is always. */
  readonly expressions: readonly Expression[];
  readonly actions: readonly Action[];
}

/** What a policy asks of whoever runs it, so that nothing is prepared in vain. */
export interface PolicyNeeds {
  /** The body of the request must be there before it is forwarded. */
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  /** Certificates of the visitor. */
  readonly clientCertificate: boolean;
}

export const EMPTY_POLICY: CompiledPolicy = {
  phases: { on_tcp_connect: [], on_http_request: [], on_http_response: [], on_event_stream_message: [] },
  document: {},
  needs: { requestBody: false, responseBody: false, clientCertificate: false },
};

/**
 * Whether a rule fires for what the scope holds.
 *
 * @throws {PorticoError} 2254 or 2249 when an expression fails; the rule has then neither fired nor not fired.
 */
export function ruleFires(rule: CompiledRule, scope: PolicyScope): boolean {
  for (const expression of rule.expressions) if (!expression.test(scope)) return false;
  return true;
}

export function hasRules(policy: CompiledPolicy, phase: Phase): boolean {
  return policy.phases[phase].length > 0;
}

/**
 * One policy after another: the rules of the second come after those of the first in every phase. Used for classic
 * options and a policy document on one endpoint.
 *
 * @throws {PorticoError} 2239 when both would sign visitors in
 */
export function combinePolicies(first: CompiledPolicy, second: CompiledPolicy): CompiledPolicy {
  const [signIn] = signInsOf(second);
  if (signIn !== undefined && signInsOf(first).length > 0) throw new PorticoError(2239, { type: signIn });
  const join = (phase: Phase): readonly CompiledRule[] =>
    [...first.phases[phase], ...second.phases[phase]].map((rule, index) => ({ ...rule, index }));
  const document: Record<string, PlainValue> = {};
  for (const part of [first.document, second.document]) {
    for (const [phase, rules] of Object.entries(part)) {
      const before = document[phase];
      document[phase] = [...(Array.isArray(before) ? before : []), ...(Array.isArray(rules) ? rules : [])];
    }
  }
  return {
    phases: {
      on_tcp_connect: join('on_tcp_connect'),
      on_http_request: join('on_http_request'),
      on_http_response: join('on_http_response'),
      on_event_stream_message: join('on_event_stream_message'),
    },
    document,
    needs: {
      requestBody: first.needs.requestBody || second.needs.requestBody,
      responseBody: first.needs.responseBody || second.needs.responseBody,
      clientCertificate: first.needs.clientCertificate || second.needs.clientCertificate,
    },
  };
}

function signInsOf(policy: CompiledPolicy): ActionType[] {
  return policy.phases.on_http_request
    .flatMap(({ actions }) => actions.map(({ type }) => type))
    .filter((type) => type === 'oauth' || type === 'openid-connect');
}

/** What a policy is loaded for: decides which phases and actions it may hold. */
export interface PolicyTarget {
  /** Null: not known yet, every phase and action is accepted. */
  readonly protocol: EndpointProtocol | null;
  /** An agent's endpoint, one that has no agent behind it, or one that only other endpoints reach. */
  readonly kind: 'agent' | 'cloud';
  /** The host ends in `.internal`. */
  readonly internal: boolean;
}

export const ANY_TARGET: PolicyTarget = { protocol: null, kind: 'agent', internal: false };
