'use client';

import type { SessionAnswer } from '@portico/api-contract/dashboard';
import { Settings, UserRound } from 'lucide-react';
import { useId } from 'react';
import { overviewPath } from '../../lib/own-path.ts';
import { roleName } from '../../lib/roles.ts';
import type { Theme } from '../../lib/theme.ts';
import { ThemeSwitch } from '../../ui/theme-switch.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { SignOutButton } from '../session/sign-out-button.tsx';

export interface AccountMenuProps {
  readonly session: SessionAnswer;
  readonly accountId: string;
  readonly theme: Theme;
}

/** Who is signed in, the theme, the other accounts, and the way out. A native popover: Esc and a click outside close it. */
export function AccountMenu({ session, accountId, theme }: AccountMenuProps) {
  const id = useId();
  const { user, accounts } = session;
  const name = user.name || user.email;
  const others = accounts.filter((account) => account.id !== accountId);
  return (
    <div className="max-sm:flex max-sm:flex-1 sm:border-t sm:border-line sm:p-2">
      <button
        type="button"
        popoverTarget={id}
        className="flex h-9 w-full items-center gap-2.5 rounded-button px-2 text-ink-2 hover:bg-hover hover:text-ink max-md:justify-center max-md:px-0 max-sm:h-full max-sm:flex-col max-sm:gap-0.5 max-sm:rounded-none max-sm:border-t-2 max-sm:border-transparent"
      >
        <span
          aria-hidden
          className="inline-flex size-6 shrink-0 items-center justify-center rounded-full bg-wisteria-soft text-label font-strong text-wisteria max-sm:hidden"
        >
          {initials(name)}
        </span>
        <UserRound size={20} strokeWidth={1.75} aria-hidden className="sm:hidden" />
        <span className="truncate max-md:sr-only max-sm:hidden">{name}</span>
        <span className="text-label sm:sr-only">Account</span>
      </button>
      <div
        id={id}
        popover="auto"
        className="fixed inset-auto bottom-[54px] left-2 m-0 w-[264px] rounded-panel border border-line-strong bg-raised p-3 text-ink shadow-floating max-sm:right-2 max-sm:bottom-[70px] max-sm:left-auto"
      >
        <p className="truncate font-section">
          <UntrustedText text={name} />
        </p>
        {user.name && <p className="truncate text-meta text-ink-2">{user.email}</p>}
        <p className="text-meta text-ink-3">
          {roleName(accounts.find((account) => account.id === accountId)?.role ?? '')}
        </p>
        {others.length > 0 && (
          <ul className="mt-3 border-t border-line pt-2">
            {others.map((account) => (
              <li key={account.id}>
                <a
                  href={overviewPath(account.id)}
                  className="flex h-[30px] items-center rounded-button px-2 hover:bg-hover max-sm:h-11"
                >
                  <span className="truncate">{account.name}</span>
                </a>
              </li>
            ))}
          </ul>
        )}
        <a
          href={`/a/${encodeURIComponent(accountId)}/settings`}
          className="mt-3 flex h-[30px] items-center gap-2 rounded-button px-2 hover:bg-hover max-sm:h-11"
        >
          <Settings size={15} strokeWidth={1.75} aria-hidden className="text-ink-3" />
          Settings
        </a>
        <div className="mt-3 border-t border-line pt-3">
          <ThemeSwitch initial={theme} />
        </div>
        <div className="mt-3">
          <SignOutButton csrfToken={session.csrfToken} />
        </div>
      </div>
    </div>
  );
}

function initials(name: string): string {
  const words = name.split(/[\s.@_-]+/).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => [...word][0] ?? '')
    .join('')
    .toUpperCase();
}
