'use client';

import { useCallback, useEffect, useState } from 'react';
import type { Reader } from '../shape.ts';
import { askDashboard, type DashboardAnswer } from './dashboard-client.ts';

/** What a path of the API says, asked when the page opens and again by `reload`; what was known stays meanwhile. */
export function useAnswer<T>(
  path: string,
  read: Reader<T>,
  account?: string,
): { readonly answer: DashboardAnswer<T> | null; readonly value: T | null; readonly reload: () => Promise<void> } {
  const [answer, setAnswer] = useState<DashboardAnswer<T> | null>(null);
  const [value, setValue] = useState<T | null>(null);
  const reload = useCallback(async () => {
    const next = await askDashboard('GET', path, { read, ...(account === undefined ? {} : { account }) });
    setAnswer(next);
    if (next.kind === 'ok') setValue(next.value);
  }, [path, read, account]);
  useEffect(() => {
    void reload();
  }, [reload]);
  return { answer, value, reload };
}
