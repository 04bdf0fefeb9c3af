import { errorName, PorticoError } from '@portico/errors';
import {
  type ActionTools,
  type CompiledRule,
  isImmediate,
  type MessageContext,
  type PlainValue,
  type PolicyScope,
  performAction,
  ruleFires,
  walkRules,
} from '@portico/traffic-policy';

/**
 * `on_event_stream_message` of one answer: its rules, asked for each message. The answer is on its way already, so
 * nothing can end it any more: an expression or an action that fails does nothing, the others are done, and the first
 * failure is told.
 */
export class MessagePhase {
  readonly #rules: readonly CompiledRule[];
  readonly #scopeOf: (message: MessageContext) => PolicyScope;
  readonly #tools: ActionTools;
  readonly #onLog: (metadata: PlainValue) => void;
  readonly #onFault: (error: unknown) => void;
  #logs = 0;
  #hasFailed = false;

  /** @param onFault an error of ours */
  constructor({
    rules,
    scopeOf,
    tools,
    onLog,
    onFault,
  }: {
    rules: readonly CompiledRule[];
    scopeOf: (message: MessageContext) => PolicyScope;
    tools: ActionTools;
    onLog: (metadata: PlainValue) => void;
    onFault: (error: unknown) => void;
  }) {
    this.#rules = rules;
    this.#scopeOf = scopeOf;
    this.#tools = tools;
    this.#onLog = onLog;
    this.#onFault = onFault;
  }

  /** The message as the rules leave it; the same object when they change nothing. Never throws. */
  change(message: MessageContext): MessageContext {
    const scope = this.#scopeOf(message);
    const walk = walkRules(this.#rules, scope, (rule) => this.#fires(rule, scope));
    for (let step = walk.next(); step.done !== true; step = walk.next('on')) {
      const { action } = step.value;
      if (!isImmediate(action)) continue;
      try {
        const outcome = performAction(action, scope, this.#tools);
        if (outcome.kind === 'log') this.log(outcome.metadata);
      } catch (error) {
        this.#failed(error);
      }
    }
    return scope.message ?? message;
  }

  /** A stream may never end; what is kept and written of it has to. */
  log(metadata: PlainValue): void {
    if (this.#logs >= LOGS_MAX) return;
    this.#logs += 1;
    this.#onLog(metadata);
  }

  #fires(rule: CompiledRule, scope: PolicyScope): boolean {
    try {
      return ruleFires(rule, scope);
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    if (error instanceof PorticoError) this.log({ error: errorName(error.code), reason: error.message });
    else this.#onFault(error);
  }
}

/** Of one answer, by all its messages. */
const LOGS_MAX = 100;
