'use client';

import { useSyncExternalStore } from 'react';

/** The same bound as `max-sm:` of the styles. */
const small = '(width < 40rem)';

/** A small screen, on which everything that is touched is larger: rows in a list of rows of one height have to know. */
export function useIsSmall(): boolean {
  return useSyncExternalStore(
    subscribe,
    () => window.matchMedia(small).matches,
    () => false,
  );
}

function subscribe(onChange: () => void): () => void {
  const query = window.matchMedia(small);
  query.addEventListener('change', onChange);
  return () => query.removeEventListener('change', onChange);
}
