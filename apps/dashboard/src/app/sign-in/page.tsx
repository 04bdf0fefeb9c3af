import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { CodeForm } from '../../features/session/code-form.tsx';
import { EntryFrame, quietLink } from '../../features/session/entry-frame.tsx';
import { OtherWays } from '../../features/session/other-ways.tsx';
import { SignInForm } from '../../features/session/sign-in-form.tsx';
import { problemOf, problemText } from '../../features/session/sign-in-problem.ts';
import { ownPath } from '../../lib/own-path.ts';
import { readSession, readSignInOptions } from '../../lib/server/api.ts';

export const metadata: Metadata = { title: 'Sign in' };

type Query = Promise<Record<string, string | string[] | undefined>>;

export default async function SignInPage({ searchParams }: { searchParams: Query }) {
  const query = await searchParams;
  const next = ownPath(typeof query.next === 'string' ? query.next : null);
  const problem = problemOf(typeof query.problem === 'string' ? query.problem : undefined);
  const [session, options] = await Promise.all([readSession(), readSignInOptions()]);
  if (session.kind === 'ok') redirect(next);
  if (query.step === 'code') {
    return (
      <EntryFrame title="One more step">
        <CodeForm next={next} initialProblem={problem ? problemText(problem, 0) : null} />
      </EntryFrame>
    );
  }
  const ways = options.kind === 'ok' ? options.value : null;
  return (
    <EntryFrame
      title="Sign in"
      foot={
        <>
          {ways?.signUp === 'open' && (
            <p>
              New here?{' '}
              <a href="/sign-up" className={quietLink}>
                Sign up
              </a>
            </p>
          )}
          {ways && ways.mail !== 'none' && (
            <p>
              <a href="/reset" className={quietLink}>
                Forgot your password?
              </a>
            </p>
          )}
          <p>First time here? The terminal in which Portico started shows the first e-mail and password.</p>
        </>
      }
    >
      <SignInForm
        next={next}
        initialProblem={problem ?? (session.kind === 'no-contact' ? { kind: 'no-contact' } : null)}
      />
      {ways && <OtherWays next={next} passkeys={ways.passkeys} providers={ways.providers} />}
    </EntryFrame>
  );
}
