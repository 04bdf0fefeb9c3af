import { InternalApiError, type InternalClient, type LiveClaim } from '@portico/api-contract/internal';
import { type ErrorCode, errorName, isErrorCode, PorticoError } from '@portico/errors';
import { MuxError, MuxOpenError } from '@portico/muxado';
import {
  type BindOptions,
  type BindRequest,
  type BindResponse,
  echoOptions,
  encodeStopTunnelRequest,
  isTunnelProto,
  type LabelRequest,
  type PatchTunnelStateRequest,
  StreamType,
  type TunnelProto,
} from '@portico/protocol';
import { type Logger, newId } from '@portico/service';
import { type PolicyTarget, type SecretName, secretNames } from '@portico/traffic-policy';
import { pause } from '../control/backoff.ts';
import type { EventsReporter } from '../control/events-reporter.ts';
import type { LiveState } from '../control/live-state.ts';
import type { UsageReporter } from '../control/usage-reporter.ts';
import { BoundEndpoint, type EndpointFacts } from '../endpoint/bound-endpoint.ts';
import type { Endpoint, EndpointId } from '../endpoint/endpoint.ts';
import type { InternalEndpoints } from '../endpoint/internal-endpoints.ts';
import { hostOfLabels, type Labels, sameLabels } from '../endpoint/labelled-endpoint.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { EndpointPolicy } from '../policy/endpoint-policy.ts';
import type { Policies } from '../policy/policies.ts';
import type { Router } from '../router/router.ts';
import type { AgentSession } from './agent-session.ts';
import type { AgentTokens, BindClaim } from './agent-tokens.ts';
import { hashOptions, honouredOptions } from './bind-options.ts';
import { type BindDocuments, bindDocuments, bindPolicy } from './bind-policy.ts';
import { type Binding, BindingTable } from './binding-table.ts';
import { SessionMember } from './session-member.ts';
import { type PublicNames, type Wanted, wantedName } from './wanted-name.ts';

/** Listeners of tcp endpoints. */
export interface TcpPorts {
  /** @returns the port that was opened. Rejects with the socket error, or PorticoError 329 or 355. */
  open(port: number | 'any', endpoint: Endpoint): Promise<number>;
  close(port: number): Promise<void>;
}

/** Fetches what policies name in vaults; `AccountSettings` is the one that runs. */
export interface PolicySecrets {
  /** Rejects with InternalApiError. */
  wantSecrets(holder: string, accountId: string, names: readonly SecretName[]): Promise<void>;
  dropSecrets(holder: string, accountId: string): void;
}

export interface BindLimits {
  readonly probeTimeoutMs: number;
  /** How long a bind waits for a registry that only takes back earlier claims after its own restart. */
  readonly claimPatienceMs: number;
}

/** A bind that was granted. `goLive` is called once the answer is on its way: a stream must not overtake it. */
export interface GrantedBind {
  readonly response: BindResponse;
  goLive(): void;
}

/** A bind on its way through the checks. */
interface Candidate {
  readonly session: AgentSession;
  readonly request: BindRequest;
  readonly proto: TunnelProto;
  readonly proxyProtocol: 0 | 1 | 2;
  readonly webSocketTcp: boolean;
  readonly documents: BindDocuments;
  readonly policy: EndpointPolicy | null;
  readonly wanted: Wanted;
  readonly optionsHash: string;
  /** What its token proves; null for a new endpoint. */
  readonly proof: BindClaim | null;
  /** The agent had it before: it needs nobody's leave while the API is away. */
  readonly takenBack: boolean;
  readonly labels: Labels | null;
}

const TEXT_BYTES_MAX = 4_096;

/**
 * Which session serves which name here, and how that comes about (design §4): the account's right to the name is the
 * API's word, the name itself is won in the registry, and only then is it routed. Those of one account
 * that all asked to may share a name. Whatever ends a binding removes exactly what its session still owns.
 */
export class Bindings {
  readonly #client: InternalClient;
  readonly #isApiUp: () => boolean;
  readonly #nodeId: string;
  readonly #names: PublicNames;
  readonly #tcpHost: string;
  readonly #tokens: AgentTokens;
  readonly #router: Router;
  readonly #internal: InternalEndpoints;
  readonly #secrets: PolicySecrets;
  readonly #tcp: TcpPorts;
  readonly #policies: Policies;
  readonly #live: LiveState;
  readonly #usage: UsageReporter;
  readonly #events: EventsReporter;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #limits: BindLimits;
  readonly #now: () => number;
  readonly #onOnline: (endpoint: Endpoint) => void;
  readonly #table = new BindingTable();
  /** Binds of one name go one after another. */
  readonly #locks = new Map<string, Promise<unknown>>();
  readonly #pending = new Map<AgentSession, number>();

