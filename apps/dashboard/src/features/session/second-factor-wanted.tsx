import { Notice } from '../../ui/notice.tsx';
import { SignOutButton } from './sign-out-button.tsx';

/** An account that wants a second factor, and somebody who signed in without one. */
export function SecondFactorWanted({ account, csrfToken }: { account: string; csrfToken: string }) {
  return (
    <main className="min-h-dvh bg-surface pt-[12dvh]">
      <Notice title={`${account} asks for a second factor`} lit={1}>
        <p>
          You signed in without one.{' '}
          <a href="/settings#codes" className="text-lapis underline underline-offset-2">
            Set up one-time codes or a passkey
          </a>
          , or sign in again with yours.
        </p>
        <SignOutButton csrfToken={csrfToken} />
      </Notice>
    </main>
  );
}
