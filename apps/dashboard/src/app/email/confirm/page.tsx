import type { Metadata } from 'next';
import { LinkStep } from '../../../features/joining/link-step.tsx';
import { EntryFrame } from '../../../features/session/entry-frame.tsx';

export const metadata: Metadata = { title: 'Confirm your address' };

export default function ConfirmEmailPage() {
  return (
    <EntryFrame title="Confirm your address">
      <LinkStep
        path="/email/finish"
        label="Confirm this address"
        about="With this you say that the address is yours. If you changed it, you sign in with it from now on."
        done="The address is confirmed."
      />
    </EntryFrame>
  );
}
