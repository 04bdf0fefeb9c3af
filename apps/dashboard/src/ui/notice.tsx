import type { ReactNode } from 'react';
import { Colonnade } from './colonnade.tsx';

/** A whole page, or the whole content of one, that has one thing to say. */
export function Notice({ title, lit, children }: { title: string; lit: 0 | 1 | 2 | 3 | 4; children: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-[420px] flex-col items-center px-4 py-16 text-center">
      <Colonnade lit={lit} className="mb-5" />
      <h2 className="text-prose font-section">{title}</h2>
      <div className="mt-1 flex flex-col items-center gap-4 text-body text-ink-2">{children}</div>
    </div>
  );
}
