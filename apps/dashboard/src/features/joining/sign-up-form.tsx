'use client';

import { useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { type NewPerson, NewPersonForm } from './new-person-form.tsx';

/** Asks for a user. Nothing is there before the link in the mail was opened; what is said here is the same for every address. */
export function SignUpForm() {
  const [sentTo, setSentTo] = useState<string | null>(null);
  const signUp = async (person: NewPerson) => {
    const answer = await askDashboard('POST', '/sign-up', { body: person, read: nothing });
    if (answer.kind !== 'ok') return whyNot(answer);
    setSentTo(person.email.trim());
    return null;
  };
  if (sentTo !== null) {
    return (
      <p role="status" className="text-prose text-ink-2">
        A link is on its way to <strong className="font-strong text-ink">{sentTo}</strong>. Open it within half an hour
        to finish.
      </p>
    );
  }
  return <NewPersonForm submit="Sign up" onSubmit={signUp} />;
}
