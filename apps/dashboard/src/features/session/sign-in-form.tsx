'use client';

import { type ReactNode, type SubmitEvent, useEffect, useRef, useState } from 'react';
import { codePath } from '../../lib/own-path.ts';
import { Button } from '../../ui/button.tsx';
import { join } from '../../ui/join.ts';
import { emailFault, passwordFault, problemText, type SignInProblem } from './sign-in-problem.ts';

export interface SignInFormProps {
  readonly next: string;
  readonly initialProblem: SignInProblem | null;
}

type Faults = { readonly email: string | null; readonly password: string | null };

/** A plain form that works before its script has come; with it, errors stand under their field and the wait is counted. */
export function SignInForm({ next, initialProblem }: SignInFormProps) {
  const [problem, setProblem] = useState(initialProblem);
  const [faults, setFaults] = useState<Faults>({ email: null, password: null });
  const [isBusy, setIsBusy] = useState(false);
  const email = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const nowMs = useClock(problem?.kind === 'throttled' && problem.untilMs !== null);
  const isBarred = problem?.kind === 'throttled' && problem.untilMs !== null && nowMs < problem.untilMs;

  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy || isBarred || !email.current || !password.current) return;
    const found = { email: emailFault(email.current.value), password: passwordFault(password.current.value) };
    setFaults(found);
    setProblem(null);
    if (found.email) return email.current.focus();
    if (found.password) return password.current.focus();
    setIsBusy(true);
    const failure = await signIn(email.current.value.trim(), password.current.value);
    // A whole new page, so that nothing drawn for nobody stays. It stays busy until that has come.
    if (failure === 'signed-in') return location.assign(next);
    if (failure === 'code-wanted') return location.assign(codePath(next));
    setIsBusy(false);
    setProblem(failure);
    if (failure.kind === 'wrong') {
      password.current.focus();
      password.current.select();
    }
  };

  return (
    <form
      method="post"
      action="/sign-in/submit"
      onSubmit={submit}
      noValidate
      className="flex w-full max-w-[360px] flex-col gap-4"
    >
      <input type="hidden" name="next" value={next} />
      <Field label="E-mail" name="email" fault={faults.email}>
        <input
          ref={email}
          id="email"
          name="email"
          type="email"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          maxLength={320}
          aria-invalid={faults.email !== null}
          aria-describedby={faults.email ? 'email-fault' : undefined}
          onBlur={(event) => {
            // Not on the way to the button: a line that appears would move it away under the pointer.
            if (event.target.value === '' || event.relatedTarget instanceof HTMLButtonElement) return;
            const fault = emailFault(event.target.value);
            setFaults((now) => ({ ...now, email: fault }));
          }}
          onChange={() => setFaults((now) => (now.email === null ? now : { ...now, email: null }))}
          className={fieldLook(faults.email !== null)}
        />
      </Field>
      <Field label="Password" name="password" fault={faults.password}>
        <input
          ref={password}
          id="password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={1024}
          aria-invalid={faults.password !== null || problem?.kind === 'wrong'}
          aria-describedby={faults.password ? 'password-fault' : 'problem'}
          onChange={() => setFaults((now) => (now.password === null ? now : { ...now, password: null }))}
          className={fieldLook(faults.password !== null || problem?.kind === 'wrong')}
        />
      </Field>
      <p
        id="problem"
        role="alert"
        className={join('empty:hidden', problem?.kind === 'throttled' ? 'text-ochre' : 'text-cinnabar')}
      >
        {problem && problemText(problem, nowMs)}
      </p>
      <Button tone="primary" type="submit" disabled={isBusy || isBarred} className="h-9">
        Sign in
      </Button>
    </form>
  );
}

function Field({
  label,
  name,
  fault,
  children,
}: {
  label: string;
  name: string;
  fault: string | null;
  children: ReactNode;
}) {
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={name} className="font-button">
        {label}
      </label>
      {children}
      {fault && (
        <p id={`${name}-fault`} className="text-cinnabar">
          {fault}
        </p>
      )}
    </div>
  );
}

function fieldLook(isWrong: boolean): string {
  return join(
    'h-9 w-full rounded-button border bg-surface px-3 text-prose text-ink max-sm:h-11 max-sm:text-title',
    isWrong ? 'border-cinnabar' : 'border-control',
  );
}

async function signIn(email: string, password: string): Promise<SignInProblem | 'signed-in' | 'code-wanted'> {
  let answer: Response;
  try {
    answer = await fetch('/api/dashboard/v1/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password }),
    });
  } catch {
    return { kind: navigator.onLine ? 'no-contact' : 'offline' };
  }
  if (answer.status === 202) return 'code-wanted';
  if (answer.ok) return 'signed-in';
  if (answer.status === 429) {
    const seconds = Number(answer.headers.get('retry-after'));
    return { kind: 'throttled', untilMs: seconds > 0 ? performance.now() + seconds * 1000 : null };
  }
  if (answer.status === 403) return { kind: 'other-site' };
  return { kind: answer.status < 500 ? 'wrong' : 'no-contact' };
}

/** `performance.now()`, moving four times a second while `isRunning`. */
function useClock(isRunning: boolean): number {
  const [nowMs, setNowMs] = useState(0);
  useEffect(() => {
    if (!isRunning) return;
    setNowMs(performance.now());
    const timer = setInterval(() => setNowMs(performance.now()), 250);
    return () => clearInterval(timer);
  }, [isRunning]);
  return nowMs;
}
