import type { Metadata } from 'next';
import { ResetForm } from '../../features/joining/reset-form.tsx';
import { EntryFrame, quietLink } from '../../features/session/entry-frame.tsx';
import { readSignInOptions } from '../../lib/server/api.ts';

export const metadata: Metadata = { title: 'Forgot your password' };

export default async function ResetPage() {
  const options = await readSignInOptions();
  const cannotMail = options.kind === 'ok' && options.value.mail === 'none';
  return (
    <EntryFrame
      title="Forgot your password?"
      foot={
        <>
          <p>
            <a href="/sign-in" className={quietLink}>
              Back to sign-in
            </a>
          </p>
          {options.kind === 'ok' && options.value.mail === 'mailbox' && (
            <p>
              Mail does not leave this machine yet: its operator finds the link in the{' '}
              <a href="/mailbox" className={quietLink}>
                mailbox
              </a>
              .
            </p>
          )}
        </>
      }
    >
      {cannotMail ? (
        <p className="text-prose text-ink-2">
          This server sends no mail, so it cannot send you a link. Ask its operator for help.
        </p>
      ) : (
        <ResetForm />
      )}
    </EntryFrame>
  );
}
