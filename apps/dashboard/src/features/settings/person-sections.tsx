'use client';

import { type SubmitEvent, useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { newPasswordFault, newPasswordHelp } from '../joining/new-password.ts';
import { emailFault } from '../session/sign-in-problem.ts';
import { type Outcome, OutcomeLine, Section } from './section.tsx';
import type { SecurityFacts } from './security.ts';
import type { RunConfirmed } from './use-confirmed.tsx';

export interface PersonSectionProps {
  readonly facts: SecurityFacts;
  readonly csrfToken: string;
  readonly run: RunConfirmed;
  readonly reload: () => Promise<void>;
}

export function ProfileSection({ facts, csrfToken, reload }: PersonSectionProps) {
  const [name, setName] = useState(facts.user.name);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const save = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const answer = await askDashboard('PATCH', '/profile', {
      body: { name: name.trim() },
      csrf: csrfToken,
      read: nothing,
    });
    setOutcome(answer.kind === 'ok' ? { isGood: true, text: 'Saved.' } : { isGood: false, text: whyNot(answer) });
    await reload();
  };
  return (
    <Section id="profile" title="Profile">
      <form onSubmit={save} className="flex flex-col items-start gap-4">
        <div className="w-full">
          <TextField
            label="Name"
            name="name"
            autoComplete="name"
            maxLength={200}
            help="As your team sees you."
            value={name}
            onChange={(event) => {
              setName(event.target.value);
              setOutcome(null);
            }}
          />
        </div>
        <OutcomeLine outcome={outcome} />
        <Button tone="secondary" type="submit" disabled={name.trim() === '' || name.trim() === facts.user.name}>
          Save name
        </Button>
      </form>
    </Section>
  );
}

export function EmailSection({ facts, csrfToken, run }: PersonSectionProps) {
  const [email, setEmail] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const change = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const found = emailFault(email);
    setFault(found);
    if (found) return;
    const body = { email };
    const answer = await run(() => askDashboard('POST', '/email', { body, csrf: csrfToken, read: nothing }));
    setOutcome(
      answer.kind === 'ok'
        ? { isGood: true, text: `A link is on its way to ${email.trim()}. The address counts when you have opened it.` }
        : { isGood: false, text: whyNot(answer) },
    );
  };
  const verify = async () => {
    const answer = await askDashboard('POST', '/email/verify', { csrf: csrfToken, read: nothing });
    setOutcome(
      answer.kind === 'ok'
        ? { isGood: true, text: `A link is on its way to ${facts.user.email}.` }
        : { isGood: false, text: whyNot(answer) },
    );
  };
  return (
    <Section
      id="email"
      title="E-mail"
      about="You sign in with it, and hear there of changes to how you sign in. A change ends all your sessions."
    >
      <div className="flex flex-wrap items-center gap-3">
        <span className="font-button wrap-anywhere">{facts.user.email}</span>
        <Chip tone={facts.emailVerified ? 'works' : 'waiting'}>
          {facts.emailVerified ? 'confirmed' : 'not confirmed'}
        </Chip>
        {!facts.emailVerified && (
          <Button tone="secondary" onClick={verify}>
            Send a link
          </Button>
        )}
      </div>
      <form onSubmit={change} noValidate className="flex flex-col items-start gap-4">
        <div className="w-full">
          <TextField
            label="New address"
            name="new-email"
            type="email"
            autoComplete="email"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={320}
            fault={fault}
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
        </div>
        <OutcomeLine outcome={outcome} />
        <Button tone="secondary" type="submit" disabled={email === ''}>
          Change address
        </Button>
      </form>
    </Section>
  );
}

export function PasswordSection({ facts, csrfToken, run, reload }: PersonSectionProps) {
  const [values, setValues] = useState({ current: '', password: '' });
  const [faults, setFaults] = useState<{ current: string | null; password: string | null }>({
    current: null,
    password: null,
  });
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const save = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fault = newPasswordFault(values.password);
    setFaults({ current: null, password: fault });
    if (fault) return;
    const body = facts.hasPassword ? values : { password: values.password };
    const answer = await run(() => askDashboard('POST', '/password', { body, csrf: csrfToken, read: nothing }));
    if (answer.kind === 'ok') {
      setValues({ current: '', password: '' });
      setOutcome({ isGood: true, text: 'The new password counts. Your other browsers are signed out.' });
      return reload();
    }
    const isWrong = answer.kind === 'refused' && answer.refusal.code === 4001;
    if (isWrong) setFaults({ current: 'This is not your password.', password: null });
    else setOutcome({ isGood: false, text: whyNot(answer) });
  };
  return (
    <Section
      id="password"
      title="Password"
      about={
        facts.hasPassword ? undefined : 'You have none: you sign in with a passkey or through an identity provider.'
      }
    >
      <form onSubmit={save} noValidate className="flex flex-col items-start gap-4">
        <input type="hidden" autoComplete="username" value={facts.user.email} readOnly />
        {facts.hasPassword && (
          <div className="w-full">
            <TextField
              label="Current password"
              name="current"
              type="password"
              autoComplete="current-password"
              maxLength={1024}
              fault={faults.current}
              value={values.current}
              onChange={(event) => setValues({ ...values, current: event.target.value })}
            />
          </div>
        )}
        <div className="w-full">
          <TextField
            label="New password"
            name="password"
            type="password"
            autoComplete="new-password"
            maxLength={1024}
            help={newPasswordHelp}
            fault={faults.password}
            value={values.password}
            onChange={(event) => setValues({ ...values, password: event.target.value })}
          />
        </div>
        <OutcomeLine outcome={outcome} />
        <Button tone="secondary" type="submit" disabled={values.password === ''}>
          {facts.hasPassword ? 'Change password' : 'Set a password'}
        </Button>
      </form>
    </Section>
  );
}
