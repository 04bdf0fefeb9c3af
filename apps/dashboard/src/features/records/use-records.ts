'use client';

import { useCallback, useEffect, useRef, useState } from 'react';
import { useAccount } from '../account/account-provider.tsx';
import { listOfPath } from '../live/list-news.ts';
import type { ApiRecord, RecordKind } from './record-kind.ts';
import { useRefresh } from './use-refresh.ts';

/** What the list holds now. `next` asks for more; `problem` says why what is shown may be old. */
export interface Records<R> {
  readonly items: readonly R[] | null;
  readonly next: string | null;
  readonly problem: ListProblem | null;
  readonly isMoreComing: boolean;
  readonly reload: () => Promise<void>;
  readonly loadMore: () => Promise<void>;
}

export type ListProblem =
  | { readonly kind: 'no-contact' }
  | { readonly kind: 'signed-out' }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string | null; readonly message: string };

const pageSize = 100;

/**
 * The records of one list: the first page is asked for anew whenever the live stream says that the list has changed (see
 * `useRefresh`); pages that were added below stay until the list is left.
 */
export function useRecords<R extends ApiRecord>(
  kind: Pick<RecordKind<R>, 'path' | 'key' | 'read'>,
  query = '',
): Records<R> {
  const { rest } = useAccount();
  const { path, key, read } = kind;
  const [first, setFirst] = useState<{ items: readonly R[]; next: string | null } | null>(null);
  const [more, setMore] = useState<{ items: readonly R[]; next: string | null } | null>(null);
  const [problem, setProblem] = useState<ListProblem | null>(null);
  const [isMoreComing, setMoreComing] = useState(false);
  const asked = useRef<AbortController | null>(null);

  const reload = useCallback(async () => {
    asked.current?.abort();
    const asking = new AbortController();
    asked.current = asking;
    const answer = await rest.page(`${path}?limit=${pageSize}${query}`, key, read, asking.signal);
    if (asking.signal.aborted) return;
    if (answer.kind === 'ok') {
      setFirst(answer.value);
      setProblem(null);
    } else setProblem(answer);
  }, [rest, path, key, read, query]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another list has other pages
  useEffect(() => {
    setMore(null);
    return () => asked.current?.abort();
  }, [reload]);
  useRefresh(listOfPath(path), reload);

  const next = more === null ? (first?.next ?? null) : more.next;
  const loadMore = useCallback(async () => {
    if (next === null) return;
    setMoreComing(true);
    const answer = await rest.page(next, key, read);
    setMoreComing(false);
    if (answer.kind !== 'ok') return setProblem(answer);
    setMore((had) => ({ items: [...(had?.items ?? []), ...answer.value.items], next: answer.value.next }));
  }, [rest, key, read, next]);

  return {
    items: first === null ? null : joined(first.items, more?.items ?? []),
    next,
    problem,
    isMoreComing,
    reload,
    loadMore,
  };
}

/** A record that moved onto the first page since is not listed twice. */
function joined<R extends ApiRecord>(first: readonly R[], more: readonly R[]): readonly R[] {
  if (more.length === 0) return first;
  const known = new Set(first.map(({ id }) => id));
  return [...first, ...more.filter(({ id }) => !known.has(id))];
}
