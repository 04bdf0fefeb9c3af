import { asksForContents, oldestAccepted, parseFilter, verdictOf } from '@portico/api-contract/exchange-filter';
import {
  type CaptureResource,
  type CaptureUpdate,
  captureUpdate,
  collections,
  type ExchangeMessages,
  type ExchangeResource,
  type ExchangeSearch,
  exchangeReplay,
} from '@portico/api-contract/public';
import {
  type CaptureSettingRow,
  deleteAllExchanges,
  deleteCaptureSetting,
  deleteExchange,
  type ExchangeLine,
  type ExchangeRow,
  exchangeTotals,
  findCaptureSetting,
  findCloudEndpoint,
  findExchange,
  listExchanges,
  type Queries,
  replaysOf,
  saveCaptureSetting,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { recordChange } from '../../audit/audit-log.ts';
import type { ApiContext } from '../../context.ts';
import { exchangeShape, hiddenByDefault, withoutHidden } from '../../exchanges/exchange-shape.ts';
import type { ExchangeContents } from '../../exchanges/exchange-store.ts';
import { sendReplay } from '../../exchanges/replay.ts';
import type { LiveState } from '../../live/live-state.ts';
import { readBody, readQuery } from '../../plugins/json-input.ts';
import { actorOf, changeWith, collectionRoutes, idOf } from './collection-routes.ts';
import { callerOf, notFound, readPageOf, resourcesFor } from './conventions.ts';

type ById = { Params: { id: string } };

interface ExchangeView {
  readonly id: string;
  readonly line: ExchangeLine;
  readonly contents: ExchangeContents | null;
  readonly hidden: readonly string[];
}

const bodyBytesDefault = 10_240;
const retentionHoursDefault = 72;
const sizeLimitDefault = 1_073_741_824;
/** One search looks at so many at most, or at fewer where it has to open what is sealed of them. */
const linesASearch = 20_000;
const contentsASearch = 5_000;
const searchBatch = 500;

/** `/exchanges` and `/capture`: single requests of visitors, for accounts that keep them, and sending them again. */
export function exchangeRoutes(app: FastifyInstance, context: ApiContext, live: LiveState): void {
  const { database, config, exchanges, keys, now, changes } = context;
  const { noun, path } = collections.exchanges;
  const hiddenOf = async (queries: Queries, accountId: string): Promise<readonly string[]> =>
    (await findCaptureSetting(queries, accountId))?.hiddenHeaders ?? hiddenByDefault;

  collectionRoutes(app, context, collections.exchanges, {
    audited: null,
    shape: (resources, { id, line, contents, hidden }: ExchangeView): ExchangeResource => ({
      ...exchangeShape(line, contents, hidden),
      uri: resources.uri(`${path}/${id}`),
    }),
    list: async ({ queries, caller }, page) => {
      const { items, hasMore } = await listExchanges(queries, caller.accountId, page);
      return { items: items.map((line) => ({ id: line.id, line, contents: null, hidden: [] })), hasMore };
    },
    find: async ({ queries, caller }, id) => {
      const row = await findExchange(queries, caller.accountId, id);
      if (row === null) return null;
      return { id, line: row, contents: exchanges.contentsOf(row), hidden: await hiddenOf(queries, caller.accountId) };
    },
    remove: ({ queries, caller }, id) => deleteExchange(queries, caller.accountId, id),
  });

  app.get<ById>(`${path}/:id/replays`, async (request) => {
    const id = idOf(request.params.id, noun);
    const { accountId } = callerOf(request);
    if ((await findExchange(database.queries, accountId, id)) === null) throw notFound(noun, id);
    const rows = await replaysOf(database.queries, accountId, id);
    const resources = resourcesFor(request, config.publicOrigin);
    return {
      exchanges: rows.map((line) => ({ ...exchangeShape(line, null, []), uri: resources.uri(`${path}/${line.id}`) })),
      uri: resources.uri(`${path}/${id}/replays`),
      next_page_uri: null,
    };
  });

  app.get(`${path}/search`, async (request): Promise<ExchangeSearch> => {
    const query = readQuery(request, ['q', 'limit', 'before_id']);
    const page = readPageOf(query);
    const text = query.get('q') ?? '';
    const at = now();
    const terms = parseFilter(text, at);
    const oldest = oldestAccepted(terms, at);
    const needsContents = asksForContents(terms);
    const { accountId } = callerOf(request);
    const hidden = await hiddenOf(database.queries, accountId);
    const found: ExchangeLine[] = [];
    let beforeId = page.beforeId;
    let searched = 0;
    let opened = 0;
    let searchedTo: Date | null = null;
    let isWhole = false;
    while (!isWhole && found.length < page.limit && searched < linesASearch && opened < contentsASearch) {
      const batch = await listExchanges(database.queries, accountId, { limit: searchBatch, beforeId });
      const judged = batch.items.map((line) => ({ line, shape: exchangeShape(line, null, []) }));
      const unknown = judged.filter(({ shape }) => needsContents && verdictOf(terms, shape) === 'unknown');
      const contents = await exchanges.searchedOf(
        database.queries,
        unknown.map(({ line }) => line.id),
      );
      opened += contents.size;
      for (const { line, shape } of judged) {
        if (found.length === page.limit || isWhole) break;
        searched += 1;
        beforeId = line.id;
        searchedTo = line.at;
        const known = contents.get(line.id) ?? nothingKept;
        if (verdictOf(terms, shape, withoutHidden(known, hidden)) === 'yes') found.push(line);
        isWhole = oldest !== null && line.at.getTime() < oldest.getTime() - idOrderMs;
      }
      if (batch.items.length === 0 || beforeId === batch.items.at(-1)?.id) isWhole ||= !batch.hasMore;
    }
    const resources = resourcesFor(request, config.publicOrigin);
    const next = `${path}/search?q=${encodeURIComponent(text)}&limit=${page.limit}&before_id=${beforeId ?? ''}`;
    return {
      uri: resources.uri(`${path}/search`),
      exchanges: found.map((line) => ({ ...exchangeShape(line, null, []), uri: resources.uri(`${path}/${line.id}`) })),
      searched,
      searched_to: searchedTo?.toISOString() ?? null,
      next_page_uri: isWhole ? null : resources.uri(next),
    };
  });

  app.get<ById>(`${path}/:id/messages`, async (request): Promise<ExchangeMessages> => {
    const id = idOf(request.params.id, noun);
    const after = readAfter(request);
    const row = await findExchange(database.queries, callerOf(request).accountId, id);
    if (row === null) throw notFound(noun, id);
    const { messages, hasMore } = await exchanges.messagesOf(database.queries, id, after);
    const resources = resourcesFor(request, config.publicOrigin);
    const last = messages.at(-1)?.number;
    return {
      uri: resources.uri(`${path}/${id}/messages`),
      messages: messages.map(({ at, ...message }) => ({ ...message, created_at: at })),
      message_count: row.messages,
      next_page_uri: hasMore && last !== undefined ? resources.uri(`${path}/${id}/messages?after=${last}`) : null,
    };
  });

  app.post<ById>(`${path}/:id/replay`, async (request) => {
    const id = idOf(request.params.id, noun);
    const caller = callerOf(request);
    const original = await findExchange(database.queries, caller.accountId, id);
    if (original === null) throw notFound(noun, id);
    const wanted = readBody(request, exchangeReplay);
    const target = wanted.url ?? urlOf(original);
    const isCloud = (await findCloudEndpoint(database.queries, caller.accountId, original.endpointId)) !== null;
    const url = isCloud && target === urlOf(original) ? new URL(target) : urlOfAccount(live, caller.accountId, target);
    if (url === null) throw notFound('endpoint', target);
    const ports = live.visitorPorts;
    if (ports === null) throw new PorticoError(503, { what: 'The edge', seconds: 2 });
    const side = exchanges.contentsOf(original)?.request ?? null;
    const order = { original, side, changes: wanted, url, ports };
    const replay = await sendReplay({ keys, now }, order, (replayId) =>
      exchanges.rememberReplayer(replayId, caller.ownerId ?? caller.keyId),
    );
    const resources = resourcesFor(request, config.publicOrigin);
    return { id: replay.id, uri: resources.uri(`${path}/${replay.id}`), status_code: replay.status };
  });

  const captureOf = async (queries: Queries, accountId: string, row: CaptureSettingRow | null) => {
    const kept = await exchangeTotals(queries, accountId);
    return {
      mode: row?.mode ?? 'off',
      body_bytes: row?.bodyBytes ?? bodyBytesDefault,
      retention_hours: row?.retentionHours ?? retentionHoursDefault,
      size_limit_bytes: Number(row?.sizeLimitBytes ?? sizeLimitDefault),
      hidden_headers: row?.hiddenHeaders ?? [...hiddenByDefault],
      exchanges: kept.count,
      size_bytes: kept.bytes,
    } satisfies Omit<CaptureResource, 'uri'>;
  };

  app.get('/capture', async (request): Promise<CaptureResource> => {
    const { accountId } = callerOf(request);
    const row = await findCaptureSetting(database.queries, accountId);
    const uri = resourcesFor(request, config.publicOrigin).uri('/capture');
    return { uri, ...(await captureOf(database.queries, accountId, row)) };
  });

  app.patch('/capture', async (request): Promise<CaptureResource> => {
    const wanted = readBody(request, captureUpdate);
    const { accountId } = callerOf(request);
    const shown = await changeWith(
      context,
      request,
      async ({ queries, at }) => {
        const row = await findCaptureSetting(queries, accountId);
        const before = await captureOf(queries, accountId, row);
        const saved = await save(queries, accountId, row, wanted);
        const after = await captureOf(queries, accountId, saved);
        const change = { object: 'capture', what: 'updated', objectId: accountId, before, after } as const;
        await recordChange(queries, actorOf(request), change, at);
        return after;
      },
      { noun: 'capture setting' },
    );
    changes.publish({ kind: 'account-changed', accountId });
    return { uri: resourcesFor(request, config.publicOrigin).uri('/capture'), ...shown };
  });
}

/** Of those that are kept as lines alone. */
const nothingKept = { fields: [], rules: [] };
/** Ids are in the order of their seconds. */
const idOrderMs = 2_000;

/** The number of the last message that the caller has. @throws PorticoError 215 */
function readAfter(request: FastifyRequest): number {
  const text = readQuery(request, ['after']).get('after') ?? '0';
  if (!/^\d{1,9}$/.test(text)) throw new PorticoError(215, { field: 'after', reason: 'it is the number of a message' });
  return Number(text);
}

/** Null: nothing is kept from now on, and what there was is gone. */
async function save(
  queries: Queries,
  accountId: string,
  had: CaptureSettingRow | null,
  wanted: CaptureUpdate,
): Promise<CaptureSettingRow | null> {
  const mode = wanted.mode ?? had?.mode ?? 'off';
  if (mode === 'off') {
    await deleteCaptureSetting(queries, accountId);
    await deleteAllExchanges(queries, accountId);
    return null;
  }
  const hidden = wanted.hidden_headers?.map((name) => name.toLowerCase());
  return saveCaptureSetting(queries, accountId, {
    mode,
    bodyBytes: wanted.body_bytes ?? had?.bodyBytes ?? bodyBytesDefault,
    retentionHours: wanted.retention_hours ?? had?.retentionHours ?? retentionHoursDefault,
    sizeLimitBytes: BigInt(wanted.size_limit_bytes ?? had?.sizeLimitBytes ?? sizeLimitDefault),
    hiddenHeaders: hidden ?? had?.hiddenHeaders ?? [...hiddenByDefault],
  });
}

/** Where the request went: under a wildcard, to one of its names. */
function urlOf({ url, host }: ExchangeRow): string {
  const own = new URL(url.replace('//*.', '//'));
  own.hostname = host;
  return own.origin;
}

/** A URL of an HTTP endpoint that is online for this account; null for all others. */
function urlOfAccount(live: LiveState, accountId: string, text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return null;
  const isOwn = live.claimsOf(accountId).some((claim) => {
    if (claim.internal === true || !URL.canParse(claim.url.replace('//*.', '//'))) return false;
    const own = new URL(claim.url.replace('//*.', '//'));
    if (own.protocol !== url.protocol || own.port !== url.port) return false;
    return claim.url.includes('//*.') ? url.hostname.endsWith(`.${own.hostname}`) : url.hostname === own.hostname;
  });
  return isOwn ? url : null;
}
