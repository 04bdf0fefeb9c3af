'use client';

import type { Permission } from '@portico/api-contract/identity';
import { Ellipsis } from 'lucide-react';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useEffect, useId, useRef } from 'react';
import { join } from '../../ui/join.ts';
import { useAccount } from '../account/account-provider.tsx';
import { useLive } from '../live/live-provider.tsx';
import { PaletteBarItem } from '../palette/palette-host.tsx';
import { type PageLink, pageGroups } from './pages.ts';

/** Whether a page is shown to somebody; the API decides again what it holds. */
export function isOpen(page: PageLink, may: (permission: Permission) => boolean, isOperator: boolean): boolean {
  return (page.needs === undefined || may(page.needs)) && (page.isForOperators !== true || isOperator);
}

/** The pages: a list in the sidebar; on small screens a bar of a few, with all others under More. */
export function Navigation({ accountId }: { accountId: string }) {
  const path = usePathname();
  const { overview } = useLive();
  const countOf = (page: PageLink): number | null => {
    if (!page.counts || !overview) return null;
    return page.counts === 'endpoints' ? overview.value.endpointCount : overview.value.sessionCount;
  };
  const { may, isOperator } = useAccount();
  const groups = pageGroups
    .map((group) => ({ ...group, pages: group.pages.filter((page) => isOpen(page, may, isOperator)) }))
    .filter(({ pages }) => pages.length > 0);
  const hrefOf = (page: PageLink): string => `/a/${encodeURIComponent(accountId)}/${page.path}`;
  const isHere = (page: PageLink): boolean => path === hrefOf(page) || path.startsWith(`${hrefOf(page)}/`);
  const list = useRef<HTMLElement>(null);
  // The list may be longer than the screen is high.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page is another place in the list
  useEffect(() => {
    list.current?.querySelector('[aria-current=page]')?.scrollIntoView({ block: 'nearest' });
  }, [path]);
  return (
    <>
      <nav ref={list} aria-label="Pages" className="min-h-0 flex-1 overflow-y-auto px-2 pt-1 max-sm:hidden">
        {groups.map((group) => (
          <section key={group.name} aria-labelledby={`nav-${group.name}`} className="pb-3 max-md:pb-1.5">
            <h2 id={`nav-${group.name}`} className="px-2.5 pb-1 text-meta font-regular text-ink-3 max-md:sr-only">
              {group.name}
            </h2>
            <ul>
              {group.pages.map((page) => (
                <li key={page.path} className="relative">
                  <Link
                    href={hrefOf(page)}
                    prefetch={false}
                    title={page.label}
                    aria-current={isHere(page) ? 'page' : undefined}
                    className={join(
                      'flex h-[30px] scroll-my-3 items-center gap-2.5 rounded-button px-2.5 max-md:h-9 max-md:justify-center max-md:px-0',
                      isHere(page)
                        ? 'bg-surface font-strong text-ink ring-1 ring-inset ring-line'
                        : 'text-ink-2 hover:bg-hover hover:text-ink',
                    )}
                  >
                    <page.Icon strokeWidth={1.75} aria-hidden className="size-[15px] shrink-0 max-md:size-[17px]" />
                    <span className="max-md:sr-only">{page.label}</span>
                    {countOf(page) !== null && (
                      <span className="figures ml-auto text-meta font-regular text-ink-3 max-md:hidden">
                        {countOf(page)}
                      </span>
                    )}
                  </Link>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </nav>
      <Bar pages={groups.flatMap(({ pages }) => pages)} hrefOf={hrefOf} isHere={isHere} />
    </>
  );
}

interface BarProps {
  readonly pages: readonly PageLink[];
  readonly hrefOf: (page: PageLink) => string;
  readonly isHere: (page: PageLink) => boolean;
}

const barItem = 'flex h-full w-full flex-1 flex-col items-center justify-center gap-0.5 border-t-2 text-label';

function Bar({ pages: all, hrefOf, isHere }: BarProps) {
  const id = useId();
  const others = all.filter(({ isInBar }) => !isInBar);
  const tone = (on: boolean): string => (on ? 'border-ink font-strong text-ink' : 'border-transparent text-ink-2');
  return (
    <nav aria-label="Pages" className="flex flex-[5] sm:hidden">
      {all
        .filter(({ isInBar }) => isInBar)
        .map((page) => (
          <Link
            key={page.path}
            href={hrefOf(page)}
            prefetch={false}
            aria-current={isHere(page) ? 'page' : undefined}
            className={join(barItem, tone(isHere(page)))}
          >
            <page.Icon size={20} strokeWidth={1.75} aria-hidden />
            {page.label}
          </Link>
        ))}
      <PaletteBarItem className={join(barItem, tone(false))} />
      <button type="button" popoverTarget={id} className={join(barItem, tone(others.some(isHere)))}>
        <Ellipsis size={20} strokeWidth={1.75} aria-hidden />
        More
      </button>
      <div
        id={id}
        popover="auto"
        className="fixed inset-auto right-2 bottom-[70px] left-2 m-0 max-h-[70dvh] overflow-y-auto rounded-panel border border-line-strong bg-raised p-2 text-ink shadow-floating"
      >
        <ul>
          {others.map((page) => (
            <li key={page.path}>
              <Link
                href={hrefOf(page)}
                prefetch={false}
                aria-current={isHere(page) ? 'page' : undefined}
                onClick={(event) => event.currentTarget.closest<HTMLElement>('[popover]')?.hidePopover()}
                className={join(
                  'flex h-11 items-center gap-3 rounded-button px-3',
                  isHere(page) && 'bg-hover font-strong',
                )}
              >
                <page.Icon size={20} strokeWidth={1.75} aria-hidden className="text-ink-2" />
                {page.label}
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </nav>
  );
}
