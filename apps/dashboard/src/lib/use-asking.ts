'use client';

import { useEffect } from 'react';

/**
 * Asks now, and every so often while someone looks at the page, until `ask` is another function or the page has gone:
 * the signal says so to an answer that comes later.
 */
export function useAsking(ask: (signal: AbortSignal) => Promise<void>, everyMs: number): void {
  useEffect(() => {
    const asking = new AbortController();
    void ask(asking.signal);
    const timer = setInterval(() => document.visibilityState === 'visible' && void ask(asking.signal), everyMs);
    return () => {
      asking.abort();
      clearInterval(timer);
    };
  }, [ask, everyMs]);
}
