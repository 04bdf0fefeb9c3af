import type { CloudEndpoint as CloudRecord } from '@portico/api-contract/internal';
import { PorticoError } from '@portico/errors';
import type { Logger } from '@portico/service';
import { type SecretName, secretNames } from '@portico/traffic-policy';
import { LRUCache } from 'lru-cache';
import type { EndpointPolicy } from '../policy/endpoint-policy.ts';
import type { Policies } from '../policy/policies.ts';
import type { Router } from '../router/router.ts';
import { CloudEndpoint } from './cloud-endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import type { InternalEndpoints } from './internal-endpoints.ts';

/** Policies that are kept ready to run; the others are compiled when they are wanted again. */
const COMPILED_MAX = 10_000;
/** Documents that are kept at all. */
const CHARACTERS_MAX = 256 * 1024 * 1024;

/** What cloud endpoints need of the accounts that they are of. */
export interface CloudAccounts {
  ensure(accountId: string): Promise<void>;
  wantSecrets(holder: string, accountId: string, names: readonly SecretName[]): Promise<void>;
  dropSecrets(holder: string, accountId: string): void;
  isSuspended(accountId: string): boolean;
  knows(accountId: string): boolean;
}

export interface CloudPorts {
  open(port: number, endpoint: Endpoint): Promise<number>;
  close(port: number): Promise<void>;
}

/**
 * The cloud endpoints of all accounts, on this edge: routed for as long as the API says that they are there. A change
 * replaces the policy whole, and only when what it needs (the account's settings, the secrets it names) is here too.
 */
export class CloudEndpoints {
  readonly #accounts: CloudAccounts;
  readonly #policies: Policies;
  readonly #router: Router;
  readonly #internal: InternalEndpoints;
  readonly #tcp: CloudPorts;
  readonly #names: { readonly tcpHost: string; ports(): { readonly http: number; readonly https: number } };
  readonly #log: Logger;
  readonly #onOnline: (endpoint: Endpoint) => void;
  readonly #onFirstUse: (endpoint: Endpoint) => void;
  readonly #onGone: (endpoint: Endpoint) => void;
  readonly #byId = new Map<string, CloudEndpoint>();
  readonly #byAccount = new Map<string, Set<CloudEndpoint>>();
  /** Those that visitors are led to now, and where they stand. */
  readonly #routed = new Map<CloudEndpoint, CloudRecord>();
  readonly #compiled = new LRUCache<CloudEndpoint, { document: string; policy: EndpointPolicy }>({ max: COMPILED_MAX });
  readonly #used = new Set<CloudEndpoint>();
  /** For want of memory. */
  readonly #leftOut = new Set<string>();
  #characters = 0;

  constructor(options: {
    accounts: CloudAccounts;
    policies: Policies;
    router: Router;
    internal: InternalEndpoints;
    tcp: CloudPorts;
    names: { readonly tcpHost: string; ports(): { readonly http: number; readonly https: number } };
    log: Logger;
    /** Visitors reach it from now on. */
    onOnline: (endpoint: Endpoint) => void;
    /** The first visitor is there. */
    onFirstUse: (endpoint: Endpoint) => void;
    /** It had visitors, and is gone. */
    onGone: (endpoint: Endpoint) => void;
  }) {
    this.#accounts = options.accounts;
    this.#policies = options.policies;
    this.#router = options.router;
    this.#internal = options.internal;
    this.#tcp = options.tcp;
    this.#names = options.names;
    this.#log = options.log;
    this.#onOnline = options.onOnline;
    this.#onFirstUse = options.onFirstUse;
    this.#onGone = options.onGone;
  }

  /** Those that the edge was told of. */
  get size(): number {
    return this.#byId.size + this.#leftOut.size;
  }

  has(accountId: string): boolean {
    return this.#byAccount.has(accountId);
  }

  /** Takes what was made or changed. Rejects with InternalApiError when what it needs cannot be had; nothing changed then. */
  async put(records: readonly CloudRecord[]): Promise<void> {
    const ready: CloudRecord[] = [];
    await Promise.all(
      records.map(async (record) => {
        await this.#accounts.ensure(record.accountId);
        await this.#accounts.wantSecrets(record.id, record.accountId, this.#secretsOf(record));
        ready.push(record);
      }),
    );
    for (const record of ready) this.#place(record);
  }

