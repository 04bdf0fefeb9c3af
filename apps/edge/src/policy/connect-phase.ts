import type { Socket } from 'node:net';
import { PorticoError } from '@portico/errors';
import { type Action, certificateFields, PolicyScope } from '@portico/traffic-policy';
import { countError, type Endpoint } from '../endpoint/endpoint.ts';
import type { AsyncOutcome, ConnectTools } from './async-action.ts';
import type { EndpointPolicy } from './endpoint-policy.ts';
import type { Policies } from './policies.ts';
import { type PhaseEnd, runPhase } from './run-phase.ts';
import { tlsFacts } from './tls-facts.ts';
import type { TlsTerminator } from './tls-terminator.ts';
import { type Arrival, ArrivalContext } from './traffic-contexts.ts';

/** How `on_tcp_connect` ended; `closed` and `failed` have nobody to tell why to. */
export type ConnectEnd = Exclude<PhaseEnd, { readonly kind: 'answered' }>;

export interface ConnectPhaseOptions {
  readonly endpoint: Endpoint;
  readonly policy: EndpointPolicy;
  readonly arrival: Arrival;
  /** What was read of the socket and not used: a ClientHello, for a connection that begins with one. */
  readonly first: Buffer;
  readonly policies: Policies;
  readonly terminator: TlsTerminator;
  /** Protocols to offer where TLS ends here. */
  readonly alpn: readonly string[];
  /** How many endpoints forwarded this connection before. */
  readonly hops: number;
  /** An error of ours. */
  readonly onFault: (error: unknown) => void;
}

/**
 * `on_tcp_connect` of one connection that nobody has answered yet: on its way TLS may end here. Whoever runs it owns
 * the socket, which is paused meanwhile, and its deadline.
 */
export class ConnectPhase {
  readonly #options: ConnectPhaseOptions;
  readonly #abort = new AbortController();
  #first: Buffer;
  #tlsEnded = false;

  constructor(options: ConnectPhaseOptions) {
    this.#options = options;
    this.#first = options.first;
  }

  run(): ConnectEnd | Promise<ConnectEnd> {
    const { endpoint, policy, arrival, policies, onFault } = this.#options;
    const { endpoint: facts, secrets, tools } = policies.surroundingsOf(endpoint);
    const scope = new PolicyScope({
      phase: 'on_tcp_connect',
      connection: new ArrivalContext(arrival, policies),
      endpoint: facts,
      secrets,
    });
    const end = runPhase(policy.compiled.phases.on_tcp_connect, {
      scope,
      tools,
      perform: (action) => this.#perform(action, scope),
      onLog: (metadata) => policies.onLog(endpoint, metadata),
      // A connection is not an exchange yet: nobody takes notes of it.
      trace: null,
      onFault,
    });
    if (!(end instanceof Promise)) return this.#over(end);
    const gone = (): void => this.#abort.abort();
    arrival.socket.once('close', gone);
    return end.then((late) => {
      arrival.socket.off('close', gone);
      return this.#over(late);
    });
  }

  /** The connection as it is now: the one of TLS once that has ended here. */
  get socket(): Socket {
    return this.#options.arrival.socket;
  }

  get first(): Buffer {
    return this.#first;
  }

  get tlsEnded(): boolean {
    return this.#tlsEnded;
  }

  #over(end: PhaseEnd): ConnectEnd {
    const { endpoint, arrival } = this.#options;
    if (end.kind === 'passed') arrival.admitted.push(endpoint.id);
    if (end.kind === 'failed') countError(endpoint.counters, end.error.code);
    // No action of this phase can answer.
    return end.kind === 'answered' ? { kind: 'closed', by: end.by } : end;
  }

  #perform(action: Action, scope: PolicyScope): AsyncOutcome | Promise<AsyncOutcome> {
    switch (action.type) {
      case 'terminate-tls':
        return this.#terminate(action, scope);
      case 'forward-internal': {
        const { endpoint, policies, hops } = this.#options;
        const tools: ConnectTools = { signal: this.#abort.signal, endpoint, hops };
        return policies.performOnConnect(action, scope, tools);
      }
      default:
        throw new PorticoError(500, { id: `no ${action.type} in on_tcp_connect` });
    }
  }

  async #terminate(action: Extract<Action, { type: 'terminate-tls' }>, scope: PolicyScope): Promise<AsyncOutcome> {
    const { arrival, terminator, endpoint, alpn } = this.#options;
    if (this.#tlsEnded || arrival.serverName === null) {
      throw new PorticoError(3002, {
        reason: this.#tlsEnded ? 'TLS has ended already' : 'the visitor does not speak TLS',
      });
    }
    const secure = await terminator.terminate(action.config, scope, {
      socket: arrival.socket,
      first: this.#first,
      serverName: arrival.serverName,
      accountId: endpoint.accountId,
      alpn,
      signal: this.#abort.signal,
    });
    arrival.socket = secure;
    this.#first = Buffer.alloc(0);
    this.#tlsEnded = true;
    const facts = tlsFacts(secure, arrival.serverName, arrival.fingerprint);
    scope.setResult('terminate_tls', {
      version: facts.version,
      cipher_suite: facts.cipherSuite,
      sni: facts.sni,
      negotiated_alpn: facts.negotiatedAlpn,
      session_resumed: facts.sessionResumed,
      client: facts.client === null ? null : certificateFields(facts.client),
      server: facts.server === null ? null : certificateFields(facts.server),
    });
    return { kind: 'next' };
  }
}
