import { type ErrorCode, errorName, PorticoError } from '@portico/errors';
import type { Action, ActionType } from './actions/catalogue.ts';
import type { Phase } from './document/phase.ts';
import type { PlainValue } from './document/source-node.ts';
import { OverBudget } from './expressions/budget.ts';
import { PolicyScope } from './expressions/scope.ts';
import { toPlain } from './expressions/values.ts';
import type { CompiledPolicy, CompiledRule } from './policy.ts';
import type { Answer } from './run/answer.ts';
import { type ActionTools, isImmediate, type Outcome, performAction } from './run/perform-action.ts';
import { walkRules } from './run/walk-rules.ts';
import type {
  ConnectionContext,
  EndpointContext,
  RequestContext,
  ResponseContext,
  SecretStore,
} from './variables/contexts.ts';

export interface ExplainedTraffic {
  readonly connection: ConnectionContext;
  readonly endpoint: EndpointContext;
  /** Null: a connection of a tcp or tls endpoint. */
  readonly request: RequestContext | null;
  /** What the upstream would answer; null: the response phase is explained only when the policy itself answers. */
  readonly response: ResponseContext | null;
}

export interface ExplainOptions {
  readonly secrets?: SecretStore;
  readonly now?: () => Date;
  readonly random?: () => number;
  /** Asks without counting, and resolves IP policies. */
  readonly tools?: ActionTools;
}

export interface Explanation {
  readonly phases: readonly ExplainedPhase[];
  /** How it ends, one sentence. */
  readonly conclusion: string;
}

export interface ExplainedPhase {
  readonly phase: Phase;
  readonly rules: readonly ExplainedRule[];
  readonly end: PhaseEnd;
}

export type PhaseEnd =
  | { readonly kind: 'forwarded' }
  | { readonly kind: 'answered'; readonly by: ActionType; readonly status: number }
  | { readonly kind: 'closed'; readonly by: ActionType }
  | { readonly kind: 'forwarded-internally'; readonly url: string }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

export interface ExplainedRule {
  readonly name: string | null;
  readonly index: number;
  /**
   * `unknown`: it depends on what an action finds out that is not done here, such as a sign-in. `not-reached`: the
   * phase ended before.
   */
  readonly verdict: 'fires' | 'skipped' | 'unknown' | 'failed' | 'not-reached';
  readonly expressions: readonly ExplainedExpression[];
  readonly actions: readonly ExplainedAction[];
}

export interface ExplainedExpression {
  readonly source: string;
  readonly value: PlainValue;
  /** Why it has no value. */
  readonly error: string | null;
}

export interface ExplainedAction {
  readonly type: ActionType;
  /** What it does to this request, one sentence. */
  readonly effect: string;
  /** What it leaves in `actions.ngrok`, when it was done here. */
  readonly result: PlainValue;
}

/**
 * Which rules of a policy would fire for a request, and why, with the value of each expression. Nothing outside is
 * touched: no counter, no network, no body. Actions that would need those are named, and rules that depend on what they
 * find are told as unknown.
 */
export function explain(policy: CompiledPolicy, traffic: ExplainedTraffic, options: ExplainOptions = {}): Explanation {
  const phases: ExplainedPhase[] = [];
  let { request, response } = traffic;
  let own: Answer | null = null;
  const explainOne = (phase: Phase): PhaseEnd => {
    const scope = new PolicyScope({
      phase,
      connection: traffic.connection,
      endpoint: traffic.endpoint,
      ...(phase === 'on_tcp_connect' || request === null ? {} : { request }),
      ...(phase === 'on_http_response' && response !== null ? { response } : {}),
      ...options,
    });
    const explainer = new PhaseExplainer(scope, options.tools ?? NO_TOOLS);
    const explained = explainer.explain(policy.phases[phase]);
    phases.push({ phase, ...explained });
    request = scope.request ?? request;
    own = explainer.answer;
    return explained.end;
  };
  const connected = explainOne('on_tcp_connect');
  if (connected.kind !== 'forwarded' || request === null) return { phases, conclusion: conclude(connected) };
  const requested = explainOne('on_http_request');
  if (requested.kind === 'answered') {
    response = answeredResponse(requested.status, own);
  } else if (requested.kind !== 'forwarded' && requested.kind !== 'forwarded-internally') {
    return { phases, conclusion: conclude(requested) };
  }
  if (response === null) return { phases, conclusion: conclude(requested) };
  const responded = explainOne('on_http_response');
  const messages = policy.phases.on_event_stream_message;
  if (messages.length > 0 && responded.kind === 'forwarded') phases.push(leftToMessages(messages));
  return { phases, conclusion: conclude(responded.kind === 'forwarded' ? requested : responded) };
}