  constructor(options: {
    client: InternalClient;
    isApiUp: () => boolean;
    nodeId: string;
    names: PublicNames;
    tcpHost: string;
    tokens: AgentTokens;
    router: Router;
    internal: InternalEndpoints;
    secrets: PolicySecrets;
    tcp: TcpPorts;
    policies: Policies;
    live: LiveState;
    usage: UsageReporter;
    events: EventsReporter;
    metrics: Metrics;
    log: Logger;
    limits: BindLimits;
    now: () => number;
    onOnline: (endpoint: Endpoint) => void;
  }) {
    this.#client = options.client;
    this.#isApiUp = options.isApiUp;
    this.#nodeId = options.nodeId;
    this.#names = options.names;
    this.#tcpHost = options.tcpHost;
    this.#tokens = options.tokens;
    this.#router = options.router;
    this.#internal = options.internal;
    this.#secrets = options.secrets;
    this.#tcp = options.tcp;
    this.#policies = options.policies;
    this.#live = options.live;
    this.#usage = options.usage;
    this.#events = options.events;
    this.#metrics = options.metrics;
    this.#log = options.log;
    this.#limits = options.limits;
    this.#now = options.now;
    this.#onOnline = options.onOnline;
    options.metrics.gauge('portico_endpoints', 'Endpoints that are online here.', () => this.#table.size);
  }

  get size(): number {
    return this.#table.size;
  }

  countOf(session: AgentSession): number {
    return this.#table.ofSession(session).length;
  }

  /** @throws PorticoError with the code that the agent is told. */
  bind(session: AgentSession, request: BindRequest): Promise<GrantedBind> {
    return this.#bind(session, request, null);
  }

  /**
   * A tunnel that says by labels what it is, and not by a URL where it is (decision 009): an internal endpoint that
   * all who have the same labels share.
   * @throws PorticoError as `bind`
   */
  async bindLabels(session: AgentSession, request: LabelRequest): Promise<GrantedBind> {
    const { labels, forwardsTo, forwardsProto, metadata } = request;
    const bind: BindRequest = {
      id: '',
      proto: 'https',
      forwardsTo,
      forwardsProto,
      rawOpts: { Hostname: hostOfLabels(labels) },
      token: '',
      ipPolicyRef: '',
      metadata,
      bindings: ['internal'],
      poolingEnabled: true,
      name: '',
      description: '',
    };
    return this.#bind(session, bind, Object.fromEntries(labels));
  }

  async #bind(session: AgentSession, request: BindRequest, labels: Labels | null): Promise<GrantedBind> {
    const candidate = this.#check(session, request, labels);
    if (!candidate.takenBack && !session.takeBindPermit()) throw new PorticoError(349, session.bindRate);
    const { endpointsPerSession } = session.grant.limits;
    const pending = this.#pending.get(session) ?? 0;
    if (this.countOf(session) + pending >= endpointsPerSession && !this.#isOwn(candidate)) {
      throw new PorticoError(324, { limit: endpointsPerSession });
    }
    this.#pending.set(session, pending + 1);
    try {
      return await this.#place(candidate);
    } finally {
      const left = (this.#pending.get(session) ?? 1) - 1;
      if (left > 0) this.#pending.set(session, left);
      else this.#pending.delete(session);
    }
  }

  /** Ends one endpoint of this session; one that it does not have is no fault (clients send Unbind twice). */
  unbind(session: AgentSession, bindId: string): void {
    const binding = this.#table.get(bindId);
    if (binding?.session === session) this.#remove(binding, 'unbound by the agent');
  }

  /** The session is over: what it still owns goes offline. */
  dropSession(session: AgentSession, reason: string): void {
    for (const binding of this.#table.ofSession(session)) this.#remove(binding, reason);
  }

  /** @throws PorticoError 404, 310, 334, and those of policies */
  patch(session: AgentSession, request: PatchTunnelStateRequest): void {
    const binding = this.#table.ofSession(session).find(({ endpoint }) => endpoint.id === request.tunnelId);
    if (binding === undefined) throw new PorticoError(404, { what: 'endpoint', id: request.tunnelId.slice(0, 64) });
    const { endpoint } = binding;
    // Who does not share must be alone.
    if (request.poolingEnabled === false && this.#table.at(binding.key).length > 1) {
      throw new PorticoError(334, { url: endpoint.url });
    }
    const facts = {
      ...endpoint.facts,
      name: checkedText('Name', request.name ?? endpoint.facts.name),
      description: checkedText('Description', request.description ?? endpoint.facts.description),
      metadata: checkedText('Metadata', request.metadata ?? endpoint.facts.metadata),
      poolingEnabled: request.poolingEnabled ?? endpoint.facts.poolingEnabled,
    };
    if (request.trafficPolicy !== null) {
      const documents = { ...binding.documents, written: request.trafficPolicy };
      // Throws before anything has changed: the policy that runs goes on.
      const policy = bindPolicy(this.#policies, documents, targetOf(endpoint.proto, endpoint.internal));
      void this.#swapPolicy(binding, documents, policy);
    }
    endpoint.facts = facts;
    endpoint.rules = rulesOf(endpoint, binding.documents);
    this.#live.updateClaim(binding.claim, this.#claimOf(binding));
  }

  /** Another node has the name now. */
  lost(registryKey: string): void {
    for (const binding of this.#table.at(registryKey.slice('claims/'.length))) {
      this.#refuse(binding, new PorticoError(334, { url: binding.endpoint.url }));
    }
  }

  /** Its owner wants it gone: its agent is told so. One that is not here is no fault. */
  stopEndpoint(endpointId: string, message: string): void {
    for (const binding of this.#table.all()) {
      if (binding.endpoint.id === endpointId) this.#stop(binding, message, null);
    }
  }

  /** The rules for some endpoints changed: asks the API again and stops those that are no longer allowed. */
  async recheck(which: (endpoint: Endpoint, session: AgentSession) => boolean): Promise<void> {
    for (const binding of this.#table.all()) {
      if (which(binding.endpoint, binding.session)) await this.#recheck(binding);
    }
  }

  /** Somebody else has the URL of this endpoint now, or shares it: asks for those that agents serve there. */
  async recheckAt(other: Endpoint): Promise<void> {
    const { proto, host, port, accountId } = other;
    const internal = host.endsWith('.internal');
    for (const binding of this.#table.at(keyOf(proto, { host, port, internal }, accountId)))
      await this.#recheck(binding);
  }

  /** Asks for those endpoints that were taken back while the API was away. */
  async recheckUnchecked(): Promise<void> {
    for (const binding of this.#table.all()) if (binding.unchecked) await this.#recheck(binding);
  }

  endpoints(): Endpoint[] {
    return this.#table.all().map(({ endpoint }) => endpoint);
  }

  /** What can be judged from the request alone. */
  #check(session: AgentSession, request: BindRequest, labels: Labels | null): Candidate {
    const { proto } = request;
    if (!isTunnelProto(proto)) throw new PorticoError(332, { proto: proto.slice(0, 32) });
    if (!['', 'http1', 'http2'].includes(request.forwardsProto)) {
      throw new PorticoError(310, { option: `ForwardsProto ${request.forwardsProto.slice(0, 32)}` });
    }
    if (request.ipPolicyRef !== '') throw new PorticoError(310, { option: 'IPPolicyRef' });
    const options = honouredOptions(proto, request.rawOpts);
    const optionsHash = hashOptions(request.rawOpts);
    const documents = bindDocuments(proto, request.rawOpts, options, request.forwardsTo);
    const proof = this.#readProof(session, request, optionsHash);
    // A labelled tunnel has no token: that its client came back has to do.
    const takenBack = proof !== null || (labels !== null && session.comesBack);
    const wanted = proof === null ? this.#wanted(proto, request, options) : wantedOf(proof);
    const policy = bindPolicy(this.#policies, documents, targetOf(proto, wanted.kind === 'internal'));
    const { proxyProtocol, websocketTcpConverter: webSocketTcp } = options;
    const made = { documents, policy, wanted, optionsHash, proof, takenBack, labels };
    return { session, request, proto, proxyProtocol, webSocketTcp, ...made };
  }

  /** What the token of an earlier bind proves; null without one. @throws PorticoError 335 */
  #readProof(session: AgentSession, request: BindRequest, optionsHash: string): BindClaim | null {
    if (request.id === '' || request.token === '') return null;
    const proof = this.#tokens.readBindToken(request.token);
    if (
      proof === null ||
      proof.bindId !== request.id ||
      proof.accountId !== session.accountId ||
      proof.optionsHash !== optionsHash ||
      protoOf(proof.name) !== request.proto
    ) {
      throw new PorticoError(335, { id: request.id.slice(0, 64) });
    }
    return proof;
  }

  /** It takes back what its own session has already. */
  #isOwn({ session, proof }: Candidate): boolean {
    return proof !== null && this.#table.get(proof.bindId)?.session === session;
  }

  async #place(candidate: Candidate): Promise<GrantedBind> {
    const { proto, session, wanted } = candidate;
    const granted = await this.#authorize(session, candidate, candidate.takenBack);
    if (wanted.kind === 'internal') {
      const { host, port } = wanted;
      const place = { host, port, internal: true };
      const key = keyOf(proto, place, session.accountId);
      return this.#locked(key, () => this.#take(candidate, place, granted.unchecked));
    }
    if (proto !== 'tcp') {
      const host = granted.host ?? (wanted.kind === 'host' ? wanted.host : null);
      if (host === null) throw new PorticoError(500, { id: 'no host was granted' });
      return this.#locked(`${proto}/${host}`, () =>
        this.#take(candidate, { host, port: 0, internal: false }, granted.unchecked),
      );
    }
    const port = granted.port ?? (wanted.kind === 'port' ? wanted.port : null);
    if (port === null) return this.#takeAnyPort(candidate, granted.avoidPorts);
    return this.#locked(`tcp/${port}`, () =>
      this.#take(candidate, { host: '', port, internal: false }, granted.unchecked),
    );
  }

