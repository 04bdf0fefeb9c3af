'use client';

import { Fingerprint } from 'lucide-react';
import { type ReactNode, type SubmitEvent, useCallback, useState } from 'react';
import { signInPath } from '../../lib/own-path.ts';
import { getPasskey } from '../../lib/passkey.ts';
import { askDashboard, type DashboardAnswer, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { anything } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { quietLink } from '../session/entry-frame.tsx';

/** Does something that wants the person to have proved who they are a moment ago; asks for that where the API does. */
export type RunConfirmed = <T>(work: () => Promise<DashboardAnswer<T>>) => Promise<DashboardAnswer<T>>;

export interface ConfirmFacts {
  readonly csrfToken: string;
  readonly hasPassword: boolean;
  readonly hasPasskeys: boolean;
}

/** The runner, and the dialog to be drawn beside what uses it. */
export function useConfirmed(facts: ConfirmFacts): { readonly run: RunConfirmed; readonly dialog: ReactNode } {
  const [asking, setAsking] = useState<{ readonly answer: (isDone: boolean) => void } | null>(null);
  const run = useCallback(async <T,>(work: () => Promise<DashboardAnswer<T>>): Promise<DashboardAnswer<T>> => {
    const first = await work();
    if (first.kind !== 'refused' || first.refusal.code !== 4008) return first;
    const isDone = await new Promise<boolean>((resolve) => setAsking({ answer: resolve }));
    setAsking(null);
    return isDone ? work() : first;
  }, []);
  const dialog = asking && <ConfirmDialog {...facts} onEnd={asking.answer} />;
  return { run, dialog };
}

function ConfirmDialog({
  csrfToken,
  hasPassword,
  hasPasskeys,
  onEnd,
}: ConfirmFacts & { onEnd: (is: boolean) => void }) {
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const settle = (answer: DashboardAnswer<unknown>) => {
    setBusy(false);
    if (answer.kind === 'ok') return onEnd(true);
    const isWrong = answer.kind === 'refused' && answer.refusal.code === 4001;
    setProblem(isWrong ? 'This is not your password.' : whyNot(answer));
  };
  const withPassword = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    event.stopPropagation();
    if (isBusy) return;
    setBusy(true);
    settle(await askDashboard('POST', '/session/confirm', { body: { password }, csrf: csrfToken, read: nothing }));
  };
  const withPasskey = async () => {
    setBusy(true);
    const options = await askDashboard('POST', '/session/confirm/options', { csrf: csrfToken, read: anything });
    if (options.kind !== 'ok') return settle(options);
    const outcome = await getPasskey(options.value);
    if (outcome.kind !== 'done') {
      setBusy(false);
      return setProblem('No passkey was used.');
    }
    const body = { assertion: outcome.credential };
    settle(await askDashboard('POST', '/session/confirm', { body, csrf: csrfToken, read: nothing }));
  };
  return (
    <Dialog title="Confirm that it is you" onClose={() => onEnd(false)}>
      <form onSubmit={withPassword} className="flex flex-col gap-4">
        <p className="text-ink-2">This is for you alone to do, and you signed in a while ago.</p>
        {hasPassword && (
          <TextField
            label="Your password"
            name="confirm-password"
            type="password"
            autoComplete="current-password"
            maxLength={1024}
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
        {!hasPassword && !hasPasskeys && (
          <p>
            <a href={signInPath('/settings')} className={quietLink}>
              Sign in again
            </a>{' '}
            through your identity provider.
          </p>
        )}
        <p role="alert" className="text-cinnabar empty:hidden">
          {problem}
        </p>
        <div className="flex flex-wrap justify-end gap-2">
          {hasPasskeys && (
            <Button tone="secondary" disabled={isBusy} onClick={withPasskey}>
              <Fingerprint size={15} strokeWidth={1.75} aria-hidden />
              Use a passkey
            </Button>
          )}
          {hasPassword && (
            <Button tone="primary" type="submit" disabled={isBusy || password === ''}>
              Confirm
            </Button>
          )}
        </div>
      </form>
    </Dialog>
  );
}
