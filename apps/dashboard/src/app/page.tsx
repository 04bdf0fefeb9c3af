import { redirect } from 'next/navigation';
import { NoAccount } from '../features/session/no-account.tsx';
import { NoContact } from '../features/session/no-contact.tsx';
import { endpointsPath } from '../lib/own-path.ts';
import { readSession } from '../lib/server/api.ts';

/** Leads to the first account's endpoints, or to sign-in. */
export default async function Home() {
  const session = await readSession();
  if (session.kind === 'no-contact') return <NoContact />;
  if (session.kind !== 'ok') redirect('/sign-in');
  const account = session.value.accounts[0];
  if (!account) return <NoAccount email={session.value.user.email} csrfToken={session.value.csrfToken} />;
  redirect(endpointsPath(account.id));
}