  #wanted(proto: TunnelProto, { bindings }: BindRequest, options: BindOptions): Wanted {
    const { url, domain, hostname, subdomain, addr } = options;
    return wantedName(proto, { url, domain, hostname, subdomain, addr, bindings }, this.#names);
  }

  /** The API's word on the name. One that is taken back needs none while the API is away: its token is proof enough. */
  async #authorize(
    session: AgentSession,
    {
      proto,
      wanted,
      request,
      labels,
    }: Pick<Candidate, 'proto' | 'wanted' | 'labels'> & { readonly request: { poolingEnabled: boolean } },
    isTakenBack: boolean,
  ): Promise<{ host: string | null; port: number | null; avoidPorts: readonly number[]; unchecked: boolean }> {
    const none = { host: null, port: null, avoidPorts: [], unchecked: true };
    if (isTakenBack && !this.#isApiUp()) return none;
    try {
      const answer = await this.#client.authorizeBind({
        nodeId: this.#nodeId,
        accountId: session.accountId,
        credentialId: session.grant.credentialId,
        proto,
        wanted,
        poolingEnabled: request.poolingEnabled,
        ...(labels === null ? {} : { labels }),
      });
      if (answer.kind === 'granted') return { ...answer, unchecked: false };
      throw refusal(answer.error);
    } catch (error) {
      if (!(error instanceof InternalApiError)) throw error;
      if (error.kind !== 'unavailable') this.#log.error({ err: error }, 'the API does not answer as it should');
      if (isTakenBack) return none;
      throw new PorticoError(503, { what: 'Opening a new endpoint', seconds: 2 });
    }
  }

  /** The name is locked and the account may have it: is it free, or may it be taken from whoever has it here? */
  async #take(candidate: Candidate, at: Place, unchecked: boolean): Promise<GrantedBind> {
    const { proto, proof, request, session } = candidate;
    const key = keyOf(proto, at, session.accountId);
    const hasPort = proto === 'tcp' && !at.internal;
    const holders = this.#table.at(key);
    const own = holders.find(({ bindId }) => bindId === proof?.bindId);
    if (own !== undefined && own.session.accountId === session.accountId) {
      return this.#takeOver(own, candidate, unchecked);
    }
    const mayJoin =
      request.poolingEnabled &&
      holders.every(({ endpoint }) => endpoint.facts.poolingEnabled && sameLabels(endpoint.labels, candidate.labels));
    if (holders.length > 0 && !(mayJoin && holders.every((each) => each.session.accountId === session.accountId))) {
      await this.#replace(holders, session);
      if (hasPort) await this.#tcp.close(at.port);
    }
    const isFirst = this.#table.at(key).length === 0;
    const endpoint = this.#makeEndpoint(candidate, at);
    if (hasPort && isFirst) await this.#openPort(at.port, endpoint);
    return this.#claim(key, candidate, endpoint, unchecked);
  }

  /** Agents may have lost their connections, and what proves that the name is their own with them. @throws PorticoError 334 */
  async #replace(holders: readonly Binding[], by: AgentSession): Promise<void> {
    for (const { endpoint, session } of holders) {
      if (session.accountId !== by.accountId || session === by) throw new PorticoError(334, { url: endpoint.url });
    }
    const alive = await Promise.all(holders.map(({ session }) => session.isAlive(this.#limits.probeTimeoutMs)));
    for (const [index, { endpoint }] of holders.entries()) {
      if (alive[index] === true) throw new PorticoError(334, { url: endpoint.url });
    }
    const reason = 'it did not answer, and its account opened the same endpoint anew';
    for (const holder of holders) {
      holder.session.endReason ??= reason;
      this.#remove(holder, reason);
      holder.session.mux.destroy();
    }
  }

  /** Any port: it is opened first, since only an open port is surely ours to give. */
  async #takeAnyPort(candidate: Candidate, avoidPorts: readonly number[]): Promise<GrantedBind> {
    const resting: number[] = [];
    try {
      for (let tries = 0; tries <= avoidPorts.length; tries += 1) {
        const endpoint = this.#makeEndpoint(candidate, { host: '', port: 0, internal: false });
        const port = await this.#openPort('any', endpoint);
        if (avoidPorts.includes(port)) {
          // Held until another one is found, or the same would come again.
          resting.push(port);
          continue;
        }
        endpoint.place({ url: this.#url('tcp', '', port), port });
        return await this.#locked(`tcp/${port}`, () => this.#claim(`tcp/${port}`, candidate, endpoint, false));
      }
      throw new PorticoError(355, { range: this.#names.tcpRange });
    } finally {
      for (const port of resting) await this.#tcp.close(port);
    }
  }

  async #openPort(port: number | 'any', endpoint: BoundEndpoint): Promise<number> {
    try {
      return await this.#tcp.open(port, endpoint);
    } catch (error) {
      if (error instanceof PorticoError || port === 'any') throw error;
      throw new PorticoError(334, { url: endpoint.url }, { cause: error });
    }
  }

  async #claim(key: string, candidate: Candidate, endpoint: BoundEndpoint, unchecked: boolean): Promise<GrantedBind> {
    const { session, proof, documents, takenBack } = candidate;
    const bindId = proof?.bindId ?? this.#tokens.newOpaqueId();
    const claim = this.#table.at(key).length === 0 ? claimKey(key) : `${claimKey(key)}/${bindId}`;
    const binding: Binding = { key, bindId, endpoint, claim, session, documents, unchecked };
    endpoint.rules = rulesOf(endpoint, documents);
    try {
      await this.#wantSecrets(endpoint);
      await this.#claimInRegistry(binding, { proof, takenBack });
      if (session.isClosed) throw new PorticoError(742);
    } catch (error) {
      this.#live.release(claim);
      this.#secrets.dropSecrets(endpoint.id, endpoint.accountId);
      if (hasPublicPort(endpoint) && this.#table.at(key).length === 0) await this.#tcp.close(endpoint.port);
      throw error;
    }
    this.#table.add(binding);
    // Those who pool were here before; if all of them left meanwhile, name and port are this one's to keep.
    if (claim !== claimKey(key) && this.#table.at(key).length === 1) {
      this.#keepName(binding);
      if (hasPublicPort(endpoint)) await this.#reopenPort(binding);
    }
    endpoint.joinPool(() => this.#table.at(key).map((each) => each.endpoint));
    return this.#granted(binding, candidate);
  }

  async #reopenPort(binding: Binding): Promise<void> {
    try {
      await this.#openPort(binding.endpoint.port, binding.endpoint);
    } catch (error) {
      this.#remove(binding, 'its port is gone');
      throw error;
    }
  }

  /** Moves a claim from below the name to the name itself. */
  #keepName(binding: Binding): void {
    const name = claimKey(binding.key);
    if (binding.claim === name) return;
    this.#live.release(binding.claim);
    binding.claim = name;
    this.#live.updateClaim(name, this.#claimOf(binding));
  }

  /** What its policy names in vaults must be here before it runs; while the API is away, what is here has to do. */
  async #wantSecrets({ id, accountId, policy }: Pick<BoundEndpoint, 'id' | 'accountId' | 'policy'>): Promise<void> {
    try {
      await this.#secrets.wantSecrets(id, accountId, policy === null ? [] : secretNames(policy.compiled));
    } catch (error) {
      if (!(error instanceof InternalApiError)) throw error;
      this.#log.warn({ err: error, endpointId: id }, 'the secrets of a policy cannot be had now');
    }
  }

  /** The policy that runs goes on until what the new one names in vaults is here. */
  async #swapPolicy(binding: Binding, documents: BindDocuments, policy: EndpointPolicy | null): Promise<void> {
    const { endpoint } = binding;
    const { id, accountId } = endpoint;
    binding.documents = documents;
    await this.#wantSecrets({ id, accountId, policy });
    // A newer one may have come meanwhile.
    if (binding.documents !== documents) return;
    endpoint.policy = policy;
    endpoint.rules = rulesOf(endpoint, documents);
  }

  async #claimInRegistry(
    binding: Binding,
    { proof, takenBack }: Pick<Candidate, 'proof' | 'takenBack'>,
  ): Promise<void> {
    const { session } = binding;
    const mayTake = (by: LiveClaim): boolean =>
      by.accountId === session.accountId &&
      // Its own earlier bind, wherever it was; or what an earlier life of this edge left behind: nobody here has it.
      (by.bindId === proof?.bindId || by.nodeId === this.#nodeId);
    const deadlineMs = performance.now() + this.#limits.claimPatienceMs;
    for (;;) {
      const outcome = await this.#live.claim(binding.claim, this.#claimOf(binding), {
        mayTake,
        reclaim: takenBack,
      });
      if (outcome.kind === 'held') return;
      if (outcome.kind === 'taken') throw new PorticoError(334, { url: binding.endpoint.url });
      if (session.isClosed || performance.now() + outcome.retryAfterMs > deadlineMs) {
        throw new PorticoError(503, { what: 'Opening a new endpoint', seconds: 2 });
      }
      await pause(outcome.retryAfterMs, NEVER);
    }
  }

  /** The same endpoint under another session: router, ports and counters stay, and so does its id. */
  #takeOver(holder: Binding, candidate: Candidate, unchecked: boolean): GrantedBind {
    const { session, request, documents, policy } = candidate;
    holder.endpoint.facts = factsOf(request);
    holder.endpoint.policy = policy;
    holder.documents = documents;
    holder.session = session;
    holder.unchecked = unchecked;
    holder.endpoint.rules = rulesOf(holder.endpoint, documents);
    void this.#wantSecrets(holder.endpoint);
    this.#live.updateClaim(holder.claim, this.#claimOf(holder));
    this.#metrics.counter('portico_endpoints_taken_over_total', 'Endpoints that moved to a newer session.').value += 1;
    return this.#granted(holder, candidate);
  }

  #makeEndpoint(candidate: Candidate, { host, port, internal }: Place): BoundEndpoint {
    const { proto, proof, request, session, proxyProtocol, webSocketTcp, policy, labels } = candidate;
    return new BoundEndpoint({
      id: (proof?.endpointId ?? newId('ep', this.#now())) as EndpointId,
      accountId: session.accountId,
      url: internal ? internalUrl(proto, host, port) : this.#url(proto, host, port),
      proto,
      host,
      port: internal || proto === 'tcp' ? port : this.#names.ports[proto],
      internal,
      proxyProtocol,
      webSocketTcp,
      labels,
      facts: factsOf(request),
      startedAt: new Date(this.#now()),
      policy,
    });
  }

  #url(proto: TunnelProto, host: string, port: number): string {
    if (proto === 'tcp') return `tcp://${this.#tcpHost}:${port}`;
    const shown = this.#names.ports[proto];
    return shown === (proto === 'http' ? 80 : 443) ? `${proto}://${host}` : `${proto}://${host}:${shown}`;
  }

  #granted(binding: Binding, { proto, request, optionsHash, session }: Candidate): GrantedBind {
    const { bindId, endpoint, key } = binding;
    const token = this.#tokens.bindToken({
      bindId,
      endpointId: endpoint.id,
      accountId: endpoint.accountId,
      name: key,
      optionsHash,
    });
    const resolved = hasPublicPort(endpoint)
      ? `${this.#tcpHost}:${endpoint.port}`
      : proto === 'tcp'
        ? `${endpoint.host}:${endpoint.port}`
        : endpoint.host;
    return {
      response: {
        id: bindId,
        url: endpoint.url,
        proto,
        rawOpts: echoOptions(proto, request.rawOpts, resolved),
        error: '',
        token,
        tunnelId: endpoint.id,
      },
      goLive: () => {
        // It may have been unbound, lost or taken over again meanwhile.
        if (!this.#table.has(binding) || binding.session !== session || session.isClosed) return;
        this.#goLive(binding);
      },
    };
  }

  #goLive(binding: Binding): void {
    const { endpoint, session, bindId } = binding;
    const isNew = endpoint.size === 0;
    endpoint.serveBy(new SessionMember({ session, endpoint, bindId }));
    if (!isNew) return;
    if (endpoint.internal) this.#internal.add(endpoint);
    else this.#router.add(endpoint);
    this.#usage.track(endpoint);
    this.#onOnline(endpoint);
    this.#metrics.counter('portico_endpoints_started_total', 'Endpoints that went online.').value += 1;
    this.#log.info({ endpointId: endpoint.id, sessionId: session.id, url: endpoint.url }, 'endpoint online');
    this.#events.report('endpoint_start.v0', endpoint.accountId, this.#eventOf(binding));
  }

  #remove(binding: Binding, reason: string): void {
    const { endpoint, key, claim } = binding;
    if (!this.#table.remove(binding)) return;
    if (endpoint.internal) this.#internal.remove(endpoint);
    else this.#router.remove(endpoint);
    this.#secrets.dropSecrets(endpoint.id, endpoint.accountId);
    const wasOnline = endpoint.size > 0;
    endpoint.serveBy(null);
    const [heir] = this.#table.at(key);
    // The name stays with those who share it: then only what stands below it goes.
    if (heir === undefined || claim !== claimKey(key)) this.#live.release(claim);
    else this.#keepName(heir);
    if (hasPublicPort(endpoint) && heir === undefined) {
      this.#tcp
        .close(endpoint.port)
        .catch((error: unknown) => this.#log.error({ err: error }, 'closing a port failed'));
    }
    if (!wasOnline) return;
    this.#usage.untrack(endpoint);
    this.#metrics.counter('portico_endpoints_stopped_total', 'Endpoints that went offline.').value += 1;
    this.#log.info(
      { endpointId: endpoint.id, sessionId: binding.session.id, url: endpoint.url, reason },
      'endpoint offline',
    );
    this.#events.report('endpoint_stop.v0', endpoint.accountId, { ...this.#eventOf(binding), reason });
  }

  #refuse(binding: Binding, error: PorticoError): void {
    this.#stop(binding, error.message, errorName(error.code));
  }

  /** Ends an endpoint against its agent's will. Routing stops first: the Rust client may ignore the message. */
  #stop(binding: Binding, reason: string, errorCode: string | null): void {
    this.#remove(binding, reason);
    const { mux } = binding.session;
    const message = { id: binding.bindId, message: reason, errorCode };
    try {
      const stream = mux.open(StreamType.stopTunnel, Buffer.from(JSON.stringify(encodeStopTunnelRequest(message))));
      stream.setHandler({
        onData: (chunk) => stream.ack(chunk.length),
        onEnd: () => {},
        onReset: () => {},
        onWritable: () => {},
      });
      stream.end();
      // There is no reply; a client that leaves the stream open must not keep one of its places.
      setTimeout(() => stream.reset(MuxError.cancelled), 5_000).unref();
    } catch (failure) {
      if (!(failure instanceof MuxOpenError)) throw failure;
    }
  }

  async #recheck(binding: Binding): Promise<void> {
    const { endpoint, session } = binding;
    const { host, port } = endpoint;
    const wanted: Wanted = endpoint.internal
      ? { kind: 'internal', host, port }
      : endpoint.proto === 'tcp'
        ? { kind: 'port', port }
        : { kind: 'host', host };
    try {
      const { proto, facts: request, labels } = endpoint;
      const { unchecked } = await this.#authorize(session, { proto, wanted, request, labels }, true);
      binding.unchecked = unchecked;
    } catch (error) {
      if (!(error instanceof PorticoError)) throw error;
      if (this.#table.has(binding)) this.#refuse(binding, error);
    }
  }

  #claimOf({ bindId, endpoint, session }: Binding): LiveClaim {
    return {
      endpointId: endpoint.id,
      accountId: endpoint.accountId,
      sessionId: session.id,
      nodeId: this.#nodeId,
      url: endpoint.url,
      proto: endpoint.proto,
      name: endpoint.facts.name,
      metadata: endpoint.facts.metadata,
      forwardsTo: endpoint.facts.forwardsTo,
      startedAt: endpoint.startedAt.toISOString(),
      bindId,
      ...(endpoint.internal ? { internal: true } : {}),
      ...(endpoint.facts.poolingEnabled ? { poolingEnabled: true } : {}),
      ...(endpoint.facts.description === '' ? {} : { description: endpoint.facts.description }),
      ...(endpoint.facts.forwardsProto === 'http2' ? { forwardsProto: 'http2' as const } : {}),
      ...(endpoint.labels === null ? {} : { labels: endpoint.labels }),
    };
  }

  #eventOf({ endpoint, session }: Binding): Record<string, string> {
    return {
      endpointId: endpoint.id,
      sessionId: session.id,
      url: endpoint.url,
      proto: endpoint.proto,
      name: endpoint.facts.name,
      metadata: endpoint.facts.metadata,
      forwardsTo: endpoint.facts.forwardsTo,
    };
  }

  async #locked<T>(key: string, run: () => Promise<T>): Promise<T> {
    const before = this.#locks.get(key) ?? Promise.resolve();
    const mine = before.then(run, run);
    this.#locks.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#locks.get(key) === mine) this.#locks.delete(key);
    }
  }
}

