import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { PorticoError } from '@portico/errors';
import {
  type Action,
  type ActionTools,
  type ActionType,
  type CompiledPolicy,
  combinePolicies,
  DEFAULT_POLICY_LIMITS,
  type EndpointContext,
  type IpFacts,
  type IpPolicyCidrs,
  isImmediate,
  loadPolicy,
  type PlainValue,
  type PolicyLimits,
  type PolicyProblem,
  type PolicyScope,
  type PolicyTarget,
  RateLimiter,
  type SecretStore,
  type TerminateTlsConfig,
} from '@portico/traffic-policy';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type {
  ActionOf,
  AsyncActions,
  AsyncActionType,
  AsyncOutcome,
  AsyncTools,
  ConnectTools,
} from './async-action.ts';
import { CompressorSeats } from './compression.ts';
import { EndpointPolicy } from './endpoint-policy.ts';
import { type PolicyRunLimits, policyRunLimits } from './limits.ts';
import { EndpointFacts } from './traffic-contexts.ts';

/** What policies refer to and do not hold themselves, by account. Answers are those of this moment: nothing is cached. */
export interface PolicyData {
  /** The same object until the policy changes; null: the account has none by that id. */
  ipPolicy(accountId: string, id: string): IpPolicyCidrs | null;
  /** Null: there is no such vault or secret. */
  secret(accountId: string, vault: string, name: string): string | null;
  /** PEM text of a certificate authority; null: the account has none by that id. */
  certificateAuthority?(accountId: string, id: string): string | null;
  /** What the operator's data files say about an address; null without files. */
  ipFacts(ip: string): IpFacts | null;
}

/** What the phases on one endpoint's traffic have in common. */
export interface PolicySurroundings {
  readonly endpoint: EndpointContext;
  readonly tools: ActionTools;
  readonly secrets: SecretStore;
}

export const NO_POLICY_DATA: PolicyData = {
  ipPolicy: () => null,
  secret: () => null,
  ipFacts: () => null,
};

/**
 * Makes the policies of endpoints from their documents, and has what all of them share. The only place in the edge
 * where a document becomes something that runs (D8).
 */
export class Policies {
  readonly data: PolicyData;
  readonly asyncActions: AsyncActions;
  readonly serverRegion: string;
  /** Called for each `log` action. */
  readonly onLog: (endpoint: Endpoint, metadata: PlainValue) => void;
  /** How long one phase of one request may take. On excess: 500. */
  readonly phaseMs: number;
  /** Endpoints that may forward one request, one after another. On excess: 502. */
  readonly hopsMax: number;
  /** Bytes of a body that actions may ask for as a whole. On excess: 413. */
  readonly bodyBytesMax: number;
  /** Answers that may be compressed at once. On excess: they go out as they are. */
  readonly compressors: CompressorSeats;
  readonly #limits: PolicyLimits;
  readonly #rateLimiter: RateLimiter;
  readonly #surroundings = new WeakMap<Endpoint, PolicySurroundings>();

  constructor({
    data = NO_POLICY_DATA,
    asyncActions = {},
    serverRegion = '',
    limits = DEFAULT_POLICY_LIMITS,
    rateLimiter = new RateLimiter(),
    onLog = () => {},
    phaseMs = policyRunLimits.phaseMs,
    hopsMax = policyRunLimits.hopsMax,
    bodyBytesMax = policyRunLimits.bodyBytesMax,
    compressorsMax = policyRunLimits.compressorsMax,
  }: {
    data?: PolicyData;
    asyncActions?: AsyncActions;
    serverRegion?: string;
    limits?: PolicyLimits;
    rateLimiter?: RateLimiter;
    onLog?: (endpoint: Endpoint, metadata: PlainValue) => void;
  } & Partial<PolicyRunLimits> = {}) {
    this.data = data;
    this.asyncActions = asyncActions;
    this.serverRegion = serverRegion;
    this.onLog = onLog;
    this.phaseMs = phaseMs;
    this.hopsMax = hopsMax;
    this.bodyBytesMax = bodyBytesMax;
    this.compressors = new CompressorSeats(compressorsMax);
    this.#limits = limits;
    this.#rateLimiter = rateLimiter;
  }

