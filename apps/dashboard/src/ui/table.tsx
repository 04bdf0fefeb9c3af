import type { ComponentProps, ReactNode } from 'react';
import { join } from './join.ts';

/*
 * Tables whose rows are grids: the columns of a width are named once, cells that do not fit are left out, and a line under a
 * row can span it. Some browsers forget that a table is one when it is laid out as a grid, hence the roles.
 */
const roles = {
  table: 'table',
  group: 'rowgroup',
  row: 'row',
  head: 'columnheader',
  name: 'rowheader',
  cell: 'cell',
} as const;

export interface TableSectionProps {
  readonly label: string;
  readonly title?: string | undefined;
  readonly foot?: ReactNode;
  readonly children: ReactNode;
}

/** A titled table over the full width of the page. */
export function TableSection({ label, title, foot, children }: TableSectionProps) {
  return (
    <section aria-label={label} className="@container">
      {title && <h2 className="px-6 pb-2 font-section max-sm:px-4">{title}</h2>}
      <table role={roles.table} aria-label={label} className="block border-t border-line">
        {children}
      </table>
      {foot && <p className="px-6 pt-2 text-meta text-ink-3 max-sm:px-4">{foot}</p>}
    </section>
  );
}

export function TableHead({ children }: { children: ReactNode }) {
  return (
    <thead role={roles.group} className="block">
      {children}
    </thead>
  );
}

export function TableBody(props: ComponentProps<'tbody'>) {
  return <tbody role={roles.group} className="block" {...props} />;
}

/** `columns` are Tailwind's grid columns, one set for each width of the table. */
export function Row({ columns, className, ...rest }: ComponentProps<'tr'> & { columns: string }) {
  return (
    <tr
      role={roles.row}
      className={join('grid items-center border-b border-line px-6 max-sm:px-4', columns, className)}
      {...rest}
    />
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
      role={roles.head}
      scope="col"
      className={join(
        'block min-w-0 truncate py-2 text-head font-regular text-ink-3',
        isFigure ? 'text-right' : 'pr-3 text-left',
        className,
      )}
    >
      {children}
    </th>
  );
}

/** The cell that says which row this is. */
export function NameCell({ children, className }: CellProps) {
  return (
    <th role={roles.name} scope="row" className={join('block min-w-0 pr-3 text-left font-regular', className)}>
      {children}
    </th>
  );
}

/** A line under the cells of its row, as wide as the columns from the second one on. */
export function LineCell({ children }: { children: ReactNode }) {
  return (
    <td role={roles.cell} className="col-span-full block min-w-0 pt-1.5 pb-1 pl-7">
      {children}
    </td>
  );
}

export function Td({ children, isFigure = false, className }: CellProps) {
  return (
    <td
      role={roles.cell}
      className={join('block min-w-0', isFigure ? 'figures text-right whitespace-nowrap' : 'pr-3', className)}
    >
      {children}
    </td>
  );
}
