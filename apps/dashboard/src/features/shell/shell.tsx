import type { SessionAnswer } from '@portico/api-contract/dashboard';
import { Ban } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Theme } from '../../lib/theme.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { Mark, Wordmark } from '../../ui/mark.tsx';
import { Strip } from '../../ui/strip.tsx';
import { PaletteButton, PaletteHost } from '../palette/palette-host.tsx';
import { AccountMenu } from './account-menu.tsx';
import { Navigation } from './navigation.tsx';

export interface ShellProps {
  readonly session: SessionAnswer;
  readonly accountId: string;
  readonly theme: Theme;
  readonly children: ReactNode;
}

/**
 * The frame of every signed-in page: a sidebar of 216, of 52 with icons only below 1100, a bar at the bottom below 640. It
 * lists what exists and nothing else.
 */
export function Shell({ session, accountId, theme, children }: ShellProps) {
  const account = session.accounts.find((candidate) => candidate.id === accountId);
  return (
    <PaletteHost>
      <div className="flex h-dvh flex-col-reverse sm:flex-row">
        <a
          href="#content"
          className="fixed top-2 left-2 z-20 -translate-y-16 rounded-button bg-primary px-3 py-1.5 text-on-primary focus:translate-y-0"
        >
          Skip to content
        </a>
        <aside className="flex shrink-0 border-line bg-canvas max-sm:h-[62px] max-sm:border-t sm:w-[52px] sm:flex-col sm:border-r md:w-[216px]">
          <div className="flex h-[52px] shrink-0 items-center gap-2.5 px-[18px] max-md:justify-center max-md:px-0 max-sm:hidden">
            <Mark />
            <Wordmark className="mt-[5px] max-md:hidden" />
          </div>
          <p className="truncate px-[18px] pb-3 font-button text-ink-2 max-md:hidden" title={account?.name}>
            {account?.name}
          </p>
          <PaletteButton />
          <Navigation accountId={accountId} />
          <AccountMenu session={session} accountId={accountId} theme={theme} />
        </aside>
        <div className="flex min-h-0 min-w-0 flex-1 flex-col bg-surface">
          {account?.suspended && (
            <Strip icon={<Ban size={16} strokeWidth={1.75} />}>
              <strong className="font-strong">This account is suspended</strong> since{' '}
              <LocalTime iso={account.suspended.since} className="figures" />: {account.suspended.reason}. You can look,
              not change; ask the operator.
            </Strip>
          )}
          {children}
        </div>
      </div>
    </PaletteHost>
  );
}
