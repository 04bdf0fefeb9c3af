'use client';

import type { LiveEndpoint } from '@portico/api-contract/dashboard';
import Link from 'next/link';
import { useEffect, useState } from 'react';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { type ExchangeLine, readLine } from '../inspector/exchange.ts';
import { Method, milliseconds, Status } from '../inspector/words.tsx';

const shownMax = 4;

/** The newest requests of an endpoint, where the account keeps them; asked for again as its counter moves. */
export function FirstRequests({ endpoint }: { endpoint: LiveEndpoint }) {
  const { rest, accountId } = useAccount();
  const [lines, setLines] = useState<readonly ExchangeLine[]>([]);
  const { id, requests } = endpoint;
  useEffect(() => {
    if (requests === 0) return;
    const asking = new AbortController();
    void rest.page('/exchanges?limit=20', 'exchanges', readLine, asking.signal).then((answer) => {
      if (asking.signal.aborted || answer.kind !== 'ok') return;
      setLines(answer.value.items.filter((line) => line.endpoint_id === id).slice(0, shownMax));
    });
    return () => asking.abort();
  }, [rest, id, requests]);
  const base = `/a/${encodeURIComponent(accountId)}`;
  if (requests === 0) return <p className="mt-1 text-ink-2">None yet. Open the address, here or on your phone.</p>;
  if (lines.length === 0)
    return (
      <p className="mt-1 text-ink-2">
        Requests are counted, not recorded.{' '}
        <Link href={`${base}/inspector`} prefetch={false} className="text-lapis underline underline-offset-2">
          Record them to look inside
        </Link>
      </p>
    );
  return (
    <>
      <ul className="mt-1">
        {lines.map((line) => (
          <li
            key={line.id}
            className="grid h-[29px] grid-cols-[64px_56px_minmax(0,1fr)_auto_64px] items-center gap-2 text-url max-sm:grid-cols-[56px_minmax(0,1fr)_auto]"
          >
            <LocalTime iso={line.created_at} className="figures font-mono text-ink-3 max-sm:hidden" />
            <Method method={line.method} />
            <span className="truncate font-mono">
              <UntrustedText text={line.path} />
            </span>
            <Status line={line} />
            <span className="figures text-right text-ink-2 max-sm:hidden">{milliseconds(line.timing.total_ms)}</span>
          </li>
        ))}
      </ul>
      <Link href={`${base}/inspector`} prefetch={false} className="text-lapis underline-offset-2 hover:underline">
        Open in Inspector
      </Link>
    </>
  );
}
