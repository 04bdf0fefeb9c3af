import type {
  CaptureRule,
  InternalClient,
  AccountSettings as Received,
  Restriction,
} from '@portico/api-contract/internal';
import type { Logger } from '@portico/service';
import { type IpPolicyCidrs, IpRules, type SecretName } from '@portico/traffic-policy';
import type { Quotas } from './quotas.ts';

/** As many as one question may name. */
const ACCOUNTS_A_QUESTION = 200;
const SECRETS_AN_ACCOUNT = 1_000;
/** Accounts that are kept though nothing of theirs is here now. */
const ACCOUNTS_MAX = 20_000;

export type Judgement = 'allowed' | 'denied' | 'not-allowed';

interface Account {
  version: number;
  suspended: boolean;
  /** The same objects until a policy changes: what is compiled from them is kept by identity. */
  ipPolicies: Map<string, IpPolicyCidrs>;
  restrictions: { agent: AddressGate | null; endpoints: AddressGate | null };
  /** PEM texts by id. */
  certificateAuthorities: ReadonlyMap<string, string>;
  /** By vault and name. Null: asked for, and there is none. */
  secrets: Map<string, string | null>;
}

interface Waiting {
  readonly done: PromiseWithResolvers<void>;
}

/**
 * What the API told of the accounts whose endpoints are here: IP policies, IP restrictions, certificate authorities,
 * and the secrets that their policies name. Kept in memory alone, and served while the API is away. Changes come as hints and by `reconcile`,
 * which is the truth. What goes out in one turn is one question.
 */
export class AccountSettings {
  readonly #client: InternalClient;
  readonly #nodeId: string;
  readonly #log: Logger;
  readonly #onChanged: (accountId: string) => void;
  readonly #isUsed: (accountId: string) => boolean;
  readonly #accounts = new Map<string, Account>();
  /** Who needs which secrets, by account. */
  readonly #wanted = new Map<string, Map<string, readonly SecretName[]>>();
  readonly #waiting = new Map<string, Waiting>();
  #asking: Promise<void> | null = null;
  /** Accounts with a restriction on visitors; nearly always none. */
  readonly #gates = new Map<string, AddressGate>();
  /** Accounts that want notes of their exchanges. */
  readonly #captures = new Map<string, CaptureRule>();
  /** Kinds of events about their traffic that accounts send somewhere. */
  readonly #events = new Map<string, readonly string[]>();
  readonly #quotas: Quotas;

  constructor(options: {
    client: InternalClient;
    nodeId: string;
    log: Logger;
    quotas: Quotas;
    /** Its settings are others now, or it is gone. */
    onChanged: (accountId: string) => void;
    /** Whether anything of the account is here: it is then not forgotten. */
    isUsed: (accountId: string) => boolean;
  }) {
    this.#client = options.client;
    this.#nodeId = options.nodeId;
    this.#log = options.log;
    this.#quotas = options.quotas;
    this.#onChanged = options.onChanged;
    this.#isUsed = options.isUsed;
  }

  /** Settles when the account's settings are here; asks only for what is missing. Rejects with InternalApiError. */
  async ensure(accountId: string): Promise<void> {
    const missing = !this.#accounts.has(accountId) || this.#lacksSecrets(accountId);
    if (missing) await this.refresh(accountId);
  }

  /** Asks for what is newer than what is here. Rejects with InternalApiError. */
  refresh(accountId: string): Promise<void> {
    const waiting = this.#waiting.get(accountId) ?? { done: Promise.withResolvers<void>() };
    this.#waiting.set(accountId, waiting);
    // Some only want it to be tried.
    waiting.done.promise.catch(() => {});
    this.#askSoon();
    return waiting.done.promise;
  }

