'use client';

import type { LiveEndpoint, Overview } from '@portico/api-contract/dashboard';
import { recipes } from '@portico/recipes';
import { useEffect, useState } from 'react';
import { join } from '../../ui/join.ts';
import { Notice } from '../../ui/notice.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { EndpointRows } from '../endpoints/endpoints-loading.tsx';
import { ContactStrip, useIsStale } from '../live/contact-strip.tsx';
import { LiveMark } from '../live/live-mark.tsx';
import { useLive } from '../live/live-provider.tsx';
import { PageHead } from '../shell/page-head.tsx';
import { progressOf } from './first-tunnel.ts';
import { Aside, Steps } from './steps.tsx';
import { NextSteps, TunnelPanel } from './tunnel-panel.tsx';

/** From sign-in to a working URL; the page sees by itself how far one has come. `initial` came with the page. */
export function StartPage({ initial }: { initial: Overview | null }) {
  const live = useLive();
  const isStale = useIsStale();
  const overview = live.overview?.value ?? initial;
  return (
    <>
      <PageHead title="Getting started">
        <LiveMark />
      </PageHead>
      <ContactStrip />
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto">
        {overview ? (
          <div className={join('transition-opacity duration-160', isStale && 'opacity-62')}>
            <Guide overview={overview} />
          </div>
        ) : (
          <EndpointRows />
        )}
      </main>
    </>
  );
}

function Guide({ overview }: { overview: Overview }) {
  const { accountId } = useAccount();
  const [shown, setShown] = useState<LiveEndpoint | null>(null);
  // What was so when the page opened: the tunnel that comes while it is open is the first one.
  const [isFirst] = useState(!overview.hadTunnel);
  const [way, setWay] = useState<string>('command');
  const progress = progressOf(overview, shown);
  const { tunnel } = progress;
  const current = tunnel.kind === 'live' ? tunnel.endpoint : null;
  useEffect(() => {
    if (current !== null) setShown(current);
  }, [current]);
  return (
    <div className="mx-auto grid max-w-[1680px] gap-x-10 gap-y-8 px-8 py-6 max-sm:px-4 md:grid-cols-[minmax(0,560px)_minmax(0,1fr)]">
      <div className="min-w-0">
        <h2 className="text-hero">Put a local port on the internet</h2>
        <p className="mt-1 mb-5 text-prose text-ink-2">
          Three steps. This page notices by itself when each one worked.
        </p>
        {overview.connect === null ? (
          <Notice title="No edge is running" lit={0}>
            <p>Where programs dial in is known once an edge has started.</p>
          </Notice>
        ) : (
          <>
            <Ways way={way} onChange={setWay} />
            <Steps way={way} connect={overview.connect} progress={progress} />
          </>
        )}
        <Aside />
      </div>
      <div className="min-w-0 md:max-w-[640px]">
        <TunnelPanel progress={progress} hasEdge={overview.edges.some(({ online }) => online)} isFirst={isFirst} />
        {tunnel.kind === 'live' && <NextSteps accountId={accountId} />}
      </div>
    </div>
  );
}

const ways = [
  { id: 'command', title: 'Command line' },
  ...recipes.map(({ language, title }) => ({ id: language, title })),
];

function Ways({ way, onChange }: { way: string; onChange: (way: string) => void }) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const { target } = event;
      if (target instanceof HTMLElement && target.closest('input:not([type=radio]), textarea, select, dialog')) return;
      const chosen = ways[Number(event.key) - 1];
      if (/^[1-9]$/.test(event.key) && chosen) onChange(chosen.id);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [onChange]);
  return (
    <fieldset className="flex gap-x-5 overflow-x-auto border-b border-line">
      <legend className="sr-only">With what</legend>
      {ways.map(({ id, title }) => (
        <label
          key={id}
          className={join(
            'flex h-10 shrink-0 cursor-pointer items-center border-b-2 has-focus-visible:outline-2 has-focus-visible:-outline-offset-2 has-focus-visible:outline-lapis max-sm:h-11',
            id === way ? 'border-ink font-strong text-ink' : 'border-transparent text-ink-2 hover:text-ink',
          )}
        >
          <input
            type="radio"
            name="way"
            value={id}
            checked={id === way}
            onChange={() => onChange(id)}
            className="sr-only"
          />
          {title}
        </label>
      ))}
    </fieldset>
  );
}
