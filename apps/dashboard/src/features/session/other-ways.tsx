'use client';

import { Fingerprint, LogIn } from 'lucide-react';
import { useState } from 'react';
import { canUsePasskeys, getPasskey } from '../../lib/passkey.ts';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { anything, field, text } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { useHydrated } from '../../ui/local-time.tsx';

export interface OtherWaysProps {
  readonly next: string;
  readonly passkeys: boolean;
  readonly providers: readonly { readonly id: string; readonly name: string }[];
}

/** Signing in without a password: a passkey, or an identity provider. */
export function OtherWays({ next, passkeys, providers }: OtherWaysProps) {
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const hydrated = useHydrated();
  const hasPasskeys = passkeys && hydrated && canUsePasskeys();
  if (!passkeys && providers.length === 0) return null;

  const withPasskey = async () => {
    setBusy(true);
    setProblem(await signInByPasskey(next));
    setBusy(false);
  };
  const withProvider = async (provider: string) => {
    setBusy(true);
    setProblem(null);
    const answer = await askDashboard('POST', '/oidc/start', { body: { provider, next }, read: field('url', text) });
    if (answer.kind === 'ok') return location.assign(answer.value);
    setBusy(false);
    setProblem(whyNot(answer));
  };
  return (
    <div className="mt-4 flex flex-col gap-2">
      {passkeys && (
        <Button tone="secondary" className="h-9" disabled={isBusy || !hasPasskeys} onClick={withPasskey}>
          <Fingerprint size={15} strokeWidth={1.75} aria-hidden />
          Sign in with a passkey
        </Button>
      )}
      {providers.map(({ id, name }) => (
        <Button key={id} tone="secondary" className="h-9" disabled={isBusy} onClick={() => withProvider(id)}>
          <LogIn size={15} strokeWidth={1.75} aria-hidden />
          <span className="truncate">Sign in with {name}</span>
        </Button>
      ))}
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
    </div>
  );
}

/** Null when the browser is on its way, else why not. */
async function signInByPasskey(next: string): Promise<string | null> {
  const options = await askDashboard('POST', '/passkey-sign-in/options', { read: anything });
  if (options.kind !== 'ok') return whyNot(options);
  const outcome = await getPasskey(options.value);
  if (outcome.kind === 'not-here') return 'This browser knows no passkeys.';
  if (outcome.kind === 'given-up') return 'No passkey was used. You can try again, or sign in with your password.';
  const answer = await askDashboard('POST', '/passkey-sign-in', { body: outcome.credential, read: nothing });
  if (answer.kind !== 'ok') return whyNot(answer);
  location.assign(next);
  return null;
}
