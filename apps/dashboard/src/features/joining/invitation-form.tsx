'use client';

import { useEffect, useState } from 'react';
import { askDashboard, type DashboardAnswer, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { roleName } from '../../lib/roles.ts';
import { object, oneOf, type Reader, text } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { quietLink } from '../session/entry-frame.tsx';
import { useLinkToken } from './link-token.ts';
import { type NewPerson, NewPersonForm } from './new-person-form.tsx';

interface Facts {
  readonly account: string;
  readonly email: string;
  readonly role: string;
  readonly invitedBy: string;
  readonly state: 'open' | 'link-expired';
}
const readFacts: Reader<Facts> = object({
  account: text,
  email: text,
  role: text,
  invitedBy: text,
  state: oneOf('open', 'link-expired'),
});

export interface InvitationFormProps {
  /** Who is signed in in this browser. */
  readonly person: { readonly email: string; readonly csrfToken: string } | null;
}

/** Joining an account: as who is signed in, as somebody new, or after signing in. */
export function InvitationForm({ person }: InvitationFormProps) {
  const token = useLinkToken();
  const [facts, setFacts] = useState<DashboardAnswer<Facts> | null>(null);
  useEffect(() => {
    if (!token) return;
    const leaving = new AbortController();
    void askDashboard('POST', '/invitation/look', { body: { token }, read: readFacts, signal: leaving.signal }).then(
      (answer) => {
        if (!leaving.signal.aborted) setFacts(answer);
      },
    );
    return () => leaving.abort();
  }, [token]);

  if (token === '')
    return <p className="text-prose text-ink-2">This address is not whole. Open the link of the mail again.</p>;
  if (facts === null || token === null) return <p className="show-late text-ink-3">Looking at the invitation…</p>;
  if (facts.kind !== 'ok') {
    return (
      <p role="alert" className="text-prose text-cinnabar">
        {whyNot(facts)}
      </p>
    );
  }
  const { account, email, role, invitedBy, state } = facts.value;
  return (
    <div className="flex flex-col gap-5">
      <p className="text-prose text-ink-2">
        <UntrustedText text={invitedBy} /> invites <strong className="font-strong text-ink">{email}</strong> to work in{' '}
        <strong className="font-strong text-ink">
          <UntrustedText text={account} />
        </strong>{' '}
        as {roleName(role)}.
      </p>
      {state === 'link-expired' ? (
        <FreshLink token={token} email={email} />
      ) : person === null ? (
        <AsNewPerson token={token} email={email} />
      ) : person.email === email ? (
        <AsMyself token={token} csrfToken={person.csrfToken} />
      ) : (
        <p className="text-prose text-ink-2">
          You are signed in as {person.email}. Sign out first, then open the link again.
        </p>
      )}
    </div>
  );
}

function FreshLink({ token, email }: { token: string; email: string }) {
  const [state, setState] = useState<'open' | 'busy' | 'sent'>('open');
  const [problem, setProblem] = useState<string | null>(null);
  const send = async () => {
    setState('busy');
    const answer = await askDashboard('POST', '/invitation/fresh', { body: { token }, read: nothing });
    setState(answer.kind === 'ok' ? 'sent' : 'open');
    setProblem(answer.kind === 'ok' ? null : whyNot(answer));
  };
  if (state === 'sent') return <p role="status">Another link is on its way to {email}.</p>;
  return (
    <div className="flex flex-col gap-4">
      <p className="text-ink-2">The invitation is still open, but this link was for half an hour only.</p>
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
      <Button tone="primary" className="h-9" disabled={state === 'busy'} onClick={send}>
        Send another link
      </Button>
    </div>
  );
}

function AsMyself({ token, csrfToken }: { token: string; csrfToken: string }) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const accept = async () => {
    setBusy(true);
    const answer = await askDashboard('POST', '/invitation/accept', {
      body: { token },
      csrf: csrfToken,
      read: nothing,
    });
    if (answer.kind === 'ok') return location.assign('/');
    setBusy(false);
    setProblem(whyNot(answer));
  };
  return (
    <div className="flex flex-col gap-4">
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
      <Button tone="primary" className="h-9" disabled={isBusy} onClick={accept}>
        Join the account
      </Button>
    </div>
  );
}

function AsNewPerson({ token, email }: { token: string; email: string }) {
  const accept = async ({ name, password }: NewPerson) => {
    const answer = await askDashboard('POST', '/invitation/accept', { body: { token, name, password }, read: nothing });
    if (answer.kind !== 'ok') {
      const isKnown = answer.kind === 'refused' && answer.refusal.code === 4010;
      return isKnown ? `${email} has a user here already.` : whyNot(answer);
    }
    location.assign('/');
    return null;
  };
  return (
    <NewPersonForm email={email} submit="Join the account" onSubmit={accept}>
      <p className="text-meta text-ink-3">
        Do you have a user here?{' '}
        <a href="/sign-in" target="_blank" rel="noreferrer" className={quietLink}>
          Sign in
        </a>{' '}
        as {email}, then load this page again.
      </p>
    </NewPersonForm>
  );
}
