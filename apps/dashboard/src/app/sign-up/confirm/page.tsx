import type { Metadata } from 'next';
import { LinkStep } from '../../../features/joining/link-step.tsx';
import { EntryFrame } from '../../../features/session/entry-frame.tsx';

export const metadata: Metadata = { title: 'Confirm your address' };

export default function ConfirmSignUpPage() {
  return (
    <EntryFrame title="One last step">
      <LinkStep
        path="/sign-up/verify"
        label="Make my account"
        about="Your address is confirmed with this. It makes your user and an account of your own."
      />
    </EntryFrame>
  );
}