/** Rules that are asked for each message of an event stream: there is none here to ask them about. */
function leftToMessages(rules: readonly CompiledRule[]): ExplainedPhase {
  const explained = rules.map(
    (rule): ExplainedRule => ({
      name: rule.name,
      index: rule.index,
      verdict: 'unknown',
      expressions: rule.expressions.map(({ source }) => ({
        source,
        value: null,
        error: 'it is asked for each message of an event stream',
      })),
      actions: rule.actions.map(({ type }) => ({
        type,
        effect: 'would run for each message of an event stream; not run here',
        result: null,
      })),
    }),
  );
  return { phase: 'on_event_stream_message', rules: explained, end: { kind: 'forwarded' } };
}

/** What the response phase sees of an answer that the policy gave; a page of the edge is shown as a program gets it. */
function answeredResponse(statusCode: number, answer: Answer | null): ResponseContext {
  const isPage = answer === null || answer.error !== null;
  return {
    statusCode,
    fields: isPage ? ['Content-Type', 'text/plain; charset=utf-8'] : answer.fields,
    trailers: [],
    contentLength: isPage ? null : answer.body.length,
  };
}

/** No IP policies, and every bucket is empty. */
const NO_TOOLS: ActionTools = {
  ipPolicy: () => null,
  takeFromBucket: () => ({ limited: false, retryAfterSeconds: 0 }),
};

/** Results of actions that are not done here: what depends on them is unknown. */
const LEFT_OPEN: Readonly<Partial<Record<ActionType, readonly string[]>>> = {
  oauth: ['oauth'],
  'openid-connect': ['oidc'],
  'jwt-validation': ['jwt_validation'],
  'verify-webhook': ['verify_webhook'],
  'http-request': ['http_request'],
  'circuit-breaker': ['circuit_breaker'],
  'terminate-tls': ['terminate_tls'],
  'compress-response': ['compress', 'compress_response'],
  'request-body-find-replace': ['request_body_find_replace'],
  'response-body-find-replace': ['response_body_find_replace'],
  'forward-internal': ['forward_internal'],
};

class PhaseExplainer {
  /** What the policy answered in this phase. */
  answer: Answer | null = null;
  readonly #scope: PolicyScope;
  readonly #tools: ActionTools;
  readonly #open = new Set<string>();
  readonly #told = new Map<number, { rule: CompiledRule; explained: ExplainedRule }>();

  constructor(scope: PolicyScope, tools: ActionTools) {
    this.#scope = scope;
    this.#tools = tools;
  }

