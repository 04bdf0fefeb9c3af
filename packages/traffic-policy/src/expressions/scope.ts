import type { Phase } from '../document/phase.ts';
import { ACTIONS, type ActionResult, LAST_ATTEMPT, type ResultName } from '../variables/action-results.ts';
import { ConnectionVariables, EndpointVariables } from '../variables/connection-variables.ts';
import {
  type ConnectionContext,
  type EndpointContext,
  type MessageContext,
  NO_SECRETS,
  type RequestContext,
  type ResponseContext,
  type SecretStore,
} from '../variables/contexts.ts';
import { MessageVariables } from '../variables/message-variables.ts';
import { RequestVariables } from '../variables/request-variables.ts';
import { ResponseVariables } from '../variables/response-variables.ts';
import { Budget } from './budget.ts';
import { checkValueSize } from './values.ts';

export interface ScopeFacts {
  readonly phase: Phase;
  readonly connection: ConnectionContext;
  readonly endpoint: EndpointContext;
  /** In the HTTP phases. */
  readonly request?: RequestContext;
  /** In `on_http_response` and `on_event_stream_message`. */
  readonly response?: ResponseContext;
  /** In `on_event_stream_message`. */
  readonly message?: MessageContext;
  readonly secrets?: SecretStore;
  /** Defaults: the clock of the machine, Math.random, the budget of `EVALUATION_LIMITS`. */
  readonly now?: () => Date;
  readonly random?: () => number;
  readonly budgetUnits?: number;
}

/**
 * Everything that the expressions of one phase of one request see, and what they may still cost. Made when a phase
 * begins, dropped when it ends; nothing in it is computed before an expression reads it. Variables live here, so they
 * end with the phase.
 */
export class PolicyScope {
  readonly phase: Phase;
  readonly connection: ConnectionContext;
  readonly endpoint: EndpointContext;
  readonly secrets: SecretStore;
  readonly now: () => Date;
  readonly random: () => number;
  readonly budget: Budget;
  readonly variables: ScopeVariables;
  readonly #results: Record<string, ActionResult> = Object.create(null);
  readonly #vars = new Map<string, unknown>();
  #request: RequestContext | null;
  #response: ResponseContext | null;
  #message: MessageContext | null;

  constructor(facts: ScopeFacts) {
    this.phase = facts.phase;
    this.connection = facts.connection;
    this.endpoint = facts.endpoint;
    this.secrets = facts.secrets ?? NO_SECRETS;
    this.now = facts.now ?? currentTime;
    this.random = facts.random ?? Math.random;
    this.budget = new Budget(facts.budgetUnits);
    this.#request = facts.request ?? null;
    this.#response = facts.response ?? null;
    this.#message = facts.message ?? null;
    this.variables = new ScopeVariables(this);
  }

  /** The request as the actions so far have left it. Null in `on_tcp_connect`. */
  get request(): RequestContext | null {
    return this.#request;
  }

  set request(request: RequestContext | null) {
    this.#request = request;
    this.variables.forgetRequest();
  }

  get response(): ResponseContext | null {
    return this.#response;
  }

  set response(response: ResponseContext | null) {
    this.#response = response;
    this.variables.forgetResponse();
  }

  /** The message as the actions so far have left it. */
  get message(): MessageContext | null {
    return this.#message;
  }

  set message(message: MessageContext | null) {
    this.#message = message;
  }

  get vars(): ReadonlyMap<string, unknown> {
    return this.#vars;
  }

  /** @throws {OverBudget} when the value is larger than a variable may be. */
  setVar(name: string, value: unknown): void {
    checkValueSize(value);
    this.#vars.set(name, value);
  }

  get results(): Readonly<Record<string, ActionResult>> {
    return this.#results;
  }

  setResult(name: ResultName, result: ActionResult): void {
    this.#results[name] = result;
  }
}

/** The top-level variables by name, as the interpreter looks them up. */
export class ScopeVariables {
  readonly #scope: PolicyScope;
  #conn: ConnectionVariables | null = null;
  #req: RequestVariables | null = null;
  #res: ResponseVariables | null = null;

  constructor(scope: PolicyScope) {
    this.#scope = scope;
  }

  get conn(): ConnectionVariables {
    this.#conn ??= new ConnectionVariables(this.#scope.connection);
    return this.#conn;
  }

  get endpoint(): EndpointVariables {
    return new EndpointVariables(this.#scope.endpoint);
  }

  get req(): RequestVariables | undefined {
    const { request } = this.#scope;
    if (this.#req === null && request !== null) this.#req = new RequestVariables(request);
    return this.#req ?? undefined;
  }

  get res(): ResponseVariables | undefined {
    const { response } = this.#scope;
    if (this.#res === null && response !== null) this.#res = new ResponseVariables(response);
    return this.#res ?? undefined;
  }

  get sse(): MessageVariables | undefined {
    const { message } = this.#scope;
    return message === null ? undefined : new MessageVariables(message);
  }

  get time(): TimeVariables {
    return new TimeVariables(this.#scope.now());
  }

  get vars(): ReadonlyMap<string, unknown> {
    return this.#scope.vars;
  }

  get actions(): object {
    return ACTIONS.wrap({ ngrok: this.#scope.results });
  }

  forgetRequest(): void {
    this.#req = null;
  }

  forgetResponse(): void {
    this.#res = null;
  }
}

export class TimeVariables {
  readonly #now: Date;

  constructor(now: Date) {
    this.#now = now;
  }

  /** RFC 3339, UTC. */
  get now(): string {
    return this.#now.toISOString();
  }
}

/** The variables of `retry_condition`, which come on top of those of the phase. */
export interface RetryFacts {
  readonly attempts: number;
  readonly req: ActionResult;
  readonly res: ActionResult | null;
  readonly error: string;
}

export class RetryVariables extends ScopeVariables {
  readonly attempts: bigint;
  readonly last_attempt: object;

  constructor(scope: PolicyScope, facts: RetryFacts) {
    super(scope);
    this.attempts = BigInt(facts.attempts);
    this.last_attempt = LAST_ATTEMPT.wrap({ req: facts.req, res: facts.res, error: facts.error });
  }
}

function currentTime(): Date {
  return new Date();
}
