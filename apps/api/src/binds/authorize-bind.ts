import { randomBytes } from 'node:crypto';
import { isAllowed } from '@portico/api-contract/acl';
import type {
  AuthorizeBindRequest,
  AuthorizeBindResponse,
  BindProto,
  RefusalError,
} from '@portico/api-contract/internal';
import {
  type CloudAddress,
  cloudEndpointsAt,
  findHolds,
  findLiveCredentials,
  findPortHoldsOfOthers,
  findPortReservation,
  findReservations,
  findUnproven,
  listReservedPorts,
  type Queries,
  takeHold,
} from '@portico/db';
import type { ErrorCode, ErrorDetails } from '@portico/errors';
import type { ApiContext } from '../context.ts';
import { cloudUrl } from '../endpoints/cloud-url.ts';
import type { LiveState } from '../live/live-state.ts';
import {
  isInternalHost,
  isUnder,
  labelUnderBase,
  namesAbove,
  parseHostName,
  parseInternalHost,
} from '../names/host-name.ts';
import { isReservedLabel } from '../names/reserved-label.ts';
import type { Plans } from '../plans/plans.ts';

export interface NameContext extends Pick<ApiContext, 'config' | 'now'> {
  readonly queries: Queries;
  readonly plans?: Plans;
  readonly live?: Pick<LiveState, 'claimsOf'>;
  /** URL of what is online under this host, whoever owns it; null when nothing is. */
  onlineAt(host: string): string | null;
}

/**
 * May this authtoken give traffic of this name to its agent? A name is free, reserved or held:
 * - reserved by an account: only that account has it, and every name under it
 * - else the first to come has it while online and for a while after (`nameHoldMs`)
 *
 * 300 the token is gone · 326 no domain · 328 no label under the base · 329 no port of ours · 341 kept for the
 * operator · 308 the token's rules · 318 a wildcard nobody reserved · 319 not under the base · 320, 309 of another
 * account · 334 online from another account now, or a cloud endpoint that does not share its URL.
 */
export async function authorizeBind(
  context: NameContext,
  request: AuthorizeBindRequest,
): Promise<AuthorizeBindResponse> {
  const [credential] = await findLiveCredentials(context.queries, [request.credentialId]);
  if (credential === undefined || credential.accountId !== request.accountId) {
    return refused(300, { token: request.credentialId });
  }
  if (credential.account.suspendedAt !== null) return refused(205);
  const { wanted, accountId, proto } = request;
  const tooMany = refuseTooMany(context, request, credential.account.plan);
  if (tooMany !== null) return tooMany;
  const asker = { accountId, acl: credential.acl };
  const wantsPort = wanted.kind === 'port' || wanted.kind === 'any-port';
  if (wanted.kind === 'internal') {
    const answer = authorizeInternal(asker, wanted, request.labels ?? {});
    if (answer.kind === 'refused') return answer;
    return refuseTaken(context, request, { proto, host: answer.host ?? '', port: wanted.port }, answer);
  }
  if (wantsPort !== (proto === 'tcp')) {
    const name = wanted.kind === 'host' ? wanted.host : wanted.kind === 'port' ? String(wanted.port) : wanted.kind;
    return refused(9037, { url: `${proto}://${name}`, reason: `an endpoint of kind ${proto} has no such name` });
  }
  switch (wanted.kind) {
    case 'host': {
      const answer = await authorizeHost(context, asker, wanted.host);
      if (answer.kind === 'refused') return answer;
      return refuseTaken(context, request, { proto, host: answer.host ?? '', port: 0 }, answer);
    }
    case 'random':
      return authorizeRandomHost(context, asker);
    case 'port': {
      const answer = await authorizePort(context, asker, wanted.port);
      if (answer.kind === 'refused') return answer;
      return refuseTaken(context, request, { proto, host: '', port: wanted.port }, answer);
    }
    case 'any-port':
      return authorizeAnyPort(context, asker);
  }
}

