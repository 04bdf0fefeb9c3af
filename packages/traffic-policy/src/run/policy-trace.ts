import { errorName, PorticoError } from '@portico/errors';
import type { Action, ActionType } from '../actions/catalogue.ts';
import type { Phase } from '../document/phase.ts';
import type { PlainValue } from '../document/source-node.ts';
import type { PolicyScope } from '../expressions/scope.ts';
import type { CompiledRule } from '../policy.ts';
import type { ActionResult } from '../variables/action-results.ts';
import type { SecretStore } from '../variables/contexts.ts';
import type { Outcome } from './perform-action.ts';

/** What one phase of a policy did to one request or answer. */
export interface TracedPhase {
  /** URL of the endpoint whose policy it is: one that was forwarded has those of several. */
  readonly url: string;
  readonly phase: Phase;
  /** In their order; those that were not reached too. */
  readonly rules: TracedRule[];
  /** There was no room for more. */
  readonly cut: boolean;
}

export interface TracedRule {
  readonly name: string | null;
  /** Position in its phase, from 0. */
  readonly index: number;
  readonly verdict: 'fired' | 'skipped' | 'failed' | 'not-reached';
  /** Those that were asked: the first that is false, or fails, is the last. */
  readonly expressions: TracedExpression[];
  readonly actions: TracedAction[];
}

export interface TracedExpression {
  readonly source: string;
  /** Null when it failed. */
  readonly value: boolean | null;
  readonly error: string | null;
}

export interface TracedAction {
  readonly type: ActionType;
  /** What it did, a few words without values of secrets; `failed: …` when it could not be done; '' when it was not. */
  readonly effect: string;
  readonly milliseconds: number;
  /** The phase ended with it. */
  readonly ended: boolean;
}

/** Kept of all phases of one request. */
const CHARACTERS_MAX = 16_384;
const TEXT_MAX = 400;
const HIDDEN = '•••';

/** How an action that is done elsewhere ended, beside what `Outcome` knows. */
type AnyOutcome = Outcome | { readonly kind: 'forward' };

/**
 * What the policies on the way of one request did, phase by phase: which rules fired and why, and what their actions
 * came to. Values of secrets that a phase has read do not get in.
 */
export class PolicyTrace {
  readonly #phases: PhaseTrace[] = [];
  readonly #now: () => number;
  readonly #secrets = new Set<string>();
  #left = CHARACTERS_MAX;

  /** @param now monotonic, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  begin(url: string, phase: Phase, rules: readonly CompiledRule[]): PhaseTrace {
    const trace = new PhaseTrace(url, phase, rules, {
      now: this.#now,
      text: (text) => this.#clean(text),
      takeRoom: (characters) => {
        if (this.#left <= 0) return false;
        this.#left -= characters;
        return true;
      },
    });
    this.#phases.push(trace);
    return trace;
  }

  get phases(): TracedPhase[] {
    return this.#phases.map((phase) => phase.read());
  }

  /** The same secrets; what is read of them is known here. */
  watch(secrets: SecretStore): SecretStore {
    return {
      get: (vault, name) => {
        const value = secrets.get(vault, name);
        // Shorter ones would take common words out of every text.
        if (value !== null && value.length >= 4) this.#secrets.add(value).add(encodeURIComponent(value.toWellFormed()));
        return value;
      },
    };
  }

