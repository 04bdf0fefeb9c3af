import { cookies, headers } from 'next/headers';
import { notFound, redirect } from 'next/navigation';
import type { ReactNode } from 'react';
import { LiveProvider } from '../../../features/live/live-provider.tsx';
import { NoContact } from '../../../features/session/no-contact.tsx';
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
  if (!session.value.accounts.some((candidate) => candidate.id === account)) notFound();
  const theme = themeOf((await cookies()).get(themeCookie)?.value);
  return (
    <LiveProvider accountId={account}>
      <Shell session={session.value} accountId={account} theme={theme}>
        {children}
      </Shell>
    </LiveProvider>
  );
}
