'use client';

import { type SubmitEvent, useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { Button } from '../../ui/button.tsx';
import { quietLink } from '../session/entry-frame.tsx';
import { useLinkToken } from './link-token.ts';
import { newPasswordFault } from './new-password.ts';
import { NewPasswordField } from './new-password-field.tsx';

/** The end of a forgotten password. Nobody is signed in by it: codes and passkeys are asked for as always. */
export function ChoosePasswordForm() {
  const token = useLinkToken();
  const [password, setPassword] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [state, setState] = useState<'open' | 'busy' | 'done'>('open');
  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const found = newPasswordFault(password);
    setFault(found);
    if (state === 'busy' || found) return;
    setState('busy');
    setProblem(null);
    const body = { token: token ?? '', password };
    const answer = await askDashboard('POST', '/password-reset/finish', { body, read: nothing });
    setState(answer.kind === 'ok' ? 'done' : 'open');
    if (answer.kind !== 'ok') setProblem(whyNot(answer));
  };
  if (token === '')
    return <p className="text-prose text-ink-2">This address is not whole. Open the link of the mail again.</p>;
  if (state === 'done') {
    return (
      <div role="status" className="flex flex-col gap-4 text-prose text-ink-2">
        <p>Your new password counts. All browsers that were signed in as you are signed out.</p>
        <a href="/sign-in" className={`${quietLink} self-start`}>
          Sign in
        </a>
      </div>
    );
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      <NewPasswordField label="New password" fault={fault} value={password} onChange={setPassword} />
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
      <Button tone="primary" type="submit" disabled={state === 'busy' || token === null} className="h-9">
        Choose this password
      </Button>
    </form>
  );
}
