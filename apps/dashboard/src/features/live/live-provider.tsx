'use client';

import type { Overview } from '@portico/api-contract/dashboard';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { readLiveMessage } from '../../lib/live/live-message.ts';
import { type Contact, type Heard, LiveStream } from '../../lib/live/live-stream.ts';
import { ListNews } from './list-news.ts';
import { TrafficHistory } from './traffic-history.ts';

/** What the account's one live stream has told so far. Times are `performance.now()`, null before the script runs. */
export interface Live {
  readonly overview: { readonly value: Overview; readonly takenAtMs: number } | null;
  readonly contact: Contact;
  readonly isOnline: boolean;
  /** Moves once a second while someone looks. */
  readonly nowMs: number | null;
  /** The moment that the page shows: `nowMs`, or when it was last told something while it has no contact. */
  readonly seenAtMs: number | null;
  readonly history: TrafficHistory;
  readonly tryNow: () => void;
}

const LiveContext = createContext<Live | null>(null);
/** Apart, since it never changes: who listens to it is not drawn again with every message. */
const ListNewsContext = createContext<ListNews | null>(null);

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error('useLive outside of LiveProvider');
  return live;
}

export function useListNews(): ListNews {
  const news = useContext(ListNewsContext);
  if (!news) throw new Error('useListNews outside of LiveProvider');
  return news;
}

/** A page out of sight keeps its connection for this long. */
const restAfterMs = 10_000;

/** Holds the one stream of the account's pages: opened here, closed when the last of them is left. */
export function LiveProvider({ accountId, children }: { accountId: string; children: ReactNode }) {
  const [overview, setOverview] = useState<Live['overview']>(null);
  const [contact, setContact] = useState<Contact>({ kind: 'connecting' });
  const [isOnline, setIsOnline] = useState(true);
  const [nowMs, setNowMs] = useState<number | null>(null);
  const [history] = useState(() => new TrafficHistory());
  const [news] = useState(() => new ListNews());
  const stream = useRef<LiveStream | null>(null);

  useEffect(() => {
    const onEvent = (data: string): Heard => {
      try {
        const message = readLiveMessage(data);
        if (message.kind === 'signed-out') return 'signed-out';
        if (message.kind === 'changed') news.tell(message.lists);
        if (message.kind === 'overview') {
          const takenAtMs = performance.now();
          history.record(message.overview.endpoints, takenAtMs);
          setOverview({ value: message.overview, takenAtMs });
        }
        return 'message';
      } catch (error) {
        console.error('The live stream sent something unreadable:', error);
        return 'unreadable';
      }
    };
    const opened = new LiveStream({
      url: '/api/dashboard/v1/live',
      fields: { 'portico-account': accountId },
      onEvent,
      onContact: (next) => {
        news.setLive(next.kind === 'live');
        setContact((now) => (now.kind === next.kind && next.kind !== 'lost' ? now : next));
      },
    });
    stream.current = opened;
    opened.start();

    let hiding: ReturnType<typeof setTimeout> | undefined;
    const onVisibility = () => {
      clearTimeout(hiding);
      if (document.visibilityState === 'hidden') hiding = setTimeout(() => opened.rest(), restAfterMs);
      else {
        setNowMs(performance.now());
        opened.start();
      }
    };
    const onNetwork = () => {
      setIsOnline(navigator.onLine);
      if (navigator.onLine) opened.tryNow();
    };
    setIsOnline(navigator.onLine);
    setNowMs(performance.now());
    const tick = setInterval(() => {
      if (document.visibilityState === 'visible') setNowMs(performance.now());
    }, 1000);
    document.addEventListener('visibilitychange', onVisibility);
    window.addEventListener('online', onNetwork);
    window.addEventListener('offline', onNetwork);
    return () => {
      opened.close();
      clearTimeout(hiding);
      clearInterval(tick);
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('online', onNetwork);
      window.removeEventListener('offline', onNetwork);
    };
  }, [accountId, history, news]);

  const live = useMemo(() => {
    const isOld = contact.kind === 'lost' || contact.kind === 'signed-out' || contact.kind === 'refused';
    const seenAtMs = isOld ? (overview?.takenAtMs ?? nowMs) : nowMs;
    return { overview, contact, isOnline, nowMs, seenAtMs, history, tryNow: () => stream.current?.tryNow() };
  }, [overview, contact, isOnline, nowMs, history]);
  return (
    <ListNewsContext value={news}>
      <LiveContext value={live}>{children}</LiveContext>
    </ListNewsContext>
  );
}
