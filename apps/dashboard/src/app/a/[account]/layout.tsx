import { cookies, headers } from 'next/headers';
import { notFound, redirect } from 'next/navigation';
import type { ReactNode } from 'react';
import { AccountProvider } from '../../../features/account/account-provider.tsx';
import { LiveProvider } from '../../../features/live/live-provider.tsx';
import { NoContact } from '../../../features/session/no-contact.tsx';
import { SecondFactorWanted } from '../../../features/session/second-factor-wanted.tsx';
import { Shell } from '../../../features/shell/shell.tsx';
import { signInPath } from '../../../lib/own-path.ts';
import { readSession } from '../../../lib/server/api.ts';
import { themeCookie, themeOf } from '../../../lib/theme.ts';

interface AccountLayoutProps {
  readonly params: Promise<{ account: string }>;
  readonly children: ReactNode;
}

/** Everything under `/a/<account>`: someone is signed in, and the account is theirs. */
export default async function AccountLayout({ params, children }: AccountLayoutProps) {
  const { account } = await params;
  const session = await readSession();
  if (session.kind === 'no-contact') return <NoContact />;
  if (session.kind !== 'ok') redirect(signInPath((await headers()).get('portico-page-path') ?? '/'));
  const { user, accounts, csrfToken } = session.value;
  const membership = accounts.find((candidate) => candidate.id === account);
  if (!membership) notFound();
  if (membership.wantsSecondFactor) return <SecondFactorWanted account={membership.name} csrfToken={csrfToken} />;
  const theme = themeOf((await cookies()).get(themeCookie)?.value);
  return (
    <AccountProvider
      accountId={account}
      role={membership.role}
      permissions={membership.permissions}
      isOperator={user.isOperator}
      userId={user.id}
      userEmail={user.email}
      userName={user.name}
      csrfToken={csrfToken}
    >
      <LiveProvider accountId={account}>
        <Shell session={session.value} accountId={account} theme={theme}>
          {children}
        </Shell>
      </LiveProvider>
    </AccountProvider>
  );
}
