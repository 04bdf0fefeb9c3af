'use client';

import { useCallback, useEffect, useRef, useState } from 'react';
import type { Reader } from '../../lib/shape.ts';
import { useAccount } from '../account/account-provider.tsx';
import { listOfPath } from '../live/list-news.ts';
import type { ListProblem } from './use-records.ts';
import { useRefresh } from './use-refresh.ts';

/** One answer of the REST API, kept fresh while it is shown; `problem` says why it may be old. */
export function useResource<T>(
  path: string,
  read: Reader<T>,
): { readonly value: T | null; readonly problem: ListProblem | null; readonly reload: () => Promise<void> } {
  const { rest } = useAccount();
  const [value, setValue] = useState<T | null>(null);
  const [problem, setProblem] = useState<ListProblem | null>(null);
  const asked = useRef<AbortController | null>(null);
  const reload = useCallback(async () => {
    asked.current?.abort();
    const asking = new AbortController();
    asked.current = asking;
    const answer = await rest.get(path, read, asking.signal);
    if (asking.signal.aborted) return;
    if (answer.kind === 'ok') {
      setValue(answer.value);
      setProblem(null);
    } else setProblem(answer);
  }, [rest, path, read]);
  useRefresh(listOfPath(path), reload);
  useEffect(() => () => asked.current?.abort(), []);
  return { value, problem, reload };
}