  explain(rules: readonly CompiledRule[]): { readonly rules: readonly ExplainedRule[]; readonly end: PhaseEnd } {
    let end: PhaseEnd = { kind: 'forwarded' };
    try {
      const walk = walkRules(rules, this.#scope, (rule) => this.#fires(rule));
      for (let step = walk.next(); step.done !== true; step = walk.next(end.kind === 'forwarded' ? 'on' : 'end')) {
        const { rule, action } = step.value;
        const done = this.#perform(action);
        this.#tell(rule, { actions: [...(this.#told.get(rule.index)?.explained.actions ?? []), done.explained] });
        if (done.end !== null) end = done.end;
      }
    } catch (error) {
      if (!(error instanceof PorticoError)) throw error;
      end = { kind: 'failed', code: error.code, message: error.message };
    }
    const told = rules.map(
      (rule) => this.#told.get(rule.index)?.explained ?? { ...blank(rule), verdict: 'not-reached' as const },
    );
    return { rules: told, end };
  }

  #fires(rule: CompiledRule): boolean {
    const expressions: ExplainedExpression[] = [];
    let verdict: ExplainedRule['verdict'] = 'fires';
    let failure: PorticoError | null = null;
    for (const expression of rule.expressions) {
      if (this.#dependsOnOpenResult(expression.source)) {
        expressions.push({
          source: expression.source,
          value: null,
          error: 'it depends on an action that was not done',
        });
        if (verdict === 'fires') verdict = 'unknown';
        continue;
      }
      try {
        const value = expression.test(this.#scope);
        expressions.push({ source: expression.source, value, error: null });
        // The first that is false decides, even when one before it is unknown.
        if (!value) {
          verdict = 'skipped';
          break;
        }
      } catch (error) {
        if (!(error instanceof PorticoError)) throw error;
        expressions.push({ source: expression.source, value: null, error: error.message });
        verdict = 'failed';
        failure = error;
        break;
      }
    }
    this.#tell(rule, { verdict, expressions });
    if (verdict === 'unknown') this.#leaveOpen(rule);
    if (failure !== null) throw failure;
    return verdict === 'fires';
  }

  #perform(action: Action): { readonly explained: ExplainedAction; readonly end: PhaseEnd | null } {
    const { type } = action;
    if (!isImmediate(action)) {
      for (const name of LEFT_OPEN[type] ?? []) this.#open.add(name);
      const end: PhaseEnd | null =
        action.type === 'forward-internal'
          ? { kind: 'forwarded-internally', url: action.config.url.text(this.#scope) }
          : null;
      const effect = end === null ? 'would run here; what it finds is not known' : `would forward to ${end.url}`;
      return { explained: { type, effect, result: null }, end };
    }
    const outcome = performAction(action, this.#scope, this.#tools);
    if (outcome.kind === 'answer') this.answer = outcome.answer;
    const result = this.#scope.results[type.replaceAll('-', '_')];
    return {
      explained: { type, effect: describe(action, outcome), result: result === undefined ? null : plainOrNull(result) },
      end: endOf(action, outcome),
    };
  }

  #dependsOnOpenResult(source: string): boolean {
    return [...source.matchAll(/\bactions\.ngrok\.(\w+)/g)].some(([, name]) => this.#open.has(name ?? ''));
  }

  /** What a rule that may or may not fire would have left is as unknown as the rule itself. */
  #leaveOpen(rule: CompiledRule): void {
    for (const { type } of rule.actions) {
      for (const name of LEFT_OPEN[type] ?? [type.replaceAll('-', '_')]) this.#open.add(name);
    }
  }

  #tell(rule: CompiledRule, changes: Partial<ExplainedRule>): void {
    const before = this.#told.get(rule.index)?.explained ?? blank(rule);
    this.#told.set(rule.index, { rule, explained: { ...before, ...changes } });
  }
}

function blank(rule: CompiledRule): ExplainedRule {
  return { name: rule.name, index: rule.index, verdict: 'skipped', expressions: [], actions: [] };
}

function plainOrNull(value: unknown): PlainValue {
  try {
    return toPlain(value);
  } catch (error) {
    if (error instanceof OverBudget) return null;
    throw error;
  }
}

function endOf(action: Action, outcome: Outcome): PhaseEnd | null {
  switch (outcome.kind) {
    case 'answer':
      return { kind: 'answered', by: action.type, status: outcome.answer.status };
    case 'close':
      return { kind: 'closed', by: action.type };
    default:
      return null;
  }
}

function describe(action: Action, outcome: Outcome): string {
  switch (outcome.kind) {
    case 'answer': {
      const { status, error } = outcome.answer;
      return `answers ${status}${error === null ? '' : ` (${errorName(error.code)})`} and ends the phase`;
    }
    case 'close':
      return 'closes the connection';
    case 'log':
      return 'adds to the log of this request';
    case 'next':
      return action.type === 'redirect' || action.type === 'url-rewrite' ? 'was done; the phase goes on' : 'was done';
  }
}

function conclude(end: PhaseEnd): string {
  switch (end.kind) {
    case 'forwarded':
      return 'The traffic goes to the upstream.';
    case 'answered':
      return `${end.by} answers with ${end.status}.`;
    case 'closed':
      return `${end.by} closes the connection.`;
    case 'forwarded-internally':
      return `forward-internal sends it to ${end.url}.`;
    case 'failed':
      return `The policy fails: ${end.message} (${errorName(end.code)})`;
  }
}