  /**
   * The policy of a document, YAML or JSON.
   * @throws {PolicyRefused} with the code of the first problem; PorticoError 310 for an action that this edge lacks.
   */
  compile(text: string, target: PolicyTarget): EndpointPolicy {
    return new EndpointPolicy(this.#load(text, target));
  }

  /**
   * One policy of several documents, the rules of earlier ones first; null when there is none to run.
   * @throws as `compile`
   */
  compileAll(texts: readonly string[], target: PolicyTarget): EndpointPolicy | null {
    let combined: CompiledPolicy | null = null;
    for (const text of texts) {
      const policy = this.#load(text, target);
      combined = combined === null ? policy : combinePolicies(combined, policy);
    }
    return combined === null ? null : new EndpointPolicy(combined);
  }

  /** What every phase on this endpoint's traffic uses; made once for each endpoint. */
  surroundingsOf(endpoint: Endpoint): PolicySurroundings {
    const known = this.#surroundings.get(endpoint);
    if (known !== undefined) return known;
    const { accountId } = endpoint;
    const made: PolicySurroundings = {
      endpoint: new EndpointFacts(endpoint),
      tools: {
        ipPolicy: (id) => this.data.ipPolicy(accountId, id),
        takeFromBucket: (rule, key) => this.#rateLimiter.hit(rule, key),
      },
      secrets: { get: (vault, name) => this.data.secret(accountId, vault, name) },
    };
    this.#surroundings.set(endpoint, made);
    return made;
  }

  /** Does an action of another part of the edge. */
  performAsync(action: Action, scope: PolicyScope, tools: AsyncTools): Promise<AsyncOutcome> {
    const { asyncActions } = this;
    switch (action.type) {
      case 'oauth':
        return asyncActions.oauth?.run(action, scope, tools) ?? missing(action);
      case 'openid-connect':
        return asyncActions['openid-connect']?.run(action, scope, tools) ?? missing(action);
      case 'jwt-validation':
        return asyncActions['jwt-validation']?.run(action, scope, tools) ?? missing(action);
      case 'verify-webhook':
        return asyncActions['verify-webhook']?.run(action, scope, tools) ?? missing(action);
      case 'http-request':
        return asyncActions['http-request']?.run(action, scope, tools) ?? missing(action);
      case 'forward-internal':
        return asyncActions['forward-internal']?.run(action, scope, tools) ?? missing(action);
      default:
        return missing(action);
    }
  }

  /** `forward-internal` of a connection. */
  performOnConnect(
    action: ActionOf<'forward-internal'>,
    scope: PolicyScope,
    tools: ConnectTools,
  ): Promise<AsyncOutcome> {
    return this.asyncActions['forward-internal']?.run(action, scope, tools) ?? missing(action);
  }

  #load(text: string, target: PolicyTarget): CompiledPolicy {
    const loaded = loadPolicy(text, target, this.#limits);
    if (loaded.kind === 'refused') throw new PolicyRefused(loaded.problems);
    for (const rules of Object.values(loaded.policy.phases)) {
      for (const { actions } of rules) {
        for (const action of actions) {
          if (!isImmediate(action) && !this.#has(action.type)) {
            throw new PorticoError(310, { option: `TrafficPolicy with the action ${action.type}` });
          }
          if (action.type === 'terminate-tls') checkTlsMaterial(action.config);
        }
      }
    }
    return loaded.policy;
  }

  #has(type: ActionType): boolean {
    if (isAsyncType(type)) return this.asyncActions[type] !== undefined;
    return RUN_HERE.has(type);
  }
}

/** Texts that are not known before a visitor comes are tried then. @throws {PorticoError} 2228 */
function checkTlsMaterial(config: TerminateTlsConfig): void {
  const attempt = (field: string, use: () => void): void => {
    try {
      use();
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown reason';
      throw new PorticoError(2228, { field, action: 'terminate-tls', reason }, { cause: error });
    }
  };
  const cert = config.serverCertificate?.constant ?? null;
  const key = config.serverPrivateKey?.constant ?? null;
  if (cert !== null) attempt('server_certificate', () => createSecureContext({ cert }));
  if (cert !== null && key !== null) attempt('server_private_key', () => createSecureContext({ cert, key }));
  for (const { constant } of config.clientAuthorities) {
    if (constant?.includes('-----BEGIN') !== true) continue;
    attempt('mutual_tls_certificate_authorities', () => {
      const certificates = constant.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [constant];
      for (const certificate of certificates) new X509Certificate(certificate);
    });
  }
}

/** Compiling refuses what is missing, so this is an error of ours: it must not let the request pass. */
function missing(action: Action): Promise<never> {
  return Promise.reject(new Error(`this edge has no action ${action.type}`));
}

/** Actions that need time, a body or a handshake and are done by the edge itself. */
const RUN_HERE: ReadonlySet<ActionType> = new Set<ActionType>([
  'circuit-breaker',
  'compress-response',
  'request-body-find-replace',
  'response-body-find-replace',
  'terminate-tls',
]);

const ASYNC_TYPES: ReadonlySet<string> = new Set<AsyncActionType>([
  'oauth',
  'openid-connect',
  'jwt-validation',
  'verify-webhook',
  'http-request',
  'forward-internal',
]);

export function isAsyncType(type: ActionType): type is AsyncActionType {
  return ASYNC_TYPES.has(type);
}

/** A document that cannot be used: the first problem as text, with its place and what to do about it. */
export class PolicyRefused extends PorticoError {
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    const [first] = problems;
    super(first?.code ?? 2236, {});
    this.problems = problems;
    if (first === undefined) return;
    const { line, column, message, hint } = first;
    this.message = `Line ${line}, column ${column} of the traffic policy: ${message}${hint === null ? '' : ` ${hint}`}`;
  }
}