/** Nothing ends these pauses early; they are short. */
const NEVER = new AbortController().signal;

function targetOf(protocol: TunnelProto, internal: boolean): PolicyTarget {
  return { protocol, kind: 'agent', internal };
}

/** Of two endpoints of a pool that have the same rules, one may serve what the other began. */
function rulesOf(endpoint: BoundEndpoint, documents: BindDocuments): string {
  const { facts, proxyProtocol, webSocketTcp } = endpoint;
  return JSON.stringify([facts.forwardsProto, proxyProtocol, webSocketTcp, documents]);
}

function claimKey(key: string): string {
  return `claims/${key}`;
}

/** Where an endpoint is to be: a public host or port, or a host and port inside its account. */
interface Place {
  readonly host: string;
  readonly port: number;
  readonly internal: boolean;
}

/** Names are one account's or another's, internal ones are everybody's own. */
function keyOf(proto: TunnelProto, { host, port, internal }: Place, accountId: string): string {
  if (internal) return `internal/${accountId}/${proto}/${host}:${port}`;
  return proto === 'tcp' ? `tcp/${port}` : `${proto}/${host}`;
}

function protoOf(key: string): string {
  const [first = '', , third = ''] = key.split('/');
  return first === 'internal' ? third : first;
}

function internalUrl(proto: TunnelProto, host: string, port: number): string {
  const isDefault = port === { http: 80, https: 443, tls: 443, tcp: 0 }[proto];
  return isDefault ? `${proto}://${host}` : `${proto}://${host}:${port}`;
}

