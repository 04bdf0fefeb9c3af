'use client';

import type { Overview } from '@portico/api-contract/dashboard';
import { ChevronRight, CircleX, TriangleAlert } from 'lucide-react';
import Link from 'next/link';
import { useSearchParams } from 'next/navigation';
import { bytes, count, duration, perSecond, plural, text } from '../../lib/format.ts';
import { visibleText } from '../../lib/visible-text.ts';
import { Chip } from '../../ui/chip.tsx';
import { join } from '../../ui/join.ts';
import { Lintel, LintelCell } from '../../ui/lintel.tsx';
import { Notice } from '../../ui/notice.tsx';
import { PathGlyph } from '../../ui/path-glyph.tsx';
import { Sparkline } from '../../ui/sparkline.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { AsOf } from '../endpoints/as-of.tsx';
import { EndpointUrl } from '../endpoints/endpoint-url.tsx';
import { EndpointRows } from '../endpoints/endpoints-loading.tsx';
import { pathOf } from '../endpoints/path-state.ts';
import { RecentEvents } from '../endpoints/recent-events.tsx';
import { fails } from '../endpoints/row-order.ts';
import { ContactStrip, useIsStale } from '../live/contact-strip.tsx';
import { LiveMark } from '../live/live-mark.tsx';
import { useLive } from '../live/live-provider.tsx';
import { countsRequests } from '../live/traffic-history.ts';
import { ListProblemStrip } from '../records/list-problem.tsx';
import { PageHead } from '../shell/page-head.tsx';
import type { UsageLimits } from '../usage/limits.ts';
import { Month, useLimits } from './month.tsx';
import { type Concern, concernsOf } from './needs-look.ts';
import { NewestRequests, TimeSpent, useNewest } from './time-spent.tsx';
import { TrafficChart } from './traffic-chart.tsx';
import { type TrafficWindow, windowOf, windows } from './traffic-window.ts';
import { useNames } from './use-names.ts';
import { useTraffic, type WindowTraffic } from './use-traffic.ts';

/** One look: is all well, and if not, where. `initial` is what the server knew when it drew the page. */
export function OverviewPage({ initial }: { initial: Overview | null }) {
  const live = useLive();
  const isStale = useIsStale();
  const window = windowOf(useSearchParams().get('window'));
  const overview = live.overview?.value ?? initial;
  const { traffic, problem, reload } = useTraffic(window);
  const { contact, isOnline } = live;
  // The strip of the live stream says already that nobody answers.
  const isSaid = isStale || !isOnline || contact.kind === 'lost';
  return (
    <>
      <PageHead title="Overview" chips={overview && <StateChips overview={overview} />}>
        <LiveMark />
        <Windows window={window} />
      </PageHead>
      <ContactStrip />
      {!isSaid && <ListProblemStrip problem={problem} hasItems={traffic !== null} onRetry={reload} />}
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto">
        {overview ? (
          <div className={join('mx-auto max-w-[1680px] transition-opacity duration-160', isStale && 'opacity-62')}>
            <Content overview={overview} window={window} traffic={traffic} />
          </div>
        ) : (
          <EndpointRows />
        )}
        {isStale && overview && <AsOf overview={overview} />}
      </main>
    </>
  );
}

function StateChips({ overview }: { overview: Overview }) {
  const failing = overview.endpoints.filter(fails).length;
  return failing > 0 ? <Chip tone="fails">{plural(failing, 'failing', 'failing')}</Chip> : null;
}

function Windows({ window }: { window: TrafficWindow }) {
  return (
    <nav aria-label="How far back" className="flex rounded-button border border-line-strong bg-raised">
      {windows.map(({ id, label }) => (
        <Link
          key={id}
          href={`?window=${id}`}
          replace
          prefetch={false}
          scroll={false}
          aria-current={id === window.id ? 'true' : undefined}
          className={join(
            'flex h-7 items-center px-2.5 first:rounded-l-button last:rounded-r-button max-sm:h-11 max-sm:px-2',
            id === window.id ? 'bg-hover font-strong text-ink' : 'text-ink-2 hover:text-ink',
          )}
        >
          {label}
        </Link>
      ))}
    </nav>
  );
}

interface ContentProps {
  readonly overview: Overview;
  readonly window: TrafficWindow;
  readonly traffic: WindowTraffic | null;
}

