import type { BindProto } from '@portico/api-contract/internal';
import {
  type CloudAddress,
  type CloudEndpointChanges,
  type CloudEndpointRow,
  cloudEndpointsAt,
  countCloudEndpointsNamed,
  createCloudEndpoint,
  deleteCloudEndpoint,
  findCloudEndpoint,
  lockHold,
  nextFeedRevision,
  type Queries,
  shortenHold,
  takeHold,
  updateCloudEndpoint,
} from '@portico/db';
import { type ErrorCode, isErrorCode, PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import { formatProblem, loadPolicy } from '@portico/traffic-policy/validate';
import { authorizeHost, authorizePort, type NameContext } from '../binds/authorize-bind.ts';
import type { ApiContext } from '../context.ts';
import type { LiveState } from '../live/live-state.ts';
import { isUnder } from '../names/host-name.ts';
import { cloudUrl, type ParsedCloudUrl, parseCloudUrl } from './cloud-url.ts';

/** One change, in the caller's transaction. */
export interface CloudCall {
  readonly queries: Queries;
  readonly accountId: string;
  readonly at: Date;
}

export interface WantedCloudEndpoint {
  readonly url: string;
  readonly trafficPolicy: string;
  readonly bindings: readonly ('public' | 'internal')[] | null;
  readonly poolingEnabled: boolean;
  readonly description: string;
  readonly metadata: string;
  readonly createdBy: string | null;
}

type ChangedCloudEndpoint = Partial<Omit<WantedCloudEndpoint, 'createdBy'>>;

/**
 * Makes, changes and removes cloud endpoints. Their names obey the rules of binds: reserved by the account, or free
 * under the base and then kept for it for as long as the endpoint is there. 18001 not such a URL · 18002 the policy ·
 * 18005 another scheme · 18016, 18017 the URL is in use · and what `authorizeBind` says of names.
 */
export class CloudEndpoints {
  readonly #context: Pick<ApiContext, 'config' | 'now'>;
  readonly #live: LiveState;

  constructor(context: Pick<ApiContext, 'config' | 'now'>, live: LiveState) {
    this.#context = context;
    this.#live = live;
  }

  async create(call: CloudCall, wanted: WantedCloudEndpoint): Promise<CloudEndpointRow> {
    const { queries, accountId, at } = call;
    const { address, internal } = this.#addressOf(wanted.url, wanted.bindings);
    checkPolicy(wanted.trafficPolicy, address.proto, internal);
    const { trafficPolicy, poolingEnabled, description, metadata, createdBy } = wanted;
    if (!internal) await this.#takeName(call, address);
    const revision = await nextFeedRevision(queries);
    await this.#checkOthers(call, { address, internal, poolingEnabled, apart: null });
    return createCloudEndpoint(queries, accountId, revision, {
      id: newId('ep', at.getTime()),
      ...address,
      internal,
      poolingEnabled,
      trafficPolicy,
      description,
      metadata,
      createdBy,
      createdAt: at,
    });
  }

  /** Null when it is not there. */
  async update(call: CloudCall, id: string, changes: ChangedCloudEndpoint): Promise<CloudEndpointRow | null> {
    const { queries, accountId, at } = call;
    const before = await findCloudEndpoint(queries, accountId, id);
    if (before === null) return null;
    const { url, bindings, trafficPolicy, poolingEnabled, description, metadata } = changes;
    const { address, internal } = this.#addressOf(url ?? this.urlOf(before), bindings ?? null);
    if (address.proto !== before.proto) {
      throw new PorticoError(18005, { id, proto: before.proto, wanted: address.proto });
    }
    if (internal !== before.internal) {
      throw new PorticoError(18001, { url: url ?? '', reason: 'a public endpoint does not become an internal one' });
    }
    if (trafficPolicy !== undefined) checkPolicy(trafficPolicy, address.proto, internal);
    const moved = address.host !== before.host || address.port !== before.port;
    if (moved && !internal) {
      await this.#lockName(queries, before);
      await this.#takeName(call, address);
    }
    const revision = await nextFeedRevision(queries);
    if (moved || (poolingEnabled !== undefined && poolingEnabled !== before.poolingEnabled)) {
      const pooling = poolingEnabled ?? before.poolingEnabled;
      await this.#checkOthers(call, { address, internal, poolingEnabled: pooling, apart: id });
    }
    const fields: CloudEndpointChanges = {
      ...address,
      updatedAt: at,
      ...(trafficPolicy === undefined ? {} : { trafficPolicy }),
      ...(poolingEnabled === undefined ? {} : { poolingEnabled }),
      ...(description === undefined ? {} : { description }),
      ...(metadata === undefined ? {} : { metadata }),
    };
    const after = await updateCloudEndpoint(queries, accountId, { id, revision }, fields);
    if (moved) await this.#releaseName(call, before);
    return after;
  }

  /** False when it is not there. */
  async remove(call: CloudCall, id: string): Promise<boolean> {
    const { queries, accountId, at } = call;
    const before = await findCloudEndpoint(queries, accountId, id);
    if (before === null) return false;
    await this.#lockName(queries, before);
    const revision = await nextFeedRevision(queries);
    if (!(await deleteCloudEndpoint(queries, accountId, { id, revision, at }))) return false;
    await this.#releaseName(call, before);
    return true;
  }

  urlOf(address: CloudAddress): string {
    return cloudUrl(address, this.#context.config.tcp.host, this.#live.publicPorts);
  }

  #addressOf(
    url: string,
    bindings: readonly ('public' | 'internal')[] | null,
  ): Extract<ParsedCloudUrl, { kind: 'url' }> {
    const parsed = parseCloudUrl(url, { ports: this.#live.publicPorts });
    if (parsed.kind === 'invalid') throw new PorticoError(18001, { url: url.slice(0, 200), reason: parsed.reason });
    const [binding] = bindings ?? [];
    if (binding !== undefined && (binding === 'internal') !== parsed.internal) {
      const reason = `with the binding ${binding} its host ${parsed.internal ? 'does not end' : 'ends'} in .internal`;
      throw new PorticoError(18001, { url: url.slice(0, 200), reason });
    }
    return parsed;
  }

  /** Nobody may be at the URL who does not share it. Only once nobody else changes an endpoint. */
  async #checkOthers(
    { queries, accountId }: CloudCall,
    wanted: {
      readonly address: CloudAddress & { readonly proto: BindProto };
      readonly internal: boolean;
      readonly poolingEnabled: boolean;
      /** The endpoint itself. */
      readonly apart: string | null;
    },
  ): Promise<void> {
    const { address, internal, poolingEnabled, apart } = wanted;
    const { host, port, proto } = address;
    const url = this.urlOf(address);
    const others = await cloudEndpointsAt(queries, address, internal ? accountId : null);
    const inTheWay = others.filter(({ id }) => id !== apart);
    if (inTheWay.some((row) => row.accountId !== accountId || !row.poolingEnabled)) {
      throw new PorticoError(18016, { url });
    }
    const agents = this.#live.claimsAt(
      internal ? `internal/${accountId}/${proto}/${host}:${port}` : `${proto}/${proto === 'tcp' ? port : host}`,
    );
    if (agents.some((claim) => claim.poolingEnabled !== true)) throw new PorticoError(18016, { url });
    if (inTheWay.length + agents.length > 0 && !poolingEnabled) throw new PorticoError(18017, { url });
  }

  /** The name must be the account's to have, and is kept for it from now on. */
  async #takeName({ queries, accountId, at }: CloudCall, { host, port, proto }: CloudAddress): Promise<void> {
    const { config, now } = this.#context;
    const context: NameContext = { config, now, queries, onlineAt: (name) => this.#live.onlineAt(name) };
    const asker = { accountId, acl: [] };
    const answer =
      proto === 'tcp' ? await authorizePort(context, asker, port) : await authorizeHost(context, asker, host);
    if (answer.kind === 'refused') {
      const code: ErrorCode = isErrorCode(answer.error.code) ? answer.error.code : 500;
      throw new PorticoError(code, answer.error.details);
    }
    const name = this.#heldName({ host, port });
    if (name === null) return;
    const held = await takeHold(queries, { name, accountId, heldUntil: FOREVER }, at);
    if (!held) throw new PorticoError(320, { host: name });
  }

  /** Before the count of changes is locked: whoever makes an endpoint locks its name first, too. */
  async #lockName(queries: Queries, row: CloudEndpointRow): Promise<void> {
    const name = row.internal ? null : this.#heldName(row);
    if (name !== null) await lockHold(queries, name);
  }

  /** From now on the name rests for the account as if an agent had left it. */
  async #releaseName({ queries, accountId, at }: CloudCall, row: CloudEndpointRow): Promise<void> {
    const name = row.internal ? null : this.#heldName(row);
    if (name === null || (await countCloudEndpointsNamed(queries, accountId, row)) > 0) return;
    const heldUntil = new Date(at.getTime() + this.#context.config.limits.nameHoldMs);
    await shortenHold(queries, { name, accountId, heldUntil });
  }

  /** Names of one's own are kept by their reservation alone. */
  #heldName({ host, port }: { readonly host: string; readonly port: number }): string | null {
    if (host === '') return `tcp/${port}`;
    return isUnder(host, this.#context.config.baseDomain) ? host : null;
  }
}

/** The last moment that databases and programs agree on. */
const FOREVER = new Date('9999-12-31T00:00:00Z');

/** @throws {PorticoError} 18002 with what is wrong, where, and its own code. */
function checkPolicy(text: string, protocol: BindProto, internal: boolean): void {
  if (text.trim() === '') throw new PorticoError(18002, { reason: 'it is missing' });
  const loaded = loadPolicy(text, { protocol, kind: 'cloud', internal });
  if (loaded.kind === 'loaded') return;
  const reasons = loaded.problems.slice(0, 5).map(formatProblem);
  throw new PorticoError(18002, { reason: reasons.join('; ') });
}