  /** Compares all accounts with the API's. Rejects with InternalApiError; then they stay as they are. */
  async reconcile(): Promise<void> {
    await Promise.all([...this.#accounts.keys()].map((accountId) => this.refresh(accountId)));
  }

  /**
   * Says which secrets `holder` (an endpoint) needs from now on, and settles when they are here. Rejects with
   * InternalApiError; they are then asked for again with the next reconciliation.
   */
  async wantSecrets(holder: string, accountId: string, names: readonly SecretName[]): Promise<void> {
    const holders = this.#wanted.get(accountId) ?? new Map<string, readonly SecretName[]>();
    if (names.length === 0) {
      holders.delete(holder);
      if (holders.size === 0) this.#wanted.delete(accountId);
      return;
    }
    this.#wanted.set(accountId, holders);
    holders.set(holder, names);
    await this.ensure(accountId);
  }

  dropSecrets(holder: string, accountId: string): void {
    void this.wantSecrets(holder, accountId, []);
  }

  knows(accountId: string): boolean {
    return this.#accounts.has(accountId);
  }

  isSuspended(accountId: string): boolean {
    return this.#accounts.get(accountId)?.suspended === true;
  }

  ipPolicy(accountId: string, id: string): IpPolicyCidrs | null {
    return this.#accounts.get(accountId)?.ipPolicies.get(id) ?? null;
  }

  secret(accountId: string, vault: string, name: string): string | null {
    return this.#accounts.get(accountId)?.secrets.get(secretKey({ vault, name })) ?? null;
  }

  /** Whether the account lets this address visit its endpoints. Costs nothing while no account has such a rule. */
  admits(accountId: string, address: string): boolean {
    if (this.#gates.size === 0) return true;
    const gate = this.#gates.get(accountId);
    return gate === undefined || this.#passes(gate, accountId, 'endpoints', address) === 'allowed';
  }

  /** What may be kept of its exchanges; null: nothing. */
  captureRule(accountId: string): CaptureRule | null {
    return this.#captures.size === 0 ? null : (this.#captures.get(accountId) ?? null);
  }

  /** Whether the account sends events of this kind somewhere. */
  wantsEvents(accountId: string, type: string): boolean {
    return this.#events.size > 0 && this.#events.get(accountId)?.includes(type) === true;
  }

  /** Whether an agent of the account may be connected from there. */
  judgeAgent(accountId: string, address: string): Judgement {
    const gate = this.#accounts.get(accountId)?.restrictions.agent ?? null;
    return gate === null ? 'allowed' : this.#passes(gate, accountId, 'agent', address);
  }

  /** PEM text; null: the account has none by that id. */
  certificateAuthority(accountId: string, id: string): string | null {
    return this.#accounts.get(accountId)?.certificateAuthorities.get(id) ?? null;
  }

  get size(): number {
    return this.#accounts.size;
  }

  #passes(gate: AddressGate, accountId: string, type: string, address: string): Judgement {
    const judgement = gate.judge(address);
    if (judgement === 'allowed' || gate.enforced) return judgement;
    if (gate.takesNote(address)) {
      this.#log.info({ accountId, type, address }, 'an IP restriction that is not enforced would have refused this');
    }
    return 'allowed';
  }

  #askSoon(): void {
    // A microtask later: what one turn needs is one question.
    this.#asking ??= Promise.resolve()
      .then(() => this.#ask())
      .finally(() => {
        this.#asking = null;
        if (this.#waiting.size > 0) this.#askSoon();
      });
  }

  async #ask(): Promise<void> {
    const asked = [...this.#waiting].slice(0, ACCOUNTS_A_QUESTION);
    for (const [accountId] of asked) this.#waiting.delete(accountId);
    const accounts = asked.map(([accountId]) => ({
      accountId,
      version: this.#lacksSecrets(accountId) ? null : (this.#accounts.get(accountId)?.version ?? null),
      secrets: this.#secretsOf(accountId),
    }));
    try {
      const { changed, gone } = await this.#client.accountSettings({ nodeId: this.#nodeId, accounts });
      for (const accountId of gone) this.#forget(accountId);
      for (const settings of changed) {
        this.#take(settings, accounts.find(({ accountId }) => accountId === settings.accountId)?.secrets ?? []);
      }
      for (const [, { done }] of asked) done.resolve();
    } catch (error) {
      for (const [, { done }] of asked) done.reject(error);
    }
  }

  #take(received: Received, asked: readonly SecretName[]): void {
    const { accountId, version, suspended } = received;
    const before = this.#accounts.get(accountId);
    const secrets = new Map<string, string | null>(asked.map((name) => [secretKey(name), null]));
    for (const { vault, name, value } of received.secrets) secrets.set(secretKey({ vault, name }), value);
    const ipPolicies = new Map(
      received.ipPolicies.map(({ id, allow, deny }): [string, IpPolicyCidrs] => {
        const known = before?.ipPolicies.get(id);
        const isSame = known !== undefined && sameTexts(known.allow, allow) && sameTexts(known.deny, deny);
        return [id, isSame ? known : { allow, deny }];
      }),
    );
    const { agent, endpoints } = received.restrictions;
    const restrictions = { agent: gateOf(agent), endpoints: gateOf(endpoints) };
    // The newest stands at the end: the oldest that nobody uses go first.
    this.#accounts.delete(accountId);
    const certificateAuthorities = new Map(received.certificateAuthorities.map(({ id, pem }) => [id, pem]));
    this.#accounts.set(accountId, { version, suspended, ipPolicies, restrictions, certificateAuthorities, secrets });
    if (restrictions.endpoints === null) this.#gates.delete(accountId);
    else this.#gates.set(accountId, restrictions.endpoints);
    if (received.capture === null) this.#captures.delete(accountId);
    else this.#captures.set(accountId, received.capture);
    if (received.events.length === 0) this.#events.delete(accountId);
    else this.#events.set(accountId, received.events);
    this.#quotas.set(accountId, received.limits);
    this.#makeRoom();
    this.#onChanged(accountId);
  }

  #forget(accountId: string): void {
    this.#gates.delete(accountId);
    this.#captures.delete(accountId);
    this.#events.delete(accountId);
    this.#quotas.forget(accountId);
    if (this.#accounts.delete(accountId)) this.#onChanged(accountId);
  }

  #makeRoom(): void {
    if (this.#accounts.size <= ACCOUNTS_MAX) return;
    for (const accountId of this.#accounts.keys()) {
      if (this.#wanted.has(accountId) || this.#isUsed(accountId)) continue;
      this.#accounts.delete(accountId);
      this.#gates.delete(accountId);
      this.#captures.delete(accountId);
      this.#events.delete(accountId);
      this.#quotas.forget(accountId);
      return;
    }
  }

  #lacksSecrets(accountId: string): boolean {
    const known = this.#accounts.get(accountId)?.secrets;
    return this.#secretsOf(accountId).some((name) => known?.has(secretKey(name)) !== true);
  }

  #secretsOf(accountId: string): SecretName[] {
    const holders = this.#wanted.get(accountId);
    if (holders === undefined) return [];
    const names = new Map<string, SecretName>();
    for (const wanted of holders.values()) for (const name of wanted) names.set(secretKey(name), name);
    return [...names.values()].slice(0, SECRETS_AN_ACCOUNT);
  }
}

/** An IP restriction: a denied range refuses; else, once there is an allowed range, only those are let in. */
class AddressGate {
  readonly enforced: boolean;
  readonly #rules: IpRules;
  readonly #onlyAllowed: boolean;
  readonly #noted = new Set<string>();

  constructor({ enforced, allow, deny }: Restriction) {
    this.enforced = enforced;
    this.#rules = new IpRules(allow, deny);
    this.#onlyAllowed = allow.length > 0;
  }

  judge(address: string): Judgement {
    const { allowed, matchedCidr } = this.#rules.check(address);
    if (allowed) return 'allowed';
    if (matchedCidr !== '') return 'denied';
    return this.#onlyAllowed ? 'not-allowed' : 'allowed';
  }

  /** Once an address, and not for ever. */
  takesNote(address: string): boolean {
    if (this.#noted.has(address) || this.#noted.size >= 100) return false;
    this.#noted.add(address);
    return true;
  }
}

function gateOf(restriction: Restriction | null): AddressGate | null {
  return restriction === null ? null : new AddressGate(restriction);
}

function secretKey({ vault, name }: SecretName): string {
  return `${vault}\0${name}`;
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}
