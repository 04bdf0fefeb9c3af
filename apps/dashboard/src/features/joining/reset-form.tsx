'use client';

import { type SubmitEvent, useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { Button } from '../../ui/button.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { emailFault } from '../session/sign-in-problem.ts';

/** Asks for a link. The answer is the same whoever has the address. */
export function ResetForm() {
  const [email, setEmail] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [sentTo, setSentTo] = useState<string | null>(null);
  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const found = emailFault(email);
    setFault(found);
    if (isBusy || found) return;
    setBusy(true);
    setProblem(null);
    const answer = await askDashboard('POST', '/password-reset', { body: { email }, read: nothing });
    setBusy(false);
    if (answer.kind === 'ok') return setSentTo(email.trim());
    setProblem(whyNot(answer));
  };
  if (sentTo !== null) {
    return (
      <p role="status" className="text-prose text-ink-2">
        If somebody here has the address <strong className="font-strong text-ink">{sentTo}</strong>, a link is on its
        way. It works once, for half an hour.
      </p>
    );
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      <p className="text-prose text-ink-2">We send you a link with which you choose a new one.</p>
      <TextField
        id="email"
        label="E-mail"
        type="email"
        isLarge
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={320}
        fault={fault}
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
      <Button tone="primary" type="submit" disabled={isBusy} className="h-9">
        Send the link
      </Button>
    </form>
  );
}
