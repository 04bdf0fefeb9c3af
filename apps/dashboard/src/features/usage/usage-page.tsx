'use client';

import { Download } from 'lucide-react';
import { useCallback, useState } from 'react';
import { bytes, count, text as figureText } from '../../lib/format.ts';
import type { RestAnswer } from '../../lib/rest/rest-client.ts';
import { saveFile } from '../../lib/save-file.ts';
import { useAsking } from '../../lib/use-asking.ts';
import { Button } from '../../ui/button.tsx';
import { join } from '../../ui/join.ts';
import { Lintel, LintelCell } from '../../ui/lintel.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Row, TableBody, TableHead, TableSection, Td, Th } from '../../ui/table.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { ContactStrip } from '../live/contact-strip.tsx';
import { ListProblemStrip } from '../records/list-problem.tsx';
import { PageHead } from '../shell/page-head.tsx';
import { readLimits, type UsageLimits } from './limits.ts';
import { readUsage } from './read-usage.ts';
import { UsageChart } from './usage-chart.tsx';
import { daysUpTo, inCsv, totalOf, type UsageBucket } from './usage-days.ts';
import { UsageLimitsSection } from './usage-limits.tsx';
import type { Measure } from './usage-stacks.ts';

const spans = [
  { days: 7, label: '7 days' },
  { days: 30, label: '30 days' },
  { days: 90, label: '90 days' },
] as const;
const measures: readonly { readonly measure: Measure; readonly label: string }[] = [
  { measure: 'requests', label: 'Requests' },
  { measure: 'connections', label: 'Connections' },
  { measure: 'bytes', label: 'Traffic' },
];
const dayMs = 86_400_000;
const refreshEveryMs = 30_000;

interface Usage {
  readonly days: readonly UsageBucket[];
  readonly endpoints: readonly UsageBucket[];
  readonly limits: UsageLimits;
}