  /** A value that was logged, without secrets. */
  hide(value: PlainValue): PlainValue {
    if (this.#secrets.size === 0) return value;
    if (typeof value === 'string') return this.#hidden(value);
    if (Array.isArray(value)) return value.map((item) => this.hide(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.#hidden(key), this.hide(item)]));
  }

  #clean(text: string): string {
    const hidden = this.#hidden(text);
    return hidden.length > TEXT_MAX ? `${hidden.slice(0, TEXT_MAX)}…` : hidden;
  }

  #hidden(text: string): string {
    let hidden = text;
    for (const secret of this.#secrets) hidden = hidden.replaceAll(secret, HIDDEN);
    return hidden;
  }
}

interface TraceTools {
  readonly now: () => number;
  readonly text: (text: string) => string;
  readonly takeRoom: (characters: number) => boolean;
}

/** One phase, told by the one who walks it. */
export class PhaseTrace {
  readonly #url: string;
  readonly #phase: Phase;
  readonly #rules: readonly CompiledRule[];
  readonly #tools: TraceTools;
  readonly #told = new Map<number, ToldRule>();
  #isCut = false;
  #action: {
    readonly rule: CompiledRule;
    readonly action: Action;
    readonly startedMs: number;
    readonly before: ActionResult | null;
  } | null = null;

  constructor(url: string, phase: Phase, rules: readonly CompiledRule[], tools: TraceTools) {
    this.#url = url;
    this.#phase = phase;
    this.#rules = rules;
    this.#tools = tools;
  }

  /** In the place of `ruleFires`: the same answer, the same error. */
  fires(rule: CompiledRule, scope: PolicyScope): boolean {
    const expressions: TracedExpression[] = [];
    let verdict: TracedRule['verdict'] = 'fired';
    try {
      for (const expression of rule.expressions) {
        const source = this.#tools.text(expression.source);
        try {
          const value = expression.test(scope);
          expressions.push({ source, value, error: null });
          if (value) continue;
          verdict = 'skipped';
          break;
        } catch (error) {
          verdict = 'failed';
          expressions.push({ source, value: null, error: this.#tools.text(messageOf(error)) });
          throw error;
        }
      }
    } finally {
      this.#tell(rule, verdict, expressions);
    }
    return verdict === 'fired';
  }

  /** An action begins. */
  begin(rule: CompiledRule, action: Action, scope: PolicyScope): void {
    this.#action = { rule, action, startedMs: this.#tools.now(), before: resultOf(action.type, scope) };
  }

  /** It is done. */
  done(outcome: AnyOutcome, scope: PolicyScope): void {
    const { action, before } = this.#action ?? {};
    if (action === undefined) return;
    const after = resultOf(action.type, scope);
    this.#end(effectOf(outcome, after === before ? null : after), outcome.kind !== 'next' && outcome.kind !== 'log');
  }

  /** It failed, and with it the phase; so did an expression that `fires` told of already. */
  failed(error: unknown): void {
    if (this.#action !== null) this.#end(`failed: ${messageOf(error)}`, true);
  }

  read(): TracedPhase {
    const rules = this.#rules.slice(0, RULES_MAX).map(({ name: given, index, actions }): TracedRule => {
      const name = given === null ? null : this.#tools.text(given);
      const { verdict, expressions, actions: done } = this.#told.get(index) ?? NOT_REACHED;
      const undone = () => actions.map(({ type }) => ({ type, effect: '', milliseconds: 0, ended: false }));
      return { name, index, verdict, expressions, actions: done.length > 0 ? done : undone().slice(0, ACTIONS_MAX) };
    });
    return { url: this.#url, phase: this.#phase, rules, cut: this.#isCut || this.#rules.length > RULES_MAX };
  }

  #tell(rule: CompiledRule, verdict: TracedRule['verdict'], expressions: TracedExpression[]): void {
    const characters = expressions.reduce((sum, { source, error }) => sum + source.length + (error?.length ?? 0), 60);
    if (!this.#tools.takeRoom(characters)) {
      this.#isCut = true;
      this.#told.set(rule.index, { verdict, expressions: [], actions: [] });
      return;
    }
    this.#told.set(rule.index, { verdict, expressions, actions: [] });
  }

  #end(effect: string, ended: boolean): void {
    if (this.#action === null) return;
    const { rule, action, startedMs } = this.#action;
    this.#action = null;
    const text = this.#tools.text(effect);
    const told = this.#told.get(rule.index);
    if (told === undefined || told.actions.length >= ACTIONS_MAX || !this.#tools.takeRoom(40 + text.length)) {
      this.#isCut = true;
      return;
    }
    const milliseconds = Math.max(0, Math.round((this.#tools.now() - startedMs) * 1_000) / 1_000);
    told.actions.push({ type: action.type, effect: text, milliseconds, ended });
  }
}

interface ToldRule {
  readonly verdict: TracedRule['verdict'];
  readonly expressions: TracedExpression[];
  readonly actions: TracedAction[];
}

const NOT_REACHED: ToldRule = { verdict: 'not-reached', expressions: [], actions: [] };

const RULES_MAX = 100;
const ACTIONS_MAX = 50;

function messageOf(error: unknown): string {
  return error instanceof PorticoError ? `${error.message} (${errorName(error.code)})` : 'an error of the server';
}

function resultOf(type: ActionType, scope: PolicyScope): ActionResult | null {
  const name = type === 'openid-connect' ? 'oidc' : type.replaceAll('-', '_');
  return scope.results[name] ?? null;
}

/** Only what is named here is told of a result: tokens, headers, bodies and keys of buckets stay out. */
function effectOf(outcome: AnyOutcome, result: ActionResult | null): string {
  const found = result === null ? '' : findingOf(result);
  switch (outcome.kind) {
    case 'answer': {
      const { status, error } = outcome.answer;
      const answer = `answered ${status}${error === null ? '' : ` (${errorName(error.code)})`}`;
      return found === '' ? answer : `${found}, ${answer}`;
    }
    case 'close':
      return found === '' ? 'closed the connection' : `${found}, closed the connection`;
    case 'log':
      return 'logged';
    case 'forward':
      return found === '' ? 'forwarded' : `forwarded ${found}`;
    case 'next':
      return found === '' ? 'done' : found;
  }
}

/** By the name of a field of a result. */
const TOLD_FIELDS: Readonly<Record<string, (value: unknown) => string | null>> = {
  error: (value) =>
    isRecord(value) && text(value.code) !== '' ? `${text(value.message)} (${text(value.code)})` : null,
  headers_added: (value) => (value instanceof Map ? namesOf('set', [...value.keys()]) : null),
  headers_removed: (value) => (Array.isArray(value) ? namesOf('removed', value) : null),
  credentials: (value) =>
    isRecord(value) ? (value.authorized === true ? 'credentials are right' : 'credentials are missing or wrong') : null,
  open: (value) => (value === true ? 'the circuit is open' : 'the circuit is closed'),
  negotiated_algorithm: (value) => (text(value) === '' ? 'sent as it is' : `compressed with ${text(value)}`),
  url: (value) => (text(value) === '' ? null : `to ${text(value)}`),
  attempts: (value) => (Array.isArray(value) ? `${value.length} sent` : null),
  res: (value) => (isRecord(value) && value.status_code !== undefined ? `got ${text(value.status_code)}` : null),
  tokens: (value) => (Array.isArray(value) ? `tokens read: ${value.length}` : null),
  identity: (value) => (isRecord(value) && text(value.email) !== '' ? `signed in as ${text(value.email)}` : null),
  limited: (value) => (value === true ? 'over the limit' : 'within the limit'),
  replacements: (value) => `${text(value)} replaced`,
  action: (value) => (text(value) === 'allow' ? 'address allowed' : 'address refused'),
  matched_cidr: (value) => (text(value) === '' ? null : `by ${text(value)}`),
  verified: (value) => (value === true ? 'signature is right' : 'signature is wrong'),
};

function findingOf(result: ActionResult): string {
  const parts: string[] = [];
  for (const [field, value] of Object.entries(result)) {
    const told = TOLD_FIELDS[field]?.(value) ?? null;
    if (told !== null) parts.push(told);
  }
  return parts.join(', ');
}

function namesOf(what: string, names: readonly unknown[]): string {
  return names.length === 0 ? 'nothing to do' : `${what} ${names.map(text).join(', ')}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string {
  return typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'bigint'
      ? String(value)
      : '';
}
