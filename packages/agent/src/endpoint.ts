import { AgentError, isPermanent } from './agent-error.ts';
import type { AgentSession, BindAsk } from './agent-session.ts';
import { Backoff, defaultBackoff } from './backoff.ts';
import type { EndpointOptions, EndpointProto, WantedBind } from './bind-request.ts';
import type { Clock } from './clock.ts';
import { ConnectionCounters } from './connection-counters.ts';
import type { UpstreamTls } from './dial-upstream.ts';
import type { ConnectionHandler } from './listener.ts';
import type { NetworkAddress } from './upstream-address.ts';

/** Why an endpoint is over. `error` is null when it was closed on purpose. */
export interface EndpointEnd {
  readonly kind: 'closed' | 'refused' | 'stopped-by-server' | 'agent-stopped';
  readonly error: AgentError | null;
}

/** Where an endpoint's streams go. */
export type EndpointTarget =
  | {
      readonly kind: 'upstream';
      readonly address: NetworkAddress;
      readonly tls: UpstreamTls;
      /** Exchanges are kept for the inspector, if there is one. */
      readonly inspect: boolean;
    }
  | { readonly kind: 'handler'; readonly onConnection: ConnectionHandler };

interface Hooks {
  readonly options: EndpointOptions;
  readonly wanted: WantedBind;
  readonly target: EndpointTarget;
  readonly clock: Clock;
  readonly random: () => number;
  /** From an agent before this one: what it was given for this endpoint. */
  readonly memory: EndpointMemory | null;
  onOnline(again: boolean): void;
  onRetry(error: AgentError, inMs: number): void;
  onOver(end: EndpointEnd): void;
}

/** What the server said at the latest bind; with it the endpoint comes back under the same URL. Secret. */
export interface EndpointMemory {
  readonly id: string;
  readonly token: string;
  readonly proto: EndpointProto;
  readonly url: string;
  /** The options in the server's copy: it hashes them into the token. */
  readonly opts: Readonly<Record<string, unknown>>;
}

