'use client';

import { useEffect } from 'react';
import { useListNews } from '../live/live-provider.tsx';

/** While the stream is down the list is asked for this often. */
const withoutStreamMs = 15_000;
/** And this often while it is there, for what nobody tells of, such as when a token was last used. */
const withStreamMs = 60_000;
/** Changes that come one after the other are asked for together. */
const gatherMs = 150;

/**
 * Keeps one list fresh while it is shown: asks now, when the live stream says that the list `list` has changed, when the
 * page is looked at again, and now and then. A page that nobody looks at asks for nothing. With `isAsked` the first answer
 * is somebody else's to ask for.
 */
export function useRefresh(list: string, ask: () => Promise<void>, { isAsked = false } = {}): void {
  const news = useListNews();
  useEffect(() => {
    let askedMs = performance.now();
    let gathering: ReturnType<typeof setTimeout> | undefined;
    let isMissed = false;
    const askNow = () => {
      clearTimeout(gathering);
      gathering = undefined;
      if (document.visibilityState !== 'visible') {
        isMissed = true;
        return;
      }
      isMissed = false;
      askedMs = performance.now();
      void ask();
    };
    if (!isAsked) void ask();
    const stop = news.subscribe((lists) => {
      if (lists === null || lists.includes(list)) gathering ??= setTimeout(askNow, gatherMs);
    });
    const onVisibility = () => {
      if (document.visibilityState === 'visible' && (isMissed || performance.now() - askedMs > withoutStreamMs))
        askNow();
    };
    const timer = setInterval(() => {
      const waitMs = news.isLive ? withStreamMs : withoutStreamMs;
      if (document.visibilityState === 'visible' && performance.now() - askedMs >= waitMs - 500) askNow();
    }, withoutStreamMs);
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      stop();
      clearTimeout(gathering);
      clearInterval(timer);
      document.removeEventListener('visibilitychange', onVisibility);
    };
  }, [news, list, ask, isAsked]);
}
