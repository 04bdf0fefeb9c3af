'use client';

import { Waypoints } from 'lucide-react';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { endpointsPath } from '../../lib/own-path.ts';
import { join } from '../../ui/join.ts';
import { useLive } from '../live/live-provider.tsx';

export function Navigation({ accountId }: { accountId: string }) {
  const path = usePathname();
  const { overview } = useLive();
  const groups = [
    {
      name: 'Traffic',
      pages: [
        {
          label: 'Endpoints',
          href: endpointsPath(accountId),
          Icon: Waypoints,
          count: overview?.value.endpointCount ?? null,
        },
      ],
    },
  ];
  return (
    <nav
      aria-label="Pages"
      className="min-h-0 flex-1 overflow-y-auto max-sm:flex max-sm:overflow-visible sm:px-2 sm:pt-1"
    >
      {groups.map((group) => (
        <section key={group.name} className="max-sm:contents" aria-labelledby={`nav-${group.name}`}>
          <h2 id={`nav-${group.name}`} className="px-2.5 pb-1.5 text-meta font-regular text-ink-3 max-md:sr-only">
            {group.name}
          </h2>
          <ul className="max-sm:contents">
            {group.pages.map(({ label, href, Icon, count }) => {
              const isHere = path === href || path.startsWith(`${href}/`);
              return (
                <li key={href} className="relative max-sm:flex max-sm:flex-1">
                  <Link
                    href={href}
                    prefetch={false}
                    title={label}
                    aria-current={isHere ? 'page' : undefined}
                    className={join(
                      'flex h-[30px] items-center gap-2.5 rounded-button px-2.5 max-md:h-9 max-md:justify-center max-md:px-0 max-sm:h-full max-sm:w-full max-sm:flex-col max-sm:gap-0.5 max-sm:rounded-none max-sm:border-t-2',
                      isHere
                        ? 'bg-surface font-strong text-ink ring-1 ring-inset ring-line max-sm:border-ink max-sm:bg-canvas max-sm:ring-0'
                        : 'text-ink-2 hover:bg-hover hover:text-ink max-sm:border-transparent',
                    )}
                  >
                    <Icon
                      strokeWidth={1.75}
                      aria-hidden
                      className={join('size-[15px] shrink-0 max-md:size-[17px] max-sm:size-5', isHere && 'text-ink')}
                    />
                    <span className="max-md:sr-only max-sm:not-sr-only max-sm:text-label">{label}</span>
                    {count !== null && (
                      <span className="figures ml-auto text-meta font-regular text-ink-3 max-md:hidden">{count}</span>
                    )}
                  </Link>
                </li>
              );
            })}
          </ul>
        </section>
      ))}
    </nav>
  );
}