/** What went through, by day and by endpoint, as the edges reported it. */
export function UsagePage() {
  const { rest } = useAccount();
  const [days, setDays] = useState(30);
  const [measure, setMeasure] = useState<Measure>('requests');
  const [usage, setUsage] = useState<Usage | null>(null);
  const [problem, setProblem] = useState<Exclude<RestAnswer<never>, { kind: 'ok' }> | null>(null);
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: an attempt asks again for the same
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const to = new Date();
      const from = new Date(Math.floor(to.getTime() / dayMs) * dayMs - (days - 1) * dayMs);
      const query = `from=${from.toISOString()}&to=${to.toISOString()}&span=day`;
      const [byDay, byEndpoint, limits] = await Promise.all([
        rest.get(`/usage?${query}`, readUsage, signal),
        rest.get(`/usage?${query}&by=endpoint`, readUsage, signal),
        rest.get('/usage/limits', readLimits, signal),
      ]);
      if (signal.aborted) return;
      if (byDay.kind !== 'ok') return setProblem(byDay);
      if (byEndpoint.kind !== 'ok') return setProblem(byEndpoint);
      if (limits.kind !== 'ok') return setProblem(limits);
      setProblem(null);
      setUsage({ days: daysUpTo(byDay.value, from, to), endpoints: byEndpoint.value, limits: limits.value });
    },
    [rest, days, attempt],
  );
  useAsking(ask, refreshEveryMs);

  const total = usage && totalOf(usage.days);
  const endpoints = usage ? byUrl(usage.endpoints) : [];
  return (
    <>
      <PageHead title="Usage">
        <fieldset className="flex rounded-button border border-line-strong">
          <legend className="sr-only">Span</legend>
          {spans.map(({ days: value, label }) => (
            <button
              key={value}
              type="button"
              aria-pressed={days === value}
              onClick={() => setDays(value)}
              className={join(
                'h-[28px] px-2.5 first:rounded-l-button last:rounded-r-button max-sm:h-11',
                days === value ? 'bg-hover font-button text-ink' : 'text-ink-2 hover:text-ink',
              )}
            >
              {label}
            </button>
          ))}
        </fieldset>
        <Button
          tone="secondary"
          disabled={usage === null}
          className="max-sm:w-11 max-sm:px-0"
          onClick={() => usage && saveFile(inCsv(usage.endpoints), `usage-${days}-days.csv`, 'text/csv')}
        >
          <Download size={15} strokeWidth={1.75} aria-hidden />
          <span className="max-sm:sr-only">Export CSV</span>
        </Button>
      </PageHead>
      <ContactStrip />
      <ListProblemStrip problem={problem} hasItems={usage !== null} onRetry={async () => setAttempt((n) => n + 1)} />
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto">
        {total && (
          <div className="flex flex-col gap-8 py-6">
            <div className="px-6 max-sm:px-4">
              <Lintel label={`The last ${days} days`}>
                <LintelCell label="Requests" {...count(total.requests)} note={`in ${days} days`} />
                <LintelCell label="Connections" {...count(total.connections)} note="from visitors" />
                <LintelCell label="In" {...bytes(total.bytesIn)} note="from visitors" />
                <LintelCell label="Out" {...bytes(total.bytesOut)} note="to visitors" />
                <LintelCell
                  label="Errors"
                  {...count(total.errors)}
                  note="made by the edge"
                  tone={total.errors > 0 ? 'fails' : 'plain'}
                />
              </Lintel>
            </div>
            <section aria-label="By day" className="flex flex-col gap-3 px-6 max-sm:px-4">
              <div className="flex items-center justify-between">
                <h2 className="font-section">By day</h2>
                <fieldset className="flex gap-3">
                  <legend className="sr-only">Show</legend>
                  {measures.map(({ measure: value, label }) => (
                    <button
                      key={value}
                      type="button"
                      aria-pressed={measure === value}
                      onClick={() => setMeasure(value)}
                      className={join(
                        'max-sm:h-11',
                        measure === value ? 'font-strong text-ink' : 'text-ink-2 hover:text-ink',
                      )}
                    >
                      {label}
                    </button>
                  ))}
                </fieldset>
              </div>
              <UsageChart
                days={usage.days}
                endpoints={usage.endpoints}
                measure={measure}
                evenPace={evenPaceOf(usage.limits, measure)}
              />
            </section>
            <UsageLimitsSection limits={usage.limits} />
            {endpoints.length > 0 ? (
              <TableSection label="By endpoint" title="By endpoint">
                <TableHead>
                  <Row columns={columns}>
                    <Th>Endpoint</Th>
                    <Th isFigure>Requests</Th>
                    <Th isFigure className="@max-[640px]:hidden">
                      Connections
                    </Th>
                    <Th isFigure className="@max-[640px]:hidden">
                      In
                    </Th>
                    <Th isFigure>Out</Th>
                    <Th isFigure className="@max-[640px]:hidden">
                      Errors
                    </Th>
                  </Row>
                </TableHead>
                <TableBody>
                  {endpoints.map((row) => (
                    <Row key={row.url ?? ''} columns={columns} className="min-h-10">
                      <Td>
                        <span className="block truncate font-mono text-url">
                          <UntrustedText text={row.url ?? '–'} />
                        </span>
                      </Td>
                      <Td isFigure>{figureText(count(row.requests))}</Td>
                      <Td isFigure className="@max-[640px]:hidden">
                        {figureText(count(row.connections))}
                      </Td>
                      <Td isFigure className="@max-[640px]:hidden">
                        {figureText(bytes(row.bytesIn))}
                      </Td>
                      <Td isFigure>{figureText(bytes(row.bytesOut))}</Td>
                      <Td isFigure className={join('@max-[640px]:hidden', row.errors > 0 && 'text-cinnabar')}>
                        {figureText(count(row.errors))}
                      </Td>
                    </Row>
                  ))}
                </TableBody>
              </TableSection>
            ) : (
              <Notice title="No traffic yet" lit={2}>
                <p>What visitors send and get is counted here within seconds.</p>
              </Notice>
            )}
          </div>
        )}
      </main>
    </>
  );
}

const columns =
  'grid-cols-[minmax(0,1fr)_90px_90px] @min-[640px]:grid-cols-[minmax(0,1fr)_100px_110px_100px_100px_90px]';

/** What a day may have if the limit of this month is to last. */
function evenPaceOf({ measured, monthStart, monthEnd }: UsageLimits, measure: Measure): number | null {
  const limit = measured.find(({ key }) => key === measure)?.limit ?? null;
  return limit === null ? null : limit / Math.round((Date.parse(monthEnd) - Date.parse(monthStart)) / dayMs);
}

/** One row for each URL over all days, the busiest first. */
function byUrl(buckets: readonly UsageBucket[]): UsageBucket[] {
  const rows = new Map<string, UsageBucket[]>();
  for (const bucket of buckets) {
    const key = bucket.url ?? '';
    rows.set(key, [...(rows.get(key) ?? []), bucket]);
  }
  return [...rows.values()]
    .map((ofUrl) => ({ ...totalOf(ofUrl), url: ofUrl[0]?.url ?? null }))
    .sort((one, other) => other.requests + other.connections - one.requests - one.connections);
}
