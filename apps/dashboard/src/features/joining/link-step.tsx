'use client';

import { useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { Button } from '../../ui/button.tsx';
import { quietLink } from '../session/entry-frame.tsx';
import { useLinkToken } from './link-token.ts';

export interface LinkStepProps {
  /** Of the API, under `/dashboard/v1`. */
  readonly path: string;
  readonly label: string;
  readonly about: string;
  /** What is said when it is done; without it the page that follows is the dashboard itself. */
  readonly done?: string;
}

/** One button for what a link was sent for. A button, because mail programs open links by themselves. */
export function LinkStep({ path, label, about, done }: LinkStepProps) {
  const token = useLinkToken();
  const [state, setState] = useState<'open' | 'busy' | 'done'>('open');
  const [problem, setProblem] = useState<string | null>(null);
  const go = async () => {
    setState('busy');
    setProblem(null);
    const answer = await askDashboard('POST', path, { body: { token: token ?? '' }, read: nothing });
    if (answer.kind === 'ok' && done === undefined) return location.assign('/');
    setState(answer.kind === 'ok' ? 'done' : 'open');
    if (answer.kind !== 'ok') setProblem(whyNot(answer));
  };
  if (token === '')
    return <p className="text-prose text-ink-2">This address is not whole. Open the link of the mail again.</p>;
  if (state === 'done') {
    return (
      <div role="status" className="flex flex-col gap-4 text-prose text-ink-2">
        <p>{done}</p>
        <a href="/" className={`${quietLink} self-start`}>
          Go on to the dashboard
        </a>
      </div>
    );
  }
  return (
    <div className="flex flex-col gap-4">
      <p className="text-prose text-ink-2">{about}</p>
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
      <Button tone="primary" className="h-9" disabled={state === 'busy' || token === null} onClick={go}>
        {label}
      </Button>
    </div>
  );
}
