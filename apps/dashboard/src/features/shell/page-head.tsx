import type { ReactNode } from 'react';
import { Mark } from '../../ui/mark.tsx';

/** 52 high, 56 on small screens: title, state chips, then actions on the right. */
export function PageHead({ title, chips, children }: { title: string; chips?: ReactNode; children?: ReactNode }) {
  return (
    <header className="flex h-[52px] shrink-0 items-center gap-3 border-b border-line px-6 max-sm:h-14 max-sm:px-4">
      <Mark className="sm:hidden" />
      <h1 className="text-title">{title}</h1>
      <div className="flex min-w-0 gap-2 overflow-hidden">{chips}</div>
      <div className="ml-auto flex shrink-0 items-center gap-3">{children}</div>
    </header>
  );
}
