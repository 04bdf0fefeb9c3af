'use client';

import { useCallback, useEffect, useRef, useState } from 'react';
import { type Contact, LiveStream } from '../../lib/live/live-stream.ts';
import { useAccount } from '../account/account-provider.tsx';
import type { ListProblem } from '../records/use-records.ts';
import { type ExchangeLine, readLine, readNews } from './exchange.ts';
import { withNewer } from './exchange-list.ts';

export interface Exchanges {
  readonly lines: readonly ExchangeLine[] | null;
  /** Came while the list is paused. */
  readonly waiting: number;
  readonly isPaused: boolean;
  readonly setPaused: (paused: boolean) => void;
  readonly contact: Contact;
  readonly problem: ListProblem | null;
  /** Recorded but not sent here; and never recorded, since an edge had no room. */
  readonly missed: number;
  readonly dropped: number;
  /** In the last second. */
  readonly rate: number;
  readonly hasOlder: boolean;
  readonly loadOlder: () => Promise<void>;
  readonly forget: (id: string) => void;
  /** Those that passed and that the search finds, though their lines do not tell. */
  readonly foundIds: ReadonlySet<string>;
  /** How many messages an exchange has by now, of those that this page has heard of. */
  readonly messageCounts: ReadonlyMap<string, number>;
}

const pageSize = 100;
const waitingMax = 10_000;
const countsMax = 1_000;

/**
 * An account's exchanges: those that are kept, then each as it is recorded; none is lost while the list is paused.
 * @param search what the stream looks for in headers of those that pass; '' for nothing
 */
export function useExchanges(search: string): Exchanges {
  const { accountId, rest } = useAccount();
  const [lines, setLines] = useState<readonly ExchangeLine[] | null>(null);
  const [waiting, setWaiting] = useState<readonly ExchangeLine[]>([]);
  const [isPaused, setIsPaused] = useState(false);
  const [contact, setContact] = useState<Contact>({ kind: 'connecting' });
  const [problem, setProblem] = useState<ListProblem | null>(null);
  const [counts, setCounts] = useState({ missed: 0, dropped: 0 });
  const [messageCounts, setMessageCounts] = useState<ReadonlyMap<string, number>>(new Map());
  const [foundIds, setFoundIds] = useState<ReadonlySet<string>>(new Set());
  const [rate, setRate] = useState(0);
  const [older, setOlder] = useState<string | null>(null);
  const paused = useRef(false);
  const recent = useRef(0);

  const load = useCallback(async () => {
    const answer = await rest.page(`/exchanges?limit=${pageSize}`, 'exchanges', readLine);
    if (answer.kind !== 'ok') return setProblem(answer);
    setProblem(null);
    setOlder((had) => had ?? answer.value.next);
    setLines((had) => withNewer(had ?? [], answer.value.items));
  }, [rest]);

  useEffect(() => {
    setFoundIds(new Set());
    const stream = new LiveStream({
      url: `/api/dashboard/v1/exchanges/live${search === '' ? '' : `?search=${encodeURIComponent(search)}`}`,
      fields: { 'portico-account': accountId },
      onEvent: (data) => {
        try {
          const message = readNews(data);
          if (message.kind === 'ping') return 'message';
          recent.current += message.exchanges.length + message.missed;
          setCounts((had) => ({ missed: had.missed + message.missed, dropped: had.dropped + message.dropped }));
          if (message.found.length > 0) setFoundIds((had) => new Set([...had, ...message.found].slice(-waitingMax)));
          if (message.messages.length > 0)
            setMessageCounts(
              (had) =>
                new Map([...had, ...message.messages.map(({ id, count }) => [id, count] as const)].slice(-countsMax)),
            );
          if (paused.current) setWaiting((had) => [...had, ...message.exchanges].slice(-waitingMax));
          else setLines((had) => withNewer(had ?? [], message.exchanges));
          return 'message';
        } catch (error) {
          console.error('The stream of exchanges sent something unreadable:', error);
          return 'unreadable';
        }
      },
      onContact: (next) => {
        setContact((now) => {
          // What came while there was no contact is in the list of the API.
          if (next.kind === 'live' && now.kind !== 'live') void load();
          return now.kind === next.kind && next.kind !== 'lost' ? now : next;
        });
      },
    });
    stream.start();
    void load();
    const second = setInterval(() => {
      setRate(recent.current);
      recent.current = 0;
    }, 1000);
    return () => {
      stream.close();
      clearInterval(second);
    };
  }, [accountId, load, search]);

  const setPaused = useCallback((next: boolean) => {
    paused.current = next;
    setIsPaused(next);
    if (next) return;
    setWaiting((had) => {
      setLines((shown) => withNewer(shown ?? [], had));
      return [];
    });
  }, []);

  const loadOlder = useCallback(async () => {
    if (older === null) return;
    const answer = await rest.page(older, 'exchanges', readLine);
    if (answer.kind !== 'ok') return setProblem(answer);
    setOlder(answer.value.next);
    setLines((had) => withNewer(had ?? [], answer.value.items));
  }, [rest, older]);

  const forget = useCallback((id: string) => setLines((had) => had?.filter((line) => line.id !== id) ?? null), []);

  return {
    lines,
    waiting: waiting.length,
    isPaused,
    setPaused,
    contact,
    problem,
    ...counts,
    rate,
    hasOlder: older !== null,
    loadOlder,
    forget,
    messageCounts,
    foundIds,
  };
}