function hasPublicPort({ proto, internal }: BoundEndpoint): boolean {
  return proto === 'tcp' && !internal;
}

function wantedOf({ name }: BindClaim): Wanted {
  if (name.startsWith('internal/')) {
    const place = name.slice(name.lastIndexOf('/') + 1);
    const colon = place.lastIndexOf(':');
    return { kind: 'internal', host: place.slice(0, colon), port: Number(place.slice(colon + 1)) };
  }
  const rest = name.slice(name.indexOf('/') + 1);
  return name.startsWith('tcp/') ? { kind: 'port', port: Number(rest) } : { kind: 'host', host: rest };
}

function factsOf(request: BindRequest): EndpointFacts {
  return {
    name: checkedText('Name', request.name),
    description: checkedText('Description', request.description),
    metadata: checkedText('Metadata', request.metadata),
    poolingEnabled: request.poolingEnabled,
    forwardsTo: request.forwardsTo.slice(0, 1_024),
    forwardsProto: request.forwardsProto === 'http2' ? 'http2' : 'http1',
  };
}

/** @throws PorticoError 310: it would not fit into the registry, and half of it would mislead. */
function checkedText(what: string, text: string): string {
  if (Buffer.byteLength(text) > TEXT_BYTES_MAX) {
    throw new PorticoError(310, { option: `${what} of more than ${TEXT_BYTES_MAX} bytes` });
  }
  return text;
}

/** What the API refused, as an error of our catalogue; a code that is newer than this edge is shown as 500. */
export function refusal({ code, details }: { code: number; details: Record<string, string | number> }): PorticoError {
  const known: ErrorCode = isErrorCode(code) ? code : 500;
  return new PorticoError(known, details);
}
