import type { Metadata } from 'next';
import { ChoosePasswordForm } from '../../../features/joining/choose-password-form.tsx';
import { EntryFrame } from '../../../features/session/entry-frame.tsx';

export const metadata: Metadata = { title: 'Choose a new password' };

export default function ChoosePasswordPage() {
  return (
    <EntryFrame title="A new password">
      <ChoosePasswordForm />
    </EntryFrame>
  );
}