  remove(id: string): void {
    this.#leftOut.delete(id);
    const endpoint = this.#byId.get(id);
    if (endpoint === undefined) return;
    this.#unroute(endpoint);
    this.#byId.delete(id);
    this.#characters -= endpoint.record.trafficPolicy.length;
    const ofAccount = this.#byAccount.get(endpoint.accountId);
    ofAccount?.delete(endpoint);
    if (ofAccount?.size === 0) this.#byAccount.delete(endpoint.accountId);
    this.#compiled.delete(endpoint);
    this.#accounts.dropSecrets(id, endpoint.accountId);
    if (this.#used.delete(endpoint)) this.#onGone(endpoint);
  }

  /** Removes all but these. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of [...this.#byId.keys(), ...this.#leftOut]) if (!ids.has(id)) this.remove(id);
  }

  /** The account may be suspended, or be back. */
  accountChanged(accountId: string): void {
    for (const endpoint of [...(this.#byAccount.get(accountId) ?? [])]) {
      this.#settle(endpoint);
    }
  }

  /** Tries again for ports that something else had. */
  retry(): void {
    for (const endpoint of this.#byId.values()) {
      if (!this.#routed.has(endpoint)) this.#settle(endpoint);
    }
  }

  /** Visitors are led to it as long as its account may serve, and has its name. */
  #settle(endpoint: CloudEndpoint): void {
    const { accountId, nameLost } = endpoint.record;
    const may = this.#accounts.knows(accountId) && !this.#accounts.isSuspended(accountId) && nameLost !== true;
    if (may) this.#route(endpoint);
    else this.#unroute(endpoint);
  }

  #place(record: CloudRecord): void {
    const known = this.#byId.get(record.id);
    const characters = this.#characters - (known?.record.trafficPolicy.length ?? 0) + record.trafficPolicy.length;
    if (characters > CHARACTERS_MAX) {
      this.#log.error(
        { endpointId: record.id },
        'cloud endpoints need more memory than they may have: one is left out',
      );
      this.remove(record.id);
      this.#leftOut.add(record.id);
      return;
    }
    this.#leftOut.delete(record.id);
    this.#characters = characters;
    const endpoint =
      known ??
      new CloudEndpoint(record, { compiled: (each) => this.#policyOf(each), urlOf: (each) => this.#urlOf(each) });
    const before = known?.record;
    const moved =
      before !== undefined &&
      (before.proto !== record.proto || before.host !== record.host || before.port !== record.port);
    if (moved) this.#unroute(endpoint);
    endpoint.record = record;
    this.#byId.set(record.id, endpoint);
    const ofAccount = this.#byAccount.get(record.accountId) ?? new Set();
    this.#byAccount.set(record.accountId, ofAccount.add(endpoint));
    this.#settle(endpoint);
  }

  #route(endpoint: CloudEndpoint): void {
    const { record } = endpoint;
    if (this.#routed.has(endpoint)) return;
    this.#routed.set(endpoint, record);
    if (record.internal) {
      this.#internal.addCloud(endpoint);
    } else if (record.proto === 'tcp') {
      this.#tcp.open(record.port, endpoint).then(
        () => {
          if (this.#routed.get(endpoint) === record) this.#router.addCloud(endpoint);
        },
        (error: unknown) => {
          this.#log.warn({ err: error, endpointId: endpoint.id, port: record.port }, 'the port cannot be opened');
          if (this.#routed.get(endpoint) === record) this.#routed.delete(endpoint);
        },
      );
    } else this.#router.addCloud(endpoint);
    this.#onOnline(endpoint);
  }

  #unroute(endpoint: CloudEndpoint): void {
    const at = this.#routed.get(endpoint);
    if (at === undefined) return;
    this.#routed.delete(endpoint);
    if (at.internal) {
      this.#internal.removeCloud(endpoint, at);
      return;
    }
    this.#router.removeCloud(endpoint, at);
    if (at.proto !== 'tcp') return;
    this.#tcp.close(at.port).catch((error: unknown) => this.#log.error({ err: error }, 'closing a port failed'));
  }

  /** Compiled when it is first wanted, and again when it has changed. */
  #policyOf(endpoint: CloudEndpoint): EndpointPolicy {
    const document = endpoint.record.trafficPolicy;
    const known = this.#compiled.get(endpoint);
    if (known?.document === document) return known.policy;
    if (!this.#used.has(endpoint)) {
      this.#used.add(endpoint);
      this.#onFirstUse(endpoint);
    }
    const policy = this.#compile(endpoint, known?.policy ?? null);
    this.#compiled.set(endpoint, { document, policy });
    return policy;
  }

  /** The API has checked it, so what fails here is newer than this edge: the one that ran goes on, else nothing does. */
  #compile(endpoint: CloudEndpoint, before: EndpointPolicy | null): EndpointPolicy {
    const { trafficPolicy, proto, internal } = endpoint.record;
    try {
      return this.#policies.compile(trafficPolicy, { protocol: proto, kind: 'cloud', internal });
    } catch (error) {
      if (!(error instanceof PorticoError)) throw error;
      this.#log.error({ err: error, endpointId: endpoint.id }, 'the policy of a cloud endpoint cannot run here');
      const fallback = proto === 'tcp' || proto === 'tls' ? CLOSE_ALL : FAIL_ALL;
      return before ?? this.#policies.compile(fallback, { protocol: proto, kind: 'cloud', internal });
    }
  }

  #secretsOf({ trafficPolicy, proto, internal }: CloudRecord): readonly SecretName[] {
    if (!trafficPolicy.includes('secrets')) return [];
    try {
      return secretNames(this.#policies.compile(trafficPolicy, { protocol: proto, kind: 'cloud', internal }).compiled);
    } catch (error) {
      if (error instanceof PorticoError) return [];
      throw error;
    }
  }

  #urlOf({ proto, host, port, internal }: CloudRecord): { url: string; port: number } {
    if (proto === 'tcp' && !internal) return { url: `tcp://${this.#names.tcpHost}:${port}`, port };
    const ports = this.#names.ports();
    const shown = port === 0 ? (proto === 'http' ? ports.http : ports.https) : port;
    const isDefault = proto !== 'tcp' && shown === (proto === 'http' ? 80 : 443);
    return { url: isDefault ? `${proto}://${host}` : `${proto}://${host}:${shown}`, port: shown };
  }
}

const FAIL_ALL = 'on_http_request: [{actions: [{type: deny, config: {status_code: 502}}]}]';
const CLOSE_ALL = 'on_tcp_connect: [{actions: [{type: close-connection}]}]';
