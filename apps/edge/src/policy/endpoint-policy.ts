import { type Action, CircuitBreaker, type CompiledPolicy, EMPTY_POLICY } from '@portico/traffic-policy';

/**
 * The policy of one endpoint, ready to run: never changed, swapped whole. What its actions count lives here where it
 * ends with the policy (circuits), and in `Policies` where it outlives it (rate limits).
 */
export class EndpointPolicy {
  readonly compiled: CompiledPolicy;
  /** Browsers may send cookies of a sign-in, on pages too where none is asked for. */
  readonly signsIn: boolean;
  readonly #circuits = new Map<Action, CircuitBreaker>();

  constructor(compiled: CompiledPolicy) {
    this.compiled = compiled;
    let signsIn = false;
    for (const rule of compiled.phases.on_http_request) {
      for (const action of rule.actions) {
        if (action.type === 'circuit-breaker') this.#circuits.set(action, new CircuitBreaker(action.config));
        signsIn ||= action.type === 'oauth' || action.type === 'openid-connect';
      }
    }
    this.signsIn = signsIn;
  }

  circuit(action: Action): CircuitBreaker | null {
    return this.#circuits.get(action) ?? null;
  }
}

/** Lets everything through; for the places where an endpoint without policy is wanted as one with. */
export const NO_POLICY = new EndpointPolicy(EMPTY_POLICY);
