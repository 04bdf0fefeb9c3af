'use client';

import { type SubmitEvent, useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { Button } from '../../ui/button.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { emailFault } from '../session/sign-in-problem.ts';
import { newPasswordFault, newPasswordHelp } from './new-password.ts';

/** Asks for a user. Nothing is there before the link in the mail was opened; what is said here is the same for every address. */
export function SignUpForm() {
  const [values, setValues] = useState({ name: '', email: '', password: '' });
  const [faults, setFaults] = useState<{ email: string | null; password: string | null }>({
    email: null,
    password: null,
  });
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [sentTo, setSentTo] = useState<string | null>(null);

  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const found = { email: emailFault(values.email), password: newPasswordFault(values.password) };
    setFaults(found);
    if (isBusy || found.email || found.password) return;
    setBusy(true);
    setProblem(null);
    const answer = await askDashboard('POST', '/sign-up', { body: values, read: nothing });
    setBusy(false);
    if (answer.kind === 'ok') return setSentTo(values.email.trim());
    setProblem(whyNot(answer));
  };
  if (sentTo !== null) {
    return (
      <p role="status" className="text-prose text-ink-2">
        A link is on its way to <strong className="font-strong text-ink">{sentTo}</strong>. Open it within half an hour
        to finish.
      </p>
    );
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      <TextField
        id="name"
        label="Name"
        isLarge
        autoComplete="name"
        maxLength={200}
        value={values.name}
        onChange={(event) => setValues({ ...values, name: event.target.value })}
      />
      <TextField
        id="email"
        label="E-mail"
        type="email"
        isLarge
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={320}
        fault={faults.email}
        value={values.email}
        onChange={(event) => setValues({ ...values, email: event.target.value })}
      />
      <TextField
        id="password"
        label="Password"
        type="password"
        isLarge
        autoComplete="new-password"
        maxLength={1024}
        help={newPasswordHelp}
        fault={faults.password}
        value={values.password}
        onChange={(event) => setValues({ ...values, password: event.target.value })}
      />
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
      <Button tone="primary" type="submit" disabled={isBusy} className="h-9">
        Sign up
      </Button>
    </form>
  );
}
