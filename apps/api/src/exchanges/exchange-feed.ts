import type { FilteredContents } from '@portico/api-contract/exchange-filter';
import type { ExchangeLine } from '@portico/db';
import { AccountListeners } from '../live/account-listeners.ts';

export interface ExchangeNews {
  readonly lines: readonly ExchangeLine[];
  /** What is searched of the lines, by id; values of hidden headers are in it. */
  readonly contents: ReadonlyMap<string, FilteredContents>;
  /** Exchanges with new messages, and the number of the last. */
  readonly messages: readonly { readonly exchangeId: string; readonly accountId: string; readonly last: number }[];
  /** How many an edge had no room for. */
  readonly dropped: number;
}

/** Who looks at an account's exchanges is told of each as it is stored. Nothing is kept for those who come later. */
export class ExchangeFeed {
  readonly #listeners = new AccountListeners<(news: ExchangeNews) => void>();

  /** Returns how to stop. */
  subscribe(accountId: string, listener: (news: ExchangeNews) => void): () => void {
    return this.#listeners.add(accountId, listener);
  }

  /** Drops of an edge are told to all who look: whose they were is not known. */
  publish({ lines, contents, messages, dropped }: ExchangeNews): void {
    if (this.#listeners.isEmpty) return;
    const linesOf = Map.groupBy(lines, ({ accountId }) => accountId);
    const messagesOf = Map.groupBy(messages, ({ accountId }) => accountId);
    for (const accountId of this.#listeners.accounts()) {
      const news = {
        lines: linesOf.get(accountId) ?? [],
        contents,
        messages: messagesOf.get(accountId) ?? [],
        dropped,
      };
      if (news.lines.length === 0 && news.messages.length === 0 && dropped === 0) continue;
      for (const listener of this.#listeners.of(accountId)) listener(news);
    }
  }
}
