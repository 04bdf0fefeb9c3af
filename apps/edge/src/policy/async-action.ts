import type { Action, ActionType, Answer, PolicyScope } from '@portico/traffic-policy';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { Visitor } from '../proxy/exchange.ts';

/** Actions that take time: they ask the network, read the body of the request, or look another endpoint up. */
export type AsyncActionType =
  | 'oauth'
  | 'openid-connect'
  | 'jwt-validation'
  | 'verify-webhook'
  | 'http-request'
  | 'forward-internal';

/** An action of a compiled policy by its type, with its configuration. */
export type ActionOf<Type extends ActionType> = Extract<Action, { readonly type: Type }>;

/**
 * How one such action is done. There is one object for the whole edge, shared by all endpoints: what it remembers (key
 * sets, sessions) is keyed by what it belongs to, never by a compiled action, which a new policy replaces.
 */
export interface AsyncAction<Type extends AsyncActionType> {
  /**
   * Does the action for one request: reads `scope.request`, leaves its result by `scope.setResult`, and tells what
   * follows. Texts of its configuration are templates: `action.config.url.text(scope)` throws PorticoError by itself.
   *
   * A rejection ends the phase: PorticoError answers with that code's page and status, anything else with 500. With
   * `enforce: false` the result is set and `next` returned, whatever was found.
   */
  run(
    action: ActionOf<Type>,
    scope: PolicyScope,
    tools: Type extends 'forward-internal' ? ConnectTools : AsyncTools,
  ): Promise<AsyncOutcome>;
}

/** Those that this edge has. A policy with an action that is missing here is refused when it is compiled. */
export type AsyncActions = { readonly [Type in AsyncActionType]?: AsyncAction<Type> };

export type AsyncOutcome =
  | { readonly kind: 'next' }
  /** The phase ends with this answer. `errorAnswer` of the policy package makes one that is shown as an error page. */
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** The connection is closed without a word. */
  | { readonly kind: 'close' }
  /** The phase ends; another endpoint of the same account serves this request or connection, by its own policy too. */
  | { readonly kind: 'forward'; readonly endpoint: Endpoint };

/** What `forward-internal` may use in `on_tcp_connect`. */
export type ConnectTools = Pick<AsyncTools, 'signal' | 'endpoint' | 'hops'>;

/** What an action may use besides the scope. */
export interface AsyncTools {
  /** Aborted when the visitor leaves, when the phase takes too long and when the edge closes. Stop all work at it. */
  readonly signal: AbortSignal;
  /** Whose policy runs. */
  readonly endpoint: Endpoint;
  readonly visitor: Visitor;
  /** How many endpoints forwarded this request before this one: 0 for the one that the visitor named. */
  readonly hops: number;
  /**
   * The whole body of the request, read on first use and given on to the upstream unchanged afterwards. Empty in
   * `on_tcp_connect`.
   * @throws {PorticoError} 3903 when it is longer than `maxBytes` or than the edge keeps; it still goes to the upstream.
   */
  body(maxBytes: number): Promise<Buffer>;
  /** Adds a field to whatever answer this request gets in the end, such as a cookie. Latin1, no line breaks. */
  addResponseField(name: string, value: string): void;
}
