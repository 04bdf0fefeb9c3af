'use client';

import { bytes, count, text } from '../../lib/format.ts';
import type { UsageBucket } from './usage-days.ts';

export type Measure = 'requests' | 'connections' | 'bytes';

const width = 960;
const height = 180;
const foot = 20;

/** One bar a day. The same figures stand in a table for those who do not see it. */
export function UsageChart({ days, measure }: { days: readonly UsageBucket[]; measure: Measure }) {
  const values = days.map((day) => measured(day, measure));
  const top = niceTop(Math.max(...values, 4));
  const step = width / Math.max(1, days.length);
  const bar = Math.min(28, step * 0.7);
  const say = (value: number) => text(measure === 'bytes' ? bytes(value) : count(value));
  const everyNth = Math.ceil(days.length / 10);
  return (
    <figure className="overflow-x-auto">
      <svg
        viewBox={`0 0 ${width} ${height + foot}`}
        role="img"
        aria-label={`${measure} by day`}
        className="min-w-[560px]"
      >
        {[0.25, 0.5, 0.75, 1].map((part) => (
          <g key={part}>
            <line x1="0" x2={width} y1={height * (1 - part)} y2={height * (1 - part)} stroke="var(--line)" />
            <text x="0" y={height * (1 - part) + 11} fontSize="11" fill="var(--ink-3)">
              {say(top * part)}
            </text>
          </g>
        ))}
        {values.map((value, at) => {
          const tall = (value / top) * height;
          const day = days[at]?.start.slice(0, 10) ?? '';
          return (
            <g key={day}>
              <rect x={at * step} width={step} y="0" height={height} fill="transparent">
                <title>{`${day}: ${say(value)}`}</title>
              </rect>
              <rect
                x={at * step + (step - bar) / 2}
                y={height - tall}
                width={bar}
                height={tall}
                fill="var(--c1)"
                className="pointer-events-none"
              />
              {at % everyNth === 0 && (
                <text x={at * step + step / 2} y={height + 15} fontSize="11" textAnchor="middle" fill="var(--ink-3)">
                  {`${day.slice(8)}.${day.slice(5, 7)}.`}
                </text>
              )}
            </g>
          );
        })}
        <line x1="0" x2={width} y1={height} y2={height} stroke="var(--ink)" strokeWidth="1.5" />
      </svg>
      <figcaption>
        <details className="text-meta text-ink-2">
          <summary className="cursor-pointer">As table</summary>
          <table className="mt-2">
            <tbody>
              {days.map((day) => (
                <tr key={day.start}>
                  <th scope="row" className="figures pr-6 text-left font-regular text-ink-3">
                    {day.start.slice(0, 10)}
                  </th>
                  <td className="figures text-right">{say(measured(day, measure))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      </figcaption>
    </figure>
  );
}

function measured(day: UsageBucket, measure: Measure): number {
  return measure === 'bytes' ? day.bytesIn + day.bytesOut : day[measure];
}

/** The next of 1, 2, 4, 8 times a power of ten that `value` fits under. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 8, 10].map((factor) => factor * power).find((top) => top >= value) ?? 10 * power;
}
