'use client';

import { useState, useSyncExternalStore } from 'react';
import { bytes, count, text } from '../../lib/format.ts';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import type { UsageBucket } from './usage-days.ts';
import { type Measure, stacksOf, type UsageSeries } from './usage-stacks.ts';

const height = 180;
const foot = 20;
const colours = ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)'];

const narrow = '(max-width: 639px)';
const isNarrowNow = () => matchMedia(narrow).matches;
function watchWidth(onChange: () => void): () => void {
  const query = matchMedia(narrow);
  query.addEventListener('change', onChange);
  return () => query.removeEventListener('change', onChange);
}

export interface UsageChartProps {
  readonly days: readonly UsageBucket[];
  readonly endpoints: readonly UsageBucket[];
  readonly measure: Measure;
  /** What a day may have if the month's limit is to last; null without a limit. */
  readonly evenPace: number | null;
}

/** One bar a day, its parts by endpoint. The same figures stand in a table for those who do not see it. */
export function UsageChart({ days, endpoints, measure, evenPace }: UsageChartProps) {
  const isNarrow = useSyncExternalStore(watchWidth, isNarrowNow, () => false);
  // Drawn for the width that it has, so that its words stay as large as all others.
  const width = isNarrow ? 400 : 960;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const series = stacksOf(days, endpoints, measure);
  const shown = series.filter(({ url }) => !hidden.has(url ?? ''));
  const sums = days.map((_, at) => shown.reduce((sum, { values }) => sum + (values[at] ?? 0), 0));
  const highest = Math.max(...sums, 4);
  // A limit far above what is used would leave bars that nobody sees.
  const isPaceShown = evenPace !== null && evenPace <= highest * 4;
  const top = niceTop(isPaceShown ? Math.max(highest, evenPace) : highest);
  const step = width / Math.max(1, days.length);
  const bar = Math.min(28, step * 0.7);
  const say = (value: number) => text(measure === 'bytes' ? bytes(value) : count(value));
  const everyNth = Math.ceil(days.length / (isNarrow ? 5 : 10));
  const colourOf = (one: UsageSeries) => (one.url === null ? 'var(--control)' : (colours[series.indexOf(one)] ?? ''));
  return (
    <figure className="flex flex-col gap-3">
      {series.length > 0 && (
        <Legend
          series={series}
          hidden={hidden}
          colourOf={colourOf}
          say={say}
          onToggle={(key) =>
            setHidden((had) => (had.has(key) ? new Set([...had].filter((one) => one !== key)) : new Set([...had, key])))
          }
        />
      )}
      <div className="overflow-x-auto">
        <svg viewBox={`0 0 ${width} ${height + foot}`} role="img" aria-label={`${measure} by day`}>
          {[0.25, 0.5, 0.75, 1].map((part) => (
            <g key={part}>
              <line x1="0" x2={width} y1={height * (1 - part)} y2={height * (1 - part)} stroke="var(--line)" />
              <text x="0" y={height * (1 - part) + 11} fontSize="11" fill="var(--ink-3)">
                {say(top * part)}
              </text>
            </g>
          ))}
          {days.map(({ start }, at) => {
            const day = start.slice(0, 10);
            let floor = height;
            return (
              <g key={day}>
                {shown.map((one) => {
                  const tall = ((one.values[at] ?? 0) / top) * height;
                  if (tall === 0) return null;
                  floor -= tall;
                  return (
                    <rect
                      key={one.url ?? ''}
                      x={at * step + (step - bar) / 2}
                      y={floor}
                      width={bar}
                      height={tall}
                      fill={colourOf(one)}
                    />
                  );
                })}
                <rect x={at * step} width={step} y="0" height={height} fill="transparent">
                  <title>{`${day}: ${say(sums[at] ?? 0)}`}</title>
                </rect>
                {at % everyNth === 0 && (
                  <text x={at * step + step / 2} y={height + 15} fontSize="11" textAnchor="middle" fill="var(--ink-3)">
                    {`${day.slice(8)}.${day.slice(5, 7)}.`}
                  </text>
                )}
              </g>
            );
          })}
          {isPaceShown && (
            <g data-pace>
              <line
                x1="0"
                x2={width}
                y1={height * (1 - evenPace / top)}
                y2={height * (1 - evenPace / top)}
                stroke="var(--s5)"
                strokeDasharray="6 4"
              />
              <text
                x={width}
                y={Math.max(11, height * (1 - evenPace / top) - 4)}
                fontSize="11"
                textAnchor="end"
                fill="var(--cinnabar)"
              >
                {`the limit lasts the month at ${say(evenPace)} a day`}
              </text>
            </g>
          )}
          <line x1="0" x2={width} y1={height} y2={height} stroke="var(--ink)" strokeWidth="1.5" />
        </svg>
      </div>
      <figcaption>
        <details className="text-meta text-ink-2">
          <summary className="cursor-pointer">As table</summary>
          <div className="mt-2 overflow-x-auto">
            <table>
              <thead>
                <tr className="text-ink-3">
                  <th scope="col" className="pr-6 text-left font-regular">
                    Day
                  </th>
                  {shown.map(({ url }) => (
                    <th key={url ?? ''} scope="col" className="pr-6 text-right font-regular">
                      <UntrustedText text={shortName(url)} />
                    </th>
                  ))}
                  <th scope="col" className="text-right font-regular">
                    Sum
                  </th>
                </tr>
              </thead>
              <tbody>
                {days.map(({ start }, at) => (
                  <tr key={start}>
                    <th scope="row" className="figures pr-6 text-left font-regular text-ink-3">
                      {start.slice(0, 10)}
                    </th>
                    {shown.map(({ url, values }) => (
                      <td key={url ?? ''} className="figures pr-6 text-right">
                        {say(values[at] ?? 0)}
                      </td>
                    ))}
                    <td className="figures text-right">{say(sums[at] ?? 0)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      </figcaption>
    </figure>
  );
}

interface LegendProps {
  readonly series: readonly UsageSeries[];
  readonly hidden: ReadonlySet<string>;
  readonly colourOf: (series: UsageSeries) => string;
  readonly say: (value: number) => string;
  readonly onToggle: (key: string) => void;
}

/** Name and total of each series; a click leaves it out, or takes it in again. */
function Legend({ series, hidden, colourOf, say, onToggle }: LegendProps) {
  return (
    <ul aria-label="Endpoints in the chart" className="flex flex-wrap gap-x-4 gap-y-1 text-meta">
      {series.map((one) => {
        const key = one.url ?? '';
        return (
          <li key={key} className="min-w-0">
            <button
              type="button"
              data-series={key}
              aria-pressed={!hidden.has(key)}
              onClick={() => onToggle(key)}
              className={join(
                'flex max-w-full items-center gap-1.5 max-sm:min-h-11',
                hidden.has(key) ? 'text-ink-3 line-through' : 'text-ink-2 hover:text-ink',
              )}
            >
              <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true" className="shrink-0">
                <rect width="10" height="10" rx="1" fill={hidden.has(key) ? 'var(--line)' : colourOf(one)} />
              </svg>
              <span className="truncate">
                <UntrustedText text={shortName(one.url)} />
              </span>
              <span className="figures text-ink-3">{say(one.total)}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function shortName(url: string | null): string {
  return url === null ? 'all others' : url.replace(/^https:\/\//, '');
}

/** The next of 1, 2, 4, 8 times a power of ten that `value` fits under. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 8, 10].map((factor) => factor * power).find((top) => top >= value) ?? 10 * power;
}
