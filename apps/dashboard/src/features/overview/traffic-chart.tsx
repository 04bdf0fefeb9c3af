'use client';

import { useState } from 'react';
import { bytes, count, text } from '../../lib/format.ts';
import { useHydrated } from '../../ui/local-time.tsx';
import { niceTop, type TrafficPoint, type TrafficWindow } from './traffic-window.ts';

const width = 960;
const height = 170;
const foot = 20;

/** Requests by step as an area, errors solid on top of it; one line and one panel where the pointer is. */
export function TrafficChart({ points, window }: { points: readonly TrafficPoint[]; window: TrafficWindow }) {
  const [at, setAt] = useState<number | null>(null);
  const hydrated = useHydrated();
  const top = niceTop(Math.max(4, ...points.map(({ requests }) => requests)));
  const step = width / Math.max(1, points.length - 1);
  const y = (value: number) => height - (value / top) * height;
  const line = (value: (point: TrafficPoint) => number) =>
    points.map((point, i) => `${(i * step).toFixed(1)} ${y(value(point)).toFixed(1)}`);
  const all = line(({ requests }) => requests);
  const good = line(({ requests, errors }) => Math.max(0, requests - errors));
  const hasErrors = points.some(({ errors }) => errors > 0);
  const say = (startMs: number) => labelOf(startMs, window, hydrated);
  const everyNth = Math.max(1, Math.ceil(points.length / 6));
  const shown = at === null ? undefined : points[at];
  const total = points.reduce((sum, { requests }) => sum + requests, 0);
  const errors = points.reduce((sum, point) => sum + point.errors, 0);
  return (
    <figure className="relative">
      <svg
        viewBox={`0 0 ${width} ${height + foot}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Requests by ${window.step}: ${text(count(total))} in all, ${text(count(errors))} failed`}
        className="h-[190px] w-full"
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const i = Math.round(((event.clientX - box.left) / box.width) * (points.length - 1));
          setAt(Math.max(0, Math.min(points.length - 1, i)));
        }}
        onPointerLeave={() => setAt(null)}
      >
        {[0.25, 0.5, 0.75, 1].map((part) => (
          <line
            key={part}
            x2={width}
            y1={y(top * part)}
            y2={y(top * part)}
            stroke="var(--line)"
            vectorEffect="non-scaling-stroke"
          />
        ))}
        <path d={`M0 ${height}L${good.join('L')}L${width} ${height}Z`} fill="var(--s2)" fillOpacity="0.28" />
        {hasErrors && <path d={`M${all.join('L')}L${[...good].reverse().join('L')}Z`} fill="var(--s5)" />}
        <path
          d={`M${good.join('L')}`}
          fill="none"
          stroke="var(--s2)"
          strokeWidth="1.5"
          vectorEffect="non-scaling-stroke"
        />
        {at !== null && (
          <line
            x1={at * step}
            x2={at * step}
            y2={height}
            stroke="var(--ink-3)"
            strokeDasharray="3 3"
            vectorEffect="non-scaling-stroke"
          />
        )}
        <line
          x2={width}
          y1={height}
          y2={height}
          stroke="var(--ink)"
          strokeWidth="1.5"
          vectorEffect="non-scaling-stroke"
        />
      </svg>
      {/* Text stands outside of the drawing, which is stretched. */}
      <div aria-hidden className="figures pointer-events-none absolute inset-x-0 top-0 text-label text-ink-3">
        {[1, 0.5].map((part) => (
          <span key={part} className="absolute left-0 bg-surface pr-1" style={{ top: (1 - part) * height + 1 }}>
            {text(count(top * part))}
          </span>
        ))}
        <div className="absolute inset-x-0 flex justify-between" style={{ top: height + 3 }}>
          {points.flatMap((point, i) =>
            i % everyNth === 0 && i + everyNth / 2 < points.length ? (
              <span key={point.startMs} className="w-0 whitespace-nowrap">
                {say(point.startMs)}
              </span>
            ) : (
              []
            ),
          )}
          <span>now</span>
        </div>
      </div>
      {shown && at !== null && (
        <div
          className="figures pointer-events-none absolute top-2 rounded-button border border-line-strong bg-raised px-3 py-2 text-meta shadow-floating"
          style={
            at > points.length / 2
              ? { right: `${100 - (at / points.length) * 100 + 2}%` }
              : { left: `${(at / points.length) * 100 + 2}%` }
          }
        >
          <p className="font-strong">{say(shown.startMs)}</p>
          <p>{text(count(shown.requests))} requests</p>
          {shown.errors > 0 && <p className="text-cinnabar">{text(count(shown.errors))} errors</p>}
          <p className="text-ink-2">{text(bytes(shown.bytes))}</p>
        </div>
      )}
      <figcaption>
        <details className="mt-1 text-meta text-ink-2">
          <summary className="w-fit cursor-pointer">As table</summary>
          <div className="mt-2 max-h-60 overflow-y-auto">
            <table>
              <thead>
                <tr className="text-left text-ink-3">
                  <th scope="col" className="pr-6 font-regular">
                    From
                  </th>
                  <th scope="col" className="pr-6 font-regular">
                    Requests
                  </th>
                  <th scope="col" className="pr-6 font-regular">
                    Errors
                  </th>
                  <th scope="col" className="font-regular">
                    Data
                  </th>
                </tr>
              </thead>
              <tbody className="figures">
                {points.toReversed().map((point) => (
                  <tr key={point.startMs}>
                    <th scope="row" className="pr-6 text-left font-regular">
                      {say(point.startMs)}
                    </th>
                    <td className="pr-6">{text(count(point.requests))}</td>
                    <td className="pr-6">{text(count(point.errors))}</td>
                    <td>{text(bytes(point.bytes))}</td>
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

/** In the reader's zone once the script runs; days are days of UTC, as they are counted. */
function labelOf(startMs: number, window: TrafficWindow, hydrated: boolean): string {
  const date = new Date(startMs);
  const timeZone = hydrated && window.id !== '30d' ? undefined : 'UTC';
  const day = date.toLocaleDateString('en-GB', { timeZone, day: 'numeric', month: 'short' });
  const clock = date.toLocaleTimeString('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' });
  if (window.id === '30d') return day;
  return window.id === '7d' ? `${day} ${clock}` : clock;
}