function Content({ overview, window, traffic }: ContentProps) {
  const { accountId } = useAccount();
  const base = `/a/${encodeURIComponent(accountId)}`;
  const newest = useNewest(overview.today.requests);
  const limits = useLimits();
  // Figures of another window are not shown under this one's name.
  const shown = traffic?.windowId === window.id ? traffic : null;
  return (
    <div className="flex flex-col gap-8 px-6 pt-5 pb-8 max-sm:px-4">
      <Figures overview={overview} window={window} traffic={shown} />
      <div className="grid gap-x-7 gap-y-8 md:grid-cols-[minmax(0,1fr)_320px]">
        <div className="flex min-w-0 flex-col gap-8">
          <section aria-labelledby="requests" className="min-h-[236px]">
            <div className="mb-3 flex items-baseline justify-between gap-3">
              <h2 id="requests" className="font-section">
                Requests per {window.step}
              </h2>
              {shown && (
                <p className="figures flex gap-4 text-meta text-ink-2">
                  <span className="inline-flex items-center gap-1.5">
                    <Swatch color="var(--s2)" /> answered{' '}
                    <strong className="font-strong text-ink">
                      {text(count(shown.total.requests - shown.total.errors))}
                    </strong>
                  </span>
                  <span className="inline-flex items-center gap-1.5">
                    <Swatch color="var(--s5)" /> failed{' '}
                    <strong className="font-strong text-ink">{text(count(shown.total.errors))}</strong>
                  </span>
                </p>
              )}
            </div>
            {shown && <TrafficChart points={shown.points} window={window} />}
          </section>
          {newest !== null && newest.length > 0 && <TimeSpent lines={newest} />}
          <EndpointList overview={overview} traffic={shown} base={base} />
          {newest !== null && newest.length > 0 && <NewestRequests lines={newest} base={base} />}
        </div>
        <div className="flex min-w-0 flex-col gap-8">
          <NeedsLook overview={overview} limits={limits} base={base} />
          {limits && <Month limits={limits} base={base} />}
          <AgentList overview={overview} base={base} />
          <EdgeList overview={overview} />
        </div>
      </div>
      {overview.recent.length > 0 && (
        <div className="-mx-6 max-sm:-mx-4">
          <RecentEvents events={overview.recent.slice(0, 12)} />
        </div>
      )}
    </div>
  );
}

function Swatch({ color }: { color: string }) {
  return (
    <svg viewBox="0 0 8 8" width="8" height="8" aria-hidden="true">
      <rect width="8" height="8" rx="1" fill={color} />
    </svg>
  );
}

function Figures({ overview, window, traffic }: ContentProps) {
  const { history, seenAtMs } = useLive();
  const rates = overview.endpoints.filter(countsRequests).flatMap(({ id }) => {
    const rate = seenAtMs === null ? null : history.rate(id, seenAtMs);
    return rate === null ? [] : [rate];
  });
  const now = rates.length > 0 ? `${perSecond(rates.reduce((sum, rate) => sum + rate, 0))} /s now` : '\u00a0';
  const total = traffic?.total;
  const percent = total && total.requests > 0 ? (total.errors / total.requests) * 100 : null;
  const data = total && bytes(total.bytesIn + total.bytesOut);
  const wait = { value: '–', unit: '' };
  return (
    <Lintel label={`The last ${window.label}`}>
      <LintelCell label="Requests" {...(total ? count(total.requests) : wait)} note={now} />
      <LintelCell
        label="Failed"
        value={percent === null ? '–' : percent === 0 ? '0' : percent < 0.01 ? '< 0.01' : percent.toFixed(2)}
        unit={percent === null ? '' : '%'}
        note={percent === null ? 'no requests' : plural(total?.errors ?? 0, 'request', 'requests')}
        tone={percent !== null && percent >= 1 ? 'fails' : 'plain'}
      />
      <LintelCell label="Connections" {...(total ? count(total.connections) : wait)} note="from visitors" />
      <LintelCell
        label="Data"
        {...(data ?? wait)}
        note={total ? `${text(bytes(total.bytesIn))} in, ${text(bytes(total.bytesOut))} out` : '\u00a0'}
      />
      <LintelCell
        label="Agents"
        value={count(overview.sessionCount).value}
        unit="online"
        note={`${plural(overview.endpointCount, 'endpoint', 'endpoints')}`}
      />
    </Lintel>
  );
}

const listMax = 8;

