'use client';

import type { Overview } from '@portico/api-contract/dashboard';
import { SquareTerminal } from 'lucide-react';
import { useRef } from 'react';
import { plural } from '../../lib/format.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { join } from '../../ui/join.ts';
import { ContactStrip, useIsStale } from '../live/contact-strip.tsx';
import { LiveMark } from '../live/live-mark.tsx';
import { useLive } from '../live/live-provider.tsx';
import { PageHead } from '../shell/page-head.tsx';
import { AgentTable } from './agent-table.tsx';
import { AsOf } from './as-of.tsx';
import { EndpointTable } from './endpoint-table.tsx';
import { EndpointsEmpty } from './endpoints-empty.tsx';
import { EndpointRows } from './endpoints-loading.tsx';
import { Legend } from './legend.tsx';
import { OpenTunnelDialog } from './open-tunnel-dialog.tsx';
import { RecentEvents } from './recent-events.tsx';
import { fails } from './row-order.ts';
import { TrafficFigures } from './traffic-figures.tsx';

/** What is online now and how much goes through. `initial` is what the server knew when it drew the page. */
export function EndpointsPage({ initial }: { initial: Overview | null }) {
  const live = useLive();
  const isStale = useIsStale();
  const dialog = useRef<HTMLDialogElement>(null);
  const overview = live.overview?.value ?? initial;
  const serverNowMs = overview ? serverTime(overview, live.overview?.takenAtMs ?? null, live.seenAtMs) : 0;
  const openTunnel = () => dialog.current?.showModal();
  return (
    <>
      <PageHead title="Endpoints" chips={overview && <StateChips overview={overview} />}>
        <LiveMark />
        <Button tone="secondary" onClick={openTunnel} className="max-sm:w-11 max-sm:px-0">
          <SquareTerminal strokeWidth={1.75} aria-hidden className="size-[15px] max-sm:size-5" />
          <span className="max-sm:sr-only">Open a tunnel</span>
        </Button>
      </PageHead>
      <ContactStrip />
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto">
        {overview ? (
          <div className={join('flex flex-col gap-8 pb-8 transition-opacity duration-160', isStale && 'opacity-62')}>
            <TrafficFigures overview={overview} />
            {overview.endpoints.length === 0 ? (
              <EndpointsEmpty />
            ) : (
              <EndpointTable overview={overview} serverNowMs={serverNowMs} />
            )}
            {overview.sessions.length > 0 && <AgentTable overview={overview} serverNowMs={serverNowMs} />}
            {overview.recent.length > 0 && <RecentEvents events={overview.recent} />}
          </div>
        ) : (
          <EndpointRows />
        )}
        {isStale && overview && <AsOf overview={overview} />}
      </main>
      <Legend />
      <OpenTunnelDialog ref={dialog} connect={overview?.connect ?? null} />
    </>
  );
}

function StateChips({ overview }: { overview: Overview }) {
  const failing = overview.endpoints.filter(fails).length;
  const working = overview.endpointCount - failing;
  return (
    <>
      {working > 0 && <Chip tone="works">{plural(working, 'online', 'online')}</Chip>}
      {failing > 0 && <Chip tone="fails">{plural(failing, 'failing', 'failing')}</Chip>}
    </>
  );
}

/** The API's clock, moved on by the time that has passed here since it was read. */
function serverTime(overview: Overview, takenAtMs: number | null, nowMs: number | null): number {
  const passedMs = takenAtMs !== null && nowMs !== null ? Math.max(0, nowMs - takenAtMs) : 0;
  return Date.parse(overview.at) + passedMs;
}
