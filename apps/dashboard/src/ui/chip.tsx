import type { ReactNode } from 'react';
import { join } from './join.ts';

const tones = {
  plain: 'bg-raised text-ink-2 ring-1 ring-inset ring-line-strong',
  works: 'bg-verdigris-soft text-verdigris',
  waiting: 'bg-ochre-soft text-ochre',
  fails: 'bg-cinnabar-soft text-cinnabar',
} as const;

export function Chip({ tone, children }: { tone: keyof typeof tones; children: ReactNode }) {
  return (
    <span
      className={join(
        'figures inline-flex h-5 items-center rounded-chip px-2 text-head whitespace-nowrap forced-colors:border',
        tones[tone],
      )}
    >
      {children}
    </span>
  );
}
