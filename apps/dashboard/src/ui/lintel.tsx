import type { ReactNode } from 'react';
import { join } from './join.ts';

/** Figures under one lintel: a line of ink on top, cells divided by hairlines. At most two on a page. */
export function Lintel({ children, label }: { children: ReactNode; label: string }) {
  return (
    <dl
      aria-label={label}
      className="grid grid-cols-2 border-t-2 border-ink sm:grid-cols-3 md:grid-cols-5 [&>*]:border-line max-sm:[&>*:nth-child(even)]:border-l sm:max-md:[&>*:not(:nth-child(3n+1))]:border-l md:[&>*:not(:first-child)]:border-l max-md:[&>*]:border-b max-md:[&>:last-child]:col-span-2"
    >
      {children}
    </dl>
  );
}

export interface LintelCellProps {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly note: ReactNode;
  readonly tone?: 'plain' | 'fails';
}

export function LintelCell({ label, value, unit, note, tone = 'plain' }: LintelCellProps) {
  return (
    <div className="figures flex min-w-0 flex-col px-4 py-2.5 first:pl-0 max-sm:odd:pl-0 sm:max-md:[&:nth-child(3n+1)]:pl-0">
      <dt className="text-meta text-ink-2">{label}</dt>
      <dd className="truncate text-figure">
        {value}
        {unit && <span className="ml-1 text-meta font-regular tracking-normal text-ink-3">{unit}</span>}
      </dd>
      <dd className={join('truncate text-meta', tone === 'fails' ? 'text-cinnabar' : 'text-ink-3')}>{note}</dd>
    </div>
  );
}
