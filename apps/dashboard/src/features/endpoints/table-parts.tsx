import type { ReactNode } from 'react';
import { join } from '../../ui/join.ts';

/** A titled table over the full width of the page. */
export function TableSection({
  label,
  title,
  foot,
  children,
}: {
  label: string;
  title?: string;
  foot?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section aria-label={label}>
      {title && <h2 className="px-6 pb-2 font-section max-sm:px-4">{title}</h2>}
      <div className="overflow-x-auto border-t border-line">
        <table className="w-full table-fixed border-separate border-spacing-0">
          <caption className="sr-only">{label}</caption>
          {children}
        </table>
      </div>
      {foot && <p className="px-6 pt-2 text-meta text-ink-3 max-sm:px-4">{foot}</p>}
    </section>
  );
}

interface CellProps {
  readonly children: ReactNode;
  readonly isFigure?: boolean;
  readonly className?: string;
}

export function Th({ children, isFigure = false, className }: CellProps) {
  return (
    <th
      scope="col"
      className={join(
        'h-8 border-b border-line pr-3 text-head font-regular text-ink-3 last:pr-6 max-sm:last:pr-4',
        isFigure ? 'text-right' : 'text-left',
        className,
      )}
    >
      {children}
    </th>
  );
}

export function Td({ children, isFigure = false, className }: CellProps) {
  return (
    <td
      className={join(
        'overflow-hidden pr-3 align-middle',
        isFigure && 'figures text-right whitespace-nowrap',
        className,
      )}
    >
      {children}
    </td>
  );
}
