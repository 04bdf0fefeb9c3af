import { useEffect, useState } from 'react';

/**
 * What stands in the link that led here. It is in the fragment, which browsers keep to themselves: no server's log and no
 * `Referer` holds it. `null` until the script runs, '' when there is none.
 */
export function useLinkToken(): string | null {
  const [token, setToken] = useState<string | null>(null);
  useEffect(() => {
    const read = () => setToken(/^#([\w-]{20,200})$/.exec(location.hash)?.[1] ?? '');
    read();
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }, []);
  return token;
}
