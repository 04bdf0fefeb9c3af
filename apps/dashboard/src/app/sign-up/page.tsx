import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { SignUpForm } from '../../features/joining/sign-up-form.tsx';
import { EntryFrame, quietLink } from '../../features/session/entry-frame.tsx';
import { NoContact } from '../../features/session/no-contact.tsx';
import { readSignInOptions } from '../../lib/server/api.ts';

export const metadata: Metadata = { title: 'Sign up' };

export default async function SignUpPage() {
  const options = await readSignInOptions();
  if (options.kind !== 'ok') return <NoContact />;
  if (options.value.signUp !== 'open') redirect('/sign-in');
  return (
    <EntryFrame
      title="Sign up"
      foot={
        <p>
          Do you have a user?{' '}
          <a href="/sign-in" className={quietLink}>
            Sign in
          </a>
        </p>
      }
    >
      <SignUpForm />
    </EntryFrame>
  );
}
