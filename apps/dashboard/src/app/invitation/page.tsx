import type { Metadata } from 'next';
import { InvitationForm } from '../../features/joining/invitation-form.tsx';
import { EntryFrame } from '../../features/session/entry-frame.tsx';
import { readSession } from '../../lib/server/api.ts';

export const metadata: Metadata = { title: 'Invitation' };

export default async function InvitationPage() {
  const session = await readSession();
  const person = session.kind === 'ok' ? { email: session.value.user.email, csrfToken: session.value.csrfToken } : null;
  return (
    <EntryFrame title="You are invited">
      <InvitationForm person={person} />
    </EntryFrame>
  );
}