/** The plan's limit of endpoints online. What is online already stays, also when the limit came down since. */
function refuseTooMany(
  { plans, live }: NameContext,
  { accountId, wanted, proto }: AuthorizeBindRequest,
  plan: string,
): AuthorizeBindResponse | null {
  const limit = plans?.of(plan).endpoints ?? null;
  if (limit === null || live === undefined) return null;
  const name = wanted.kind === 'host' ? wanted.host : wanted.kind === 'port' ? String(wanted.port) : null;
  const claims = live.claimsOf(accountId);
  const isOnline = claims.some(({ url, proto: kind }) => {
    const { hostname, port } = new URL(url);
    return kind === proto && (kind === 'tcp' ? port : hostname) === name;
  });
  return isOnline || claims.length < limit ? null : refused(351, { limit });
}

/** A URL that a cloud endpoint has is not for agents, unless both share it. */
async function refuseTaken(
  { queries, config }: NameContext,
  { accountId, poolingEnabled = false }: AuthorizeBindRequest,
  address: CloudAddress & { readonly proto: BindProto },
  answer: AuthorizeBindResponse,
): Promise<AuthorizeBindResponse> {
  const internalOf = isInternalHost(address.host) ? accountId : null;
  const rows = await cloudEndpointsAt(queries, address, internalOf);
  const isShared = poolingEnabled && rows.every((row) => row.poolingEnabled && row.accountId === accountId);
  return rows.length === 0 || isShared ? answer : refused(334, { url: cloudUrl(address, config.tcp.host, null) });
}

/** Nobody reserves an internal name: it is only seen from inside the account. */
function authorizeInternal(
  { acl }: Asker,
  { host: text, port }: { readonly host: string; readonly port: number },
  labels: Readonly<Record<string, string>>,
): AuthorizeBindResponse {
  const parsed = parseInternalHost(text);
  if (parsed.kind === 'invalid') return refused(326, { host: text, reason: parsed.reason });
  const { host } = parsed;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return refused(329, { port, range: '1 to 65535' });
  const named = Object.entries(labels).map(([key, value]) => ({ kind: 'label' as const, key, value }));
  const allowedByLabels = named.length > 0 && named.every((label) => isAllowed(acl, label));
  if (!allowedByLabels && !isAllowed(acl, { kind: 'host', host })) {
    return refused(308, { name: host, allowed: acl.join(', ') });
  }
  return { ...granted, host, port };
}

export interface Asker {
  readonly accountId: string;
  readonly acl: readonly string[];
}

/** May the account have this host? See `authorizeBind`; an empty list of rules allows every name. */
export async function authorizeHost(context: NameContext, asker: Asker, text: string): Promise<AuthorizeBindResponse> {
  const { config, queries, now } = context;
  const { baseDomain } = config;
  const parsed = parseHostName(text);
  if (parsed.kind === 'invalid') return refuseName(text, baseDomain, parsed.reason);
  const { host, wildcard } = parsed;
  if (!isAllowed(asker.acl, { kind: 'host', host })) {
    return refused(308, { name: host, allowed: asker.acl.join(', ') });
  }
  const under = isUnder(host, baseDomain);
  if (host === baseDomain || host === `*.${baseDomain}`) return refused(341, { host });
  const names = under ? namesAbove(host, baseDomain) : namesAbove(host, '');

  const reservations = await findReservations(queries, names);
  if (reservations.some((row) => row.accountId !== asker.accountId)) return refused(320, { host });
  const own = names.flatMap((name) => reservations.find((row) => row.domain === name) ?? [])[0];
  if (wildcard && own?.domain !== host) return refused(318, { host });
  if (own !== undefined) return { ...granted, host, reservedDomainId: own.id };

  if (!under) return refuseForeign(context, asker, host);
  if (isReservedLabel(labelUnderBase(host, baseDomain))) return refused(341, { host });
  const holds = await findHolds(queries, names, now());
  if (holds.some((hold) => hold.accountId !== asker.accountId)) return refuseHeld(context, host);
  return (await hold(context, asker, host)) ? { ...granted, host } : refuseHeld(context, host);
}

