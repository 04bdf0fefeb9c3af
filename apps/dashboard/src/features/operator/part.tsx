import type { ReactNode } from 'react';
import { ListProblemStrip } from '../records/list-problem.tsx';
import type { Polled } from './use-operator.ts';

/** The content of one tab, once it is known; what was known stays while nobody answers. */
export function Part<T>({ polled, children }: { polled: Polled<T>; children: (value: T) => ReactNode }) {
  const { value, problem, reload } = polled;
  return (
    <>
      <ListProblemStrip problem={problem} hasItems={value !== null} onRetry={reload} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a long table scrolls, with the keyboard too */}
      <main id="content" tabIndex={0} className="min-h-0 flex-1 overflow-y-auto">
        {value !== null ? (
          <div className="flex flex-col gap-8 py-6">{children(value)}</div>
        ) : (
          problem === null && <p className="show-late px-6 py-6 text-ink-2 max-sm:px-4">Asking the API…</p>
        )}
      </main>
    </>
  );
}
