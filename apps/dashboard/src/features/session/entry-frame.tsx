import type { ReactNode } from 'react';
import { Colonnade } from '../../ui/colonnade.tsx';
import { Mark, Wordmark } from '../../ui/mark.tsx';

/** The pages for who is not signed in: the colonnade on the left, one form on the right. */
export function EntryFrame({ title, children, foot }: { title: string; children: ReactNode; foot?: ReactNode }) {
  return (
    <main className="flex min-h-dvh">
      <div className="flex flex-1 flex-col items-center bg-canvas max-md:hidden">
        <Colonnade lit={4} className="mt-[calc(33dvh-48px)] h-auto w-[240px]" />
      </div>
      <div className="flex flex-1 flex-col bg-surface px-6 max-sm:px-4 md:border-l md:border-line">
        <div className="mx-auto mt-[calc(33dvh-120px)] w-full max-w-[360px] pb-12 max-sm:mt-12">
          <p className="mb-8 flex items-center gap-2.5">
            <Mark />
            <Wordmark className="mt-[5px]" />
          </p>
          <h1 className="mb-6 text-display">{title}</h1>
          {children}
          {foot && <div className="mt-6 flex flex-col gap-2 text-meta text-ink-3">{foot}</div>}
        </div>
      </div>
    </main>
  );
}

export const quietLink =
  'text-lapis underline underline-offset-2 max-sm:inline-flex max-sm:min-h-11 max-sm:items-center';
