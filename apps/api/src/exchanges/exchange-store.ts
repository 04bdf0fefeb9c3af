import type { FilteredContents } from '@portico/api-contract/exchange-filter';
import {
  type CapturedExchange,
  type CapturedMessage,
  type CapturedMessages,
  type CapturedSide,
  capturedMessage,
  capturedSide,
  type ExchangesRequest,
  exchangePolicy,
} from '@portico/api-contract/internal';
import {
  addExchangeMessages,
  addExchanges,
  closeExchanges,
  cutOpenExchanges,
  type Database,
  type ExchangeMessagesRow,
  type ExchangeRow,
  messagesAfter,
  type Queries,
  receiveBatch,
  sealedFieldsOf,
} from '@portico/db';
import { z } from 'zod';
import type { Seals } from '../secrets/seals.ts';
import type { ExchangeFeed } from './exchange-feed.ts';

/** What is sealed of an exchange. */
const exchangeContents = z.object({
  request: capturedSide.nullable(),
  response: capturedSide.nullable(),
  policy: exchangePolicy.nullable(),
});
export type ExchangeContents = z.infer<typeof exchangeContents>;

/** What is sealed of it apart, since it is searched. */
const exchangeFields = z.object({
  request: z.array(z.string()).nullable(),
  response: z.array(z.string()).nullable(),
  /** Names and actions of rules that fired. */
  rules: z.array(z.string()),
});
type ExchangeFields = z.infer<typeof exchangeFields>;

const replaysRemembered = 10_000;
/** Of the messages of one exchange; the oldest leave. */
const messageLimits = { chunks: 2_000, bytes: 2_097_152 };
/** What one answer reads at most. */
const chunksAPage = 50;
const messagesAPage = 500;

function fieldsOf({ request, response, policy }: ExchangeContents): ExchangeFields {
  const fired = policy?.phases.flatMap(({ rules }) => rules.filter(({ verdict }) => verdict === 'fired')) ?? [];
  return {
    request: request?.fields ?? null,
    response: response?.fields ?? null,
    rules: fired.flatMap(({ name, actions }) => [...(name === null ? [] : [name]), ...actions.map(({ type }) => type)]),
  };
}

function searched({ request, response, rules }: ExchangeFields): FilteredContents {
  return { fields: [...(request ?? []), ...(response ?? [])], rules };
}

/** Takes the edges' records into the database, contents sealed under the row, and tells those who look. */
export class ExchangeStore {
  readonly #database: Database;
  readonly #seals: Seals;
  readonly #feed: ExchangeFeed;
  /** Who sent which repetition; the record of it comes a moment later. */
  readonly #replayers = new Map<string, string>();

  constructor({ database, seals, feed }: { database: Database; seals: Seals; feed: ExchangeFeed }) {
    this.#database = database;
    this.#seals = seals;
    this.#feed = feed;
  }

  /** False: the batch was taken before. */
  async receive(batch: ExchangesRequest): Promise<boolean> {
    const run = `${batch.nodeId}/${batch.epoch}`;
    const rows = batch.exchanges.map((exchange) => this.#rowOf(exchange, run));
    const wereOpen = new Set(batch.exchanges.flatMap(({ id, wasOpen }) => (wasOpen === true ? [id] : [])));
    const isLast = ({ id, openOn }: ExchangeRow): boolean => openOn === null && wereOpen.has(id);
    const chunks = batch.messages.map((messages) => this.#chunkOf(messages));
    const contents = new Map(batch.exchanges.map((exchange) => [exchange.id, searched(fieldsOf(exchange))]));
    const isNew = await this.#database.transaction(async (tx) => {
      if (!(await receiveBatch(tx, { ...batch, kind: 'exchanges' }))) return false;
      if (batch.seq === 1) await cutOpenExchanges(tx, batch.nodeId, batch.epoch);
      await addExchanges(
        tx,
        rows.filter((row) => !isLast(row)),
      );
      await closeExchanges(tx, rows.filter(isLast));
      await addExchangeMessages(tx, chunks, messageLimits);
      return true;
    });
    if (isNew) this.#feed.publish({ lines: rows, contents, messages: chunks, dropped: batch.dropped });
    return isNew;
  }

