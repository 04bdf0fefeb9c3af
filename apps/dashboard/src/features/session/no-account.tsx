import { Notice } from '../../ui/notice.tsx';
import { SignOutButton } from './sign-out-button.tsx';

export function NoAccount({ email, csrfToken }: { email: string; csrfToken: string }) {
  return (
    <main className="min-h-dvh bg-surface pt-[12dvh]">
      <Notice title="You belong to no account" lit={0}>
        <p>{email} was removed from its last account. An administrator of an account can invite you again.</p>
        <SignOutButton csrfToken={csrfToken} />
      </Notice>
    </main>
  );
}
