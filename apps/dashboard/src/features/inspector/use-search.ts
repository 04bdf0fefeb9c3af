'use client';

import { useCallback, useEffect, useRef, useState } from 'react';
import { pathOf } from '../../lib/rest/rest-client.ts';
import { useAccount } from '../account/account-provider.tsx';
import { type ExchangeLine, readSearch } from './exchange.ts';
import { withNewer } from './exchange-list.ts';

export interface Search {
  /** What the API found of the filter, newest first. */
  readonly results: readonly ExchangeLine[];
  readonly isBusy: boolean;
  readonly hasFailed: boolean;
  /** When the oldest that was looked at came; null while nothing was. */
  readonly searchedTo: string | null;
  readonly hasMore: boolean;
  readonly more: () => Promise<void>;
  readonly forget: (id: string) => void;
}

interface State {
  readonly q: string;
  readonly results: readonly ExchangeLine[];
  readonly searchedTo: string | null;
  readonly next: string | null;
  readonly hasFailed: boolean;
}

const nothing = (q: string): State => ({ q, results: [], searchedTo: null, next: null, hasFailed: false });

/** Asks the API for what a filter finds among all that is kept, in headers too. An empty filter asks for nothing. */
export function useSearch(q: string): Search {
  const { rest } = useAccount();
  const [state, setState] = useState<State>(nothing(''));
  const [isBusy, setBusy] = useState(false);
  const asking = useRef<AbortController | null>(null);

  const ask = useCallback(
    async (path: string, wanted: string) => {
      asking.current?.abort();
      const current = new AbortController();
      asking.current = current;
      setBusy(true);
      const answer = await rest.get(path, readSearch, current.signal);
      if (current.signal.aborted) return;
      setBusy(false);
      setState((had) => {
        if (answer.kind !== 'ok') return { ...had, hasFailed: true };
        const { exchanges, searched_to: searchedTo, next_page_uri: next } = answer.value;
        const before = had.q === wanted ? had : nothing(wanted);
        return {
          q: wanted,
          results: withNewer(before.results, exchanges),
          searchedTo: searchedTo ?? before.searchedTo,
          next: pathOf(next),
          hasFailed: false,
        };
      });
    },
    [rest],
  );

  useEffect(() => {
    setState(nothing(q));
    if (q === '') {
      asking.current?.abort();
      setBusy(false);
      return;
    }
    void ask(`/exchanges/search?q=${encodeURIComponent(q)}`, q);
    return () => asking.current?.abort();
  }, [ask, q]);

  const { next } = state;
  const more = useCallback(async () => {
    if (next !== null && !isBusy) await ask(next, q);
  }, [ask, next, q, isBusy]);

  const forget = useCallback(
    (id: string) => setState((had) => ({ ...had, results: had.results.filter((line) => line.id !== id) })),
    [],
  );
  const { results, searchedTo, hasFailed } = state;
  return { results, isBusy, hasFailed, searchedTo, hasMore: next !== null, more, forget };
}

/** A text once it has stayed the same for so long. */
export function useSettled(text: string, milliseconds: number): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), milliseconds);
    return () => clearTimeout(timer);
  }, [text, milliseconds]);
  return settled;
}