/** The endpoints that are online, busiest first; then those of the window that are gone. */
function EndpointList({
  overview,
  traffic,
  base,
}: {
  overview: Overview;
  traffic: WindowTraffic | null;
  base: string;
}) {
  const { history, seenAtMs } = useLive();
  const used = new Map((traffic?.endpoints ?? []).map((total) => [total.url, total]));
  const busyness = (url: string) => used.get(url)?.requests ?? 0;
  const online = [...overview.endpoints]
    .sort(
      (a, b) => Number(fails(b)) - Number(fails(a)) || busyness(b.url) - busyness(a.url) || a.url.localeCompare(b.url),
    )
    .slice(0, listMax);
  const urls = new Set(overview.endpoints.map(({ url }) => url));
  const gone = [...used.values()].filter(({ url }) => url !== null && !urls.has(url)).slice(0, listMax - online.length);
  return (
    <section aria-labelledby="busiest" className="@container">
      <div className="flex items-baseline justify-between gap-3 pb-1">
        <h2 id="busiest" className="font-section">
          Endpoints
        </h2>
        <Link href={`${base}/endpoints`} prefetch={false} className="text-lapis underline-offset-2 hover:underline">
          All {count(overview.endpointCount).value}
        </Link>
      </div>
      {online.length + gone.length === 0 ? (
        <div className="border-y border-line">
          <Notice title="No endpoint is online" lit={2}>
            <p>Start an agent on the machine that runs your app. It appears here within a second.</p>
            <Link href={`${base}/start`} prefetch={false} className="text-lapis underline underline-offset-2">
              Getting started
            </Link>
          </Notice>
        </div>
      ) : (
        <ul className="border-t border-line">
          {online.map((endpoint) => {
            const path = pathOf(endpoint);
            const series = seenAtMs === null ? null : history.series(endpoint.id, seenAtMs);
            const total = used.get(endpoint.url);
            return (
              <li
                key={endpoint.id}
                data-overview-endpoint={endpoint.id}
                className="grid min-h-10 grid-cols-[28px_minmax(0,1fr)_88px] items-center border-b border-line py-1.5 @min-[560px]:grid-cols-[28px_minmax(0,1fr)_72px_132px_88px_72px]"
              >
                <PathGlyph hops={path.hops} label={path.label} />
                <span className="min-w-0 pr-3" title={visibleText(endpoint.url)}>
                  <EndpointUrl url={endpoint.url} />
                </span>
                <span className="text-meta text-ink-2 @max-[560px]:hidden">{kinds[endpoint.kind]}</span>
                <span className="@max-[560px]:hidden">
                  {series && (
                    <Sparkline points={series.perSecond} ticks={series.errors} label="Traffic of the last 72 seconds" />
                  )}
                </span>
                <span className="figures text-right">{figureOf(endpoint, total)}</span>
                <span
                  className={join(
                    'figures text-right @max-[560px]:hidden',
                    total && total.errors > 0 ? 'text-cinnabar' : 'text-ink-3',
                  )}
                >
                  {errorsOf(total)}
                </span>
              </li>
            );
          })}
          {gone.map((total) => (
            <li
              key={total.url}
              className="grid min-h-10 grid-cols-[28px_minmax(0,1fr)_88px] items-center border-b border-line py-1.5 text-ink-2 @min-[560px]:grid-cols-[28px_minmax(0,1fr)_204px_88px_72px]"
            >
              <PathGlyph
                hops={[
                  { name: 'edge', state: 'works' },
                  { name: 'agent', state: 'none' },
                  { name: 'upstream', state: 'none' },
                ]}
                label="Not connected"
              />
              <span className="min-w-0 pr-3">
                <EndpointUrl url={total.url ?? ''} />
              </span>
              <span className="text-meta text-ink-3 @max-[560px]:hidden">not connected</span>
              <span className="figures text-right">{text(count(total.requests || total.connections))}</span>
              <span className={join('figures text-right @max-[560px]:hidden', total.errors > 0 && 'text-cinnabar')}>
                {errorsOf(total)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const kinds = { agent: 'Agent', cloud: 'Cloud', internal: 'Internal' } as const;

interface Total {
  readonly requests: number;
  readonly connections: number;
  readonly errors: number;
}

function figureOf(endpoint: Overview['endpoints'][number], total: Total | undefined): string {
  if (total === undefined) return '0';
  return countsRequests(endpoint) ? text(count(total.requests)) : `${text(count(total.connections))} conn.`;
}

function errorsOf(total: Total | undefined): string {
  if (total === undefined || total.requests === 0) return '–';
  const percent = (total.errors / total.requests) * 100;
  return percent === 0 ? '0 %' : percent < 0.1 ? '< 0.1 %' : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

interface NeedsLookProps {
  readonly overview: Overview;
  readonly limits: UsageLimits | null;
  readonly base: string;
}

function NeedsLook({ overview, limits, base }: NeedsLookProps) {
  const { domains, certificates } = useNames();
  const concerns = concernsOf(overview, { domains, certificates, measured: limits?.measured ?? [] });
  return (
    <section aria-labelledby="needs-look">
      <h2 id="needs-look" className="pb-2 font-section">
        Needs a look
      </h2>
      {concerns.length === 0 ? (
        <p className="border-t border-line pt-2 text-ink-2">All quiet.</p>
      ) : (
        <ul className="border-t border-line">
          {concerns.slice(0, 10).map((concern) => (
            <ConcernRow key={`${concern.id} ${concern.text}`} concern={concern} base={base} />
          ))}
        </ul>
      )}
      {concerns.length > 10 && <p className="pt-2 text-meta text-ink-3">and {concerns.length - 10} more</p>}
    </section>
  );
}

function ConcernRow({ concern: { tone, subject, text: what, page }, base }: { concern: Concern; base: string }) {
  const Icon = tone === 'fails' ? CircleX : TriangleAlert;
  return (
    <li className="relative flex gap-2.5 border-b border-line py-2.5 hover:bg-hover">
      <Icon
        size={15}
        strokeWidth={1.75}
        aria-hidden
        className={join('mt-0.5 shrink-0', tone === 'fails' ? 'text-cinnabar' : 'text-ochre')}
      />
      <span className="min-w-0 flex-1">
        <Link
          href={`${base}/${page}`}
          prefetch={false}
          className="block truncate font-strong after:absolute after:inset-0"
        >
          <UntrustedText text={subject.replace(/^https:\/\//, '')} />
        </Link>
        <span className="block text-meta text-ink-2 wrap-anywhere">
          <UntrustedText text={what} />
        </span>
      </span>
      <ChevronRight size={15} strokeWidth={1.75} aria-hidden className="mt-0.5 shrink-0 text-ink-3" />
    </li>
  );
}

const agentsMax = 6;

function AgentList({ overview, base }: { overview: Overview; base: string }) {
  const carried = new Map<string, number>();
  for (const { sessionId } of overview.endpoints) carried.set(sessionId, (carried.get(sessionId) ?? 0) + 1);
  const nowMs = Date.parse(overview.at);
  return (
    <section aria-labelledby="agents-now">
      <div className="flex items-baseline justify-between gap-3 pb-2">
        <h2 id="agents-now" className="font-section">
          Agents
        </h2>
        <Link href={`${base}/agents`} prefetch={false} className="text-lapis underline-offset-2 hover:underline">
          All {count(overview.sessionCount).value}
        </Link>
      </div>
      {overview.sessions.length === 0 ? (
        <p className="border-t border-line pt-2 text-ink-2">None is connected.</p>
      ) : (
        <ul className="border-t border-line">
          {overview.sessions.slice(0, agentsMax).map(({ id, agentName, agentVersion, startedAt }) => (
            <li key={id} className="flex items-baseline gap-2 border-b border-line py-2">
              <span className="min-w-0 truncate font-mono text-url font-strong">
                <UntrustedText text={agentName} />
              </span>
              <span className="truncate text-meta text-ink-3">
                <UntrustedText text={agentVersion} />
              </span>
              <span className="figures ml-auto shrink-0 text-meta text-ink-2">
                {plural(carried.get(id) ?? 0, 'endpoint', 'endpoints')}, {duration(nowMs - Date.parse(startedAt))}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function EdgeList({ overview }: { overview: Overview }) {
  return (
    <section aria-labelledby="edges-now">
      <h2 id="edges-now" className="pb-2 font-section">
        Edges
      </h2>
      {overview.edges.length === 0 ? (
        <p className="border-t border-line pt-2 text-ink-2">None is running.</p>
      ) : (
        <ul className="border-t border-line">
          {overview.edges.map(({ nodeId, online }) => (
            <li key={nodeId} className="flex items-center gap-2 border-b border-line py-2">
              <span
                aria-hidden
                className={join('size-2 shrink-0 rounded-full', online ? 'bg-s2' : 'border border-control')}
              />
              <span className="min-w-0 truncate font-strong">{nodeId}</span>
              <span className={join('ml-auto text-meta', online ? 'text-ink-2' : 'text-cinnabar')}>
                {online ? 'working' : 'not connected'}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
