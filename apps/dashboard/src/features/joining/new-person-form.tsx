'use client';

import { type ReactNode, type SubmitEvent, useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { emailFault } from '../session/sign-in-problem.ts';
import { newPasswordFault } from './new-password.ts';
import { NewPasswordField } from './new-password-field.tsx';

export interface NewPerson {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

export interface NewPersonFormProps {
  /** Where it is settled already; asked for otherwise. */
  readonly email?: string;
  readonly submit: string;
  /** Gives what is to be said when it did not happen; null: somebody else goes on from here. */
  readonly onSubmit: (person: NewPerson) => Promise<string | null>;
  readonly children?: ReactNode;
}

/** Who somebody new is: at sign-up and by an invitation. */
export function NewPersonForm({ email, submit, onSubmit, children }: NewPersonFormProps) {
  const [values, setValues] = useState<NewPerson>({ name: '', email: email ?? '', password: '' });
  const [faults, setFaults] = useState<{ email: string | null; password: string | null }>({
    email: null,
    password: null,
  });
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const send = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const found = {
      email: email === undefined ? emailFault(values.email) : null,
      password: newPasswordFault(values.password),
    };
    setFaults(found);
    if (isBusy || found.email || found.password) return;
    setBusy(true);
    setProblem(null);
    const said = await onSubmit(values);
    // The page that follows is on its way: the button stays as it is.
    if (said === null) return;
    setBusy(false);
    setProblem(said);
  };
  return (
    <form onSubmit={send} noValidate className="flex flex-col gap-4">
      <TextField
        id="name"
        label="Your name"
        isLarge
        autoComplete="name"
        maxLength={200}
        value={values.name}
        onChange={(event) => setValues({ ...values, name: event.target.value })}
      />
      {email === undefined ? (
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
      ) : (
        <input type="hidden" autoComplete="username" value={email} readOnly />
      )}
      <NewPasswordField
        label="Password"
        fault={faults.password}
        value={values.password}
        onChange={(password) => setValues({ ...values, password })}
      />
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
      <Button tone="primary" type="submit" disabled={isBusy} className="h-9">
        {submit}
      </Button>
      {children}
    </form>
  );
}
