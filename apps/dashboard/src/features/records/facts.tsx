import type { ReactNode } from 'react';

/** The facts of one object, a name and a value each. What does not apply is left out. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="flex flex-col border-t border-line">{children}</dl>;
}

export function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="grid grid-cols-[128px_minmax(0,1fr)] gap-3 border-b border-line py-2">
      <dt className="text-meta text-ink-3">{label}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </div>
  );
}
