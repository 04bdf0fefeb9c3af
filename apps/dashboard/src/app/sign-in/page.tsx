import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { SignInForm } from '../../features/session/sign-in-form.tsx';
import { problemOf } from '../../features/session/sign-in-problem.ts';
import { ownPath } from '../../lib/own-path.ts';
import { readSession } from '../../lib/server/api.ts';
import { Colonnade } from '../../ui/colonnade.tsx';
import { Mark, Wordmark } from '../../ui/mark.tsx';

export const metadata: Metadata = { title: 'Sign in' };

type Query = Promise<Record<string, string | string[] | undefined>>;

export default async function SignInPage({ searchParams }: { searchParams: Query }) {
  const query = await searchParams;
  const next = ownPath(typeof query.next === 'string' ? query.next : null);
  const problem = problemOf(typeof query.problem === 'string' ? query.problem : undefined);
  const session = await readSession();
  if (session.kind === 'ok') redirect(next);
  return (
    <main className="flex min-h-dvh">
      <div className="flex flex-1 flex-col items-center bg-canvas max-md:hidden">
        <Colonnade lit={4} className="mt-[calc(33dvh-48px)] h-auto w-[240px]" />
      </div>
      <div className="flex flex-1 flex-col bg-surface px-6 max-sm:px-4 md:border-l md:border-line">
        <div className="mx-auto mt-[calc(33dvh-120px)] w-full max-w-[360px] pb-12 max-sm:mt-12">
          <p className="mb-8 flex items-center gap-2.5">
            <Mark />
            <Wordmark className="mt-[5px]" />
          </p>
          <h1 className="mb-6 text-display">Sign in</h1>
          <SignInForm
            next={next}
            initialProblem={problem ?? (session.kind === 'no-contact' ? { kind: 'no-contact' } : null)}
          />
          <p className="mt-6 text-meta text-ink-3">
            First time here? The terminal in which Portico started shows the first e-mail and password.
          </p>
        </div>
      </div>
    </main>
  );
}
