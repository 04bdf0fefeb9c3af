'use client';

import { LogOut } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../../ui/button.tsx';

/** Ends the session on the server. When that fails it says so, since the session would live on. */
export function SignOutButton({ csrfToken }: { csrfToken: string }) {
  const [state, setState] = useState<'idle' | 'busy' | 'failed'>('idle');
  const signOut = async () => {
    setState('busy');
    try {
      const answer = await fetch('/api/dashboard/v1/session', {
        method: 'DELETE',
        headers: { 'portico-csrf': csrfToken },
      });
      if (answer.ok || answer.status === 401) {
        // A whole new page: nothing of this account stays in memory.
        location.assign('/sign-in');
        return;
      }
    } catch {
      // Said below.
    }
    setState('failed');
  };
  return (
    <>
      <Button tone="secondary" className="w-full" disabled={state === 'busy'} onClick={signOut}>
        <LogOut size={15} strokeWidth={1.75} aria-hidden />
        Sign out
      </Button>
      <p role="status" className="text-meta text-cinnabar not-empty:mt-2">
        {state === 'failed' && 'The API does not answer, so you are still signed in. Try again in a few seconds.'}
      </p>
    </>
  );
}
