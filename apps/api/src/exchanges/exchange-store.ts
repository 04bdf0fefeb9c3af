import {
  type CapturedExchange,
  capturedSide,
  type ExchangesRequest,
  exchangePolicy,
} from '@portico/api-contract/internal';
import { addExchanges, type Database, type ExchangeRow, receiveBatch } from '@portico/db';
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

const replaysRemembered = 10_000;

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
    const rows = batch.exchanges.map((exchange) => this.#rowOf(exchange));
    const isNew = await this.#database.transaction(async (tx) => {
      if (!(await receiveBatch(tx, { ...batch, kind: 'exchanges' }))) return false;
      await addExchanges(tx, rows);
      return true;
    });
    if (isNew) this.#feed.publish(rows, batch.dropped);
    return isNew;
  }

  contentsOf(row: ExchangeRow): ExchangeContents | null {
    if (row.sealedContent === null) return null;
    return exchangeContents.parse(JSON.parse(this.#seals.open('exchange', row.id, row.sealedContent)));
  }

  rememberReplayer(replayId: string, replayedBy: string): void {
    this.#replayers.set(replayId, replayedBy);
    if (this.#replayers.size <= replaysRemembered) return;
    for (const oldest of this.#replayers.keys()) {
      this.#replayers.delete(oldest);
      return;
    }
  }

  #rowOf(exchange: CapturedExchange): ExchangeRow {
    const { request, response, policy, timing, end, at, ...facts } = exchange;
    const hasContents = request !== null || response !== null || policy !== null;
    const sealedContent = hasContents
      ? this.#seals.seal('exchange', exchange.id, JSON.stringify({ request, response, policy }))
      : null;
    const replayedBy = this.#replayers.get(exchange.id) ?? null;
    this.#replayers.delete(exchange.id);
    return {
      ...facts,
      ...timing,
      at: new Date(at),
      outcome: end,
      requestBytes: BigInt(exchange.requestBytes),
      responseBytes: BigInt(exchange.responseBytes),
      replayedBy,
      sealedContent,
      sizeBytes: 300 + exchange.target.length + (sealedContent?.length ?? 0),
    };
  }
}