type State =
  /** No session, or a try that failed for now. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'binding'; readonly session: AgentSession }
  | { readonly kind: 'online'; readonly session: AgentSession; readonly id: string }
  | { readonly kind: 'over'; readonly end: EndpointEnd };

/** A public URL that this agent serves, through all of its sessions. */
export class AgentEndpoint {
  readonly target: EndpointTarget;
  /** Resolves with the endpoint when it is public for the first time; rejects when it never will be. */
  readonly ready: Promise<AgentEndpoint>;
  /** Visitors' connections, and the HTTP exchanges on them as far as they are looked at. */
  readonly connections: ConnectionCounters;
  readonly requests: ConnectionCounters;
  readonly #hooks: Hooks;
  readonly #settle: { resolve(endpoint: AgentEndpoint): void; reject(error: unknown): void };
  #state: State = { kind: 'waiting' };
  #memory: EndpointMemory | null;
  /** The bind in a session that only finishes what it carries: streams for it may still come. */
  #former: { readonly session: AgentSession; readonly id: string } | null = null;
  #wasOnline = false;
  #cancelRetry: (() => void) | null = null;
  #binding: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(hooks: Hooks) {
    this.#hooks = hooks;
    this.target = hooks.target;
    this.#memory = hooks.memory;
    this.connections = new ConnectionCounters(hooks.clock);
    this.requests = new ConnectionCounters(hooks.clock);
    const settle = Promise.withResolvers<AgentEndpoint>();
    this.ready = settle.promise;
    this.#settle = settle;
    // Whoever waits on `ready` is told; that nobody waits is no fault.
    settle.promise.catch(() => {});
  }

  get name(): string {
    return this.#hooks.options.name ?? '';
  }

  /** As the server gave it; '' before the first bind. */
  get url(): string {
    return this.#memory?.url ?? '';
  }

  /** Null before the first bind. */
  get memory(): EndpointMemory | null {
    return this.#memory;
  }

  get proto(): EndpointProto {
    return this.#memory?.proto ?? this.#hooks.wanted.proto;
  }

  /** What it was asked to be. */
  get options(): EndpointOptions {
    return this.#hooks.options;
  }

  get isHttp(): boolean {
    return this.proto === 'http' || this.proto === 'https';
  }

  get forwardsTo(): string {
    return this.#hooks.options.forwardsTo ?? '';
  }

  get forwardsProto(): 'http1' | 'http2' {
    return this.#hooks.options.forwardsProto ?? 'http1';
  }

  get isOnline(): boolean {
    return this.#state.kind === 'online';
  }

  /** Whether streams with this bind id on this session are for this endpoint. */
  isBound(session: AgentSession, id: string): boolean {
    if (this.#state.kind === 'online' && this.#state.session === session && this.#state.id === id) return true;
    return this.#former?.session === session && this.#former.id === id;
  }

  /** Binds in a new session and goes on trying for as long as that session lives. */
  bindTo(session: AgentSession): void {
    this.#binding = this.#bindUntilOnline(session);
  }

  async #bindUntilOnline(session: AgentSession): Promise<void> {
    const backoff = new Backoff({ ...defaultBackoff, random: this.#hooks.random });
    while (this.#state.kind !== 'over' && !session.isOver) {
      this.#state = { kind: 'binding', session };
      const result = await session.bind(this.#request());
      if (!this.#isBinding(session)) {
        // Closed while the answer was on its way: the server must not keep what nobody serves.
        if (result.kind === 'bound') await session.unbind(result.id);
        return;
      }
      if (result.kind === 'bound') {
        const { id, token, proto, url, opts } = result;
        this.#memory = { id, token, proto, url, opts };
        this.#state = { kind: 'online', session, id };
        const again = this.#wasOnline;
        this.#wasOnline = true;
        this.#hooks.onOnline(again);
        this.#settle.resolve(this);
        return;
      }
      if (session.isOver) break;
      const { error } = result;
      if (error.code === 'ERR_NGROK_335' && this.#memory?.token) {
        // The server no longer knows our token (its keys are new). The URL may still be had by its name.
        this.#memory = { ...this.#memory, id: '', token: '' };
        continue;
      }
      if (isPermanent(error, this.#memory === null)) {
        this.end({ kind: 'refused', error });
        return;
      }
      const inMs = backoff.nextMs();
      this.#state = { kind: 'waiting' };
      this.#hooks.onRetry(error, inMs);
      await new Promise<void>((resolve) => {
        const cancel = this.#hooks.clock.after(inMs, resolve);
        this.#cancelRetry = () => {
          cancel();
          resolve();
        };
      });
      this.#cancelRetry = null;
    }
    if (this.#isBinding(session)) this.#state = { kind: 'waiting' };
  }

  sessionLost(session: AgentSession): void {
    this.#cancelRetry?.();
    if (this.#state.kind === 'online' && this.#state.session === session) {
      this.#former = session.isRetiring ? { session, id: this.#state.id } : null;
      this.#state = { kind: 'waiting' };
    } else if (this.#former?.session === session && !session.isRetiring) this.#former = null;
  }

  /** Gives the URL back. Resolves when the server has answered, or cannot be asked. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const state = this.#state;
    if (state.kind === 'over') return;
    this.end({ kind: 'closed', error: null });
    if (state.kind === 'online') await state.session.unbind(state.id);
    // The answer to the bind is on its way; it is given back when it is here, unless that takes too long.
    if (state.kind === 'binding') await Promise.race([this.#binding, this.#after(answerWaitMs)]);
  }

  /** Over, without a word to the server. */
  end(end: EndpointEnd): void {
    if (this.#state.kind === 'over') return;
    // What is in flight goes on; new streams for the bind are nobody's.
    this.#state = { kind: 'over', end };
    this.#former = null;
    this.#cancelRetry?.();
    if (!this.#wasOnline) this.#settle.reject(end.error ?? closedError());
    this.#hooks.onOver(end);
  }

  #after(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#hooks.clock.after(delayMs, resolve));
  }

  #isBinding(session: AgentSession): boolean {
    return this.#state.kind === 'binding' && this.#state.session === session;
  }

  #request(): BindAsk {
    const { options, wanted } = this.#hooks;
    const memory = this.#memory;
    const common = {
      forwardsTo: this.forwardsTo,
      forwardsProto: options.forwardsProto ?? ('' as const),
      name: this.name,
      description: options.description ?? '',
      metadata: options.metadata ?? '',
      poolingEnabled: options.poolingEnabled ?? false,
      bindings: options.bindings ?? [],
    };
    if (memory === null) return { ...common, id: '', token: '', proto: wanted.proto, opts: wanted.opts };
    if (memory.token === '') {
      return {
        ...common,
        id: '',
        token: '',
        proto: memory.proto,
        opts: { ...wanted.opts, URL: memory.url, Subdomain: '' },
      };
    }
    return { ...common, id: memory.id, token: memory.token, proto: memory.proto, opts: memory.opts };
  }
}

/** How long a closing endpoint waits for the answer to its bind. */
const answerWaitMs = 2000;

function closedError(): AgentError {
  return new AgentError('closed', 'The endpoint was closed before it was online.');
}
