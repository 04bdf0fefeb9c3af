import type { ReactNode } from 'react';

/** One line over content that is no longer fresh: what is the matter, then what can be done. */
export function Strip({ icon, children, action }: { icon: ReactNode; children: ReactNode; action?: ReactNode }) {
  return (
    <div
      role="status"
      className="flex min-h-11 flex-wrap items-center gap-x-3 gap-y-2 border-b border-line bg-ochre-soft px-6 py-1.5 text-ochre max-sm:px-4"
    >
      <span className="shrink-0" aria-hidden>
        {icon}
      </span>
      <p className="min-w-0 flex-1 basis-60">{children}</p>
      {action}
    </div>
  );
}