  /** Messages of an exchange from the one after this number on, and whether there are newer ones. */
  async messagesOf(
    queries: Queries,
    exchangeId: string,
    after: number,
  ): Promise<{ messages: CapturedMessage[]; hasMore: boolean }> {
    const chunks = await messagesAfter(queries, exchangeId, after, chunksAPage + 1);
    const messages: CapturedMessage[] = [];
    for (const { sealedContent } of chunks.slice(0, chunksAPage)) {
      if (messages.length >= messagesAPage) return { messages, hasMore: true };
      const opened = JSON.parse(this.#seals.open('exchange', exchangeId, sealedContent));
      messages.push(
        ...capturedMessage
          .array()
          .parse(opened)
          .filter(({ number }) => number > after),
      );
    }
    return { messages, hasMore: chunks.length > chunksAPage };
  }

  contentsOf(row: ExchangeRow): ExchangeContents | null {
    if (row.sealedContent === null) return null;
    const contents = exchangeContents.parse(this.#opened(row.id, row.sealedContent));
    if (row.sealedFields === null) return contents;
    const fields = exchangeFields.parse(this.#opened(row.id, row.sealedFields));
    return {
      ...contents,
      request: contents.request === null ? null : { ...contents.request, fields: fields.request ?? [] },
      response: contents.response === null ? null : { ...contents.response, fields: fields.response ?? [] },
    };
  }

  /** What is searched of those that have more than their line, by id; values of hidden headers are in it. */
  async searchedOf(queries: Queries, ids: readonly string[]): Promise<Map<string, FilteredContents>> {
    const found = new Map<string, FilteredContents>();
    for (const { id, sealedFields, sealedContent } of await sealedFieldsOf(queries, ids)) {
      if (sealedFields !== null) found.set(id, searched(exchangeFields.parse(this.#opened(id, sealedFields))));
      else if (sealedContent !== null)
        found.set(id, searched(fieldsOf(exchangeContents.parse(this.#opened(id, sealedContent)))));
    }
    return found;
  }

  rememberReplayer(replayId: string, replayedBy: string): void {
    this.#replayers.set(replayId, replayedBy);
    if (this.#replayers.size <= replaysRemembered) return;
    for (const oldest of this.#replayers.keys()) {
      this.#replayers.delete(oldest);
      return;
    }
  }

  #opened(id: string, sealed: string): unknown {
    return JSON.parse(this.#seals.open('exchange', id, sealed));
  }

  #rowOf(exchange: CapturedExchange, run: string): ExchangeRow {
    const { request, response, policy, timing, end, at, wasOpen: _, ...facts } = exchange;
    const hasContents = request !== null || response !== null || policy !== null;
    const seal = (value: unknown): string => this.#seals.seal('exchange', exchange.id, JSON.stringify(value));
    // Fields are in one place only.
    const side = (whole: CapturedSide | null) => (whole === null ? null : { ...whole, fields: [] });
    const sealedContent = hasContents ? seal({ request: side(request), response: side(response), policy }) : null;
    const sealedFields = hasContents ? seal(fieldsOf(exchange)) : null;
    const replayedBy = this.#replayers.get(exchange.id) ?? null;
    if (end !== 'open') this.#replayers.delete(exchange.id);
    return {
      ...facts,
      ...timing,
      at: new Date(at),
      outcome: end,
      requestBytes: BigInt(exchange.requestBytes),
      responseBytes: BigInt(exchange.responseBytes),
      replayedBy,
      sealedContent,
      sealedFields,
      sizeBytes: 300 + exchange.target.length + (sealedContent?.length ?? 0) + (sealedFields?.length ?? 0),
      messages: 0,
      messageBytes: 0,
      openOn: end === 'open' ? run : null,
    };
  }

  #chunkOf({ exchangeId, accountId, messages }: CapturedMessages): ExchangeMessagesRow & { accountId: string } {
    const sealedContent = this.#seals.seal('exchange', exchangeId, JSON.stringify(messages));
    return {
      exchangeId,
      accountId,
      first: messages[0]?.number ?? 0,
      last: messages.at(-1)?.number ?? 0,
      sealedContent,
      sizeBytes: 100 + sealedContent.length,
    };
  }
}
