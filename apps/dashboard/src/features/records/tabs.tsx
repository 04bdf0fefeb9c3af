import Link from 'next/link';
import { join } from '../../ui/join.ts';

export interface Tab {
  readonly label: string;
  readonly href: string;
  readonly isHere: boolean;
}

/** Lists that share a page, each with its own URL. */
export function Tabs({ tabs, label }: { tabs: readonly Tab[]; label: string }) {
  return (
    <nav aria-label={label} className="flex gap-5 overflow-x-auto border-b border-line px-6 max-sm:px-4">
      {tabs.map(({ label: name, href, isHere }) => (
        <Link
          key={href}
          href={href}
          prefetch={false}
          aria-current={isHere ? 'page' : undefined}
          className={join(
            '-mb-px flex h-10 items-center border-b-2 whitespace-nowrap max-sm:h-11',
            isHere ? 'border-ink font-strong text-ink' : 'border-transparent text-ink-2 hover:text-ink',
          )}
        >
          {name}
        </Link>
      ))}
    </nav>
  );
}
