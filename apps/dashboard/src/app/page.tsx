import { redirect } from 'next/navigation';
import { NoAccount } from '../features/session/no-account.tsx';
import { NoContact } from '../features/session/no-contact.tsx';
import { overviewPath, startPath } from '../lib/own-path.ts';
import { readOverview, readSession } from '../lib/server/api.ts';

/** Leads to the first account: to its overview, or to how to begin while it has had no tunnel; or to sign-in. */
export default async function Home() {
  const session = await readSession();
  if (session.kind === 'no-contact') return <NoContact />;
  if (session.kind !== 'ok') redirect('/sign-in');
  const account = session.value.accounts[0];
  if (!account) return <NoAccount email={session.value.user.email} csrfToken={session.value.csrfToken} />;
  const overview = await readOverview(account.id);
  const isNew = overview.kind === 'ok' && !overview.value.hadTunnel;
  redirect(isNew && account.permissions.includes('resources.write') ? startPath(account.id) : overviewPath(account.id));
}
