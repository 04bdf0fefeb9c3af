'use client';

import { type SubmitEvent, useEffect, useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { useAnswer } from '../../lib/rest/use-answer.ts';
import { flag, object, text } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { type Outcome, OutcomeLine, Section } from './section.tsx';

const readAccount = object({ id: text, name: text, requireSecondFactor: flag });

/** The account's own settings, for who may change them. */
export function AccountSection() {
  const { accountId, csrfToken } = useAccount();
  const { value, answer, reload } = useAnswer('/account', readAccount, accountId);
  const [name, setName] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  useEffect(() => {
    if (value !== null) setName((now) => now ?? value.name);
  }, [value]);
  const change = async (body: object, done: string) => {
    const asked = await askDashboard('PATCH', '/account', { body, csrf: csrfToken, account: accountId, read: nothing });
    const wantsFactor = asked.kind === 'refused' && asked.refusal.code === 4012;
    const words = wantsFactor
      ? 'Sign in with a second factor yourself first: this would keep you out as well.'
      : asked.kind === 'ok'
        ? done
        : whyNot(asked);
    setOutcome({ isGood: asked.kind === 'ok', text: words });
    await reload();
  };
  const save = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    void change({ name: name?.trim() }, 'Saved. Other pages show the name when they are loaded again.');
  };
  return (
    <Section id="account" title="Account">
      {answer !== null && answer.kind !== 'ok' && <OutcomeLine outcome={{ isGood: false, text: whyNot(answer) }} />}
      {value !== null && (
        <>
          <form onSubmit={save} className="flex flex-col items-start gap-4">
            <div className="w-full">
              <TextField
                label="Name of the account"
                name="account-name"
                maxLength={200}
                autoComplete="off"
                value={name ?? ''}
                onChange={(event) => setName(event.target.value)}
              />
            </div>
            <Button tone="secondary" type="submit" disabled={!name?.trim() || name.trim() === value.name}>
              Save name
            </Button>
          </form>
          <label className="flex items-start gap-2.5 max-sm:min-h-11">
            <input
              type="checkbox"
              checked={value.requireSecondFactor}
              onChange={(event) =>
                change(
                  { requireSecondFactor: event.target.checked },
                  event.target.checked
                    ? 'Members need a second factor from now on.'
                    : 'A second factor is everybody’s choice.',
                )
              }
              className="mt-[3px] size-[15px] shrink-0 accent-lapis max-sm:size-5"
            />
            <span>
              <span className="font-button">Members need a second factor</span>
              <span className="block text-meta text-ink-3">
                Who signs in without a one-time code or a passkey cannot open this account.
              </span>
            </span>
          </label>
          <OutcomeLine outcome={outcome} />
        </>
      )}
    </Section>
  );
}