async function authorizeRandomHost(context: NameContext, asker: Asker): Promise<AuthorizeBindResponse> {
  const { baseDomain } = context.config;
  if (!isAllowed(asker.acl, { kind: 'random-host', baseDomain })) {
    return refused(308, { name: `a random name under ${baseDomain}`, allowed: asker.acl.join(', ') });
  }
  for (let tries = 0; tries < 5; tries += 1) {
    const host = `${randomBytes(6).toString('hex')}.${baseDomain}`;
    const taken = await findReservations(context.queries, [host]);
    if (taken.length === 0 && (await hold(context, asker, host))) return { ...granted, host };
  }
  throw new Error('five random names of 48 bits were all taken');
}

/** May the account have this port? */
export async function authorizePort(context: NameContext, asker: Asker, port: number): Promise<AuthorizeBindResponse> {
  const { range, host } = context.config.tcp;
  const { first, last } = range ?? { first: 1, last: 65_535 };
  if (!Number.isInteger(port) || port < first || port > last) {
    return refused(329, { port, range: `${first} to ${last}` });
  }
  const address = `${host}:${port}`;
  if (!isAllowed(asker.acl, { kind: 'port', host, port })) {
    return refused(308, { name: address, allowed: asker.acl.join(', ') });
  }
  const reservation = await findPortReservation(context.queries, port);
  if (reservation !== null && reservation.accountId !== asker.accountId) return refused(309, { address });
  if (!(await hold(context, asker, `tcp/${port}`))) return refused(309, { address });
  return { ...granted, port };
}

async function authorizeAnyPort(context: NameContext, asker: Asker): Promise<AuthorizeBindResponse> {
  const { queries } = context;
  const { host } = context.config.tcp;
  if (!isAllowed(asker.acl, { kind: 'any-port', host })) {
    return refused(308, { name: `any port of ${host}`, allowed: asker.acl.join(', ') });
  }
  const holds = await findPortHoldsOfOthers(queries, asker.accountId, context.now());
  // One's own too: a reserved port is there for whoever asks for it by number.
  const reserved = await listReservedPorts(queries);
  return { ...granted, avoidPorts: [...reserved, ...holds.map((row) => Number(row.name.slice('tcp/'.length)))] };
}

/** Gives the name to the account for the time of a bind; false when another one was faster. */
function hold({ config, queries, now }: NameContext, { accountId }: Asker, name: string): Promise<boolean> {
  const at = now();
  const heldUntil = new Date(at.getTime() + config.limits.nameHoldMs);
  return takeHold(queries, { name, accountId, heldUntil }, at);
}

const granted = {
  kind: 'granted',
  host: null,
  port: null,
  reservedDomainId: null,
  avoidPorts: [] as number[],
} as const;

/** Online from another account: say where, so that people look for the other agent. Resting: another name it must be. */
function refuseHeld(context: NameContext, host: string): AuthorizeBindResponse {
  const url = context.onlineAt(host);
  return url === null ? refused(320, { host }) : refused(334, { url });
}

/** A name that is not under the base and not proven: say what is missing if the account has written it down. */
async function refuseForeign(context: NameContext, { accountId }: Asker, host: string): Promise<AuthorizeBindResponse> {
  const { config, queries } = context;
  const names = namesAbove(host, '');
  const unproven = await findUnproven(queries, accountId, names);
  if (unproven === null) return refused(319, { host, base: config.baseDomain });
  return refused(515, { host: unproven.domain });
}

function refuseName(text: string, baseDomain: string, reason: string): AuthorizeBindResponse {
  const host = text.toLowerCase().replace(/\.$/, '');
  if (!isUnder(host, baseDomain)) return refused(326, { host: text, reason });
  return refused(328, { subdomain: host.slice(0, -(baseDomain.length + 1)), reason });
}

function refused(code: ErrorCode, details: ErrorDetails = {}): { kind: 'refused'; error: RefusalError } {
  return { kind: 'refused', error: { code, details: { ...details } } };
}
