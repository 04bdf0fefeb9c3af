import type { Metadata } from 'next';
import { notFound, redirect } from 'next/navigation';
import { MailboxPage } from '../../features/mailbox/mailbox-page.tsx';
import { NoContact } from '../../features/session/no-contact.tsx';
import { signInPath } from '../../lib/own-path.ts';
import { readMailbox } from '../../lib/server/api.ts';

export const metadata: Metadata = { title: 'Mailbox' };

export default async function Page() {
  const mailbox = await readMailbox();
  if (mailbox.kind === 'signed-out') redirect(signInPath('/mailbox'));
  if (mailbox.kind === 'not-found') notFound();
  return mailbox.kind === 'ok' ? <MailboxPage {...mailbox.value} /> : <NoContact />;
}
