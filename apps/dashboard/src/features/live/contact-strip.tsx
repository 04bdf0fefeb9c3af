'use client';

import { CloudOff, LogOut, WifiOff } from 'lucide-react';
import { usePathname } from 'next/navigation';
import type { ReactNode } from 'react';
import { duration } from '../../lib/format.ts';
import { signInPath } from '../../lib/own-path.ts';
import { Button } from '../../ui/button.tsx';
import { Strip } from '../../ui/strip.tsx';
import { useLive } from './live-provider.tsx';

/** Contact counts as lost on the screen only after this long; a restart of the API shall not flicker. */
const shownAfterMs = 2000;

/** True while what stands on the page may be old. */
export function useIsStale(): boolean {
  const { contact, isOnline, nowMs } = useLive();
  if (!isOnline) return true;
  switch (contact.kind) {
    case 'connecting':
    case 'live':
    case 'resting':
      return false;
    case 'lost':
      return nowMs !== null && nowMs - contact.sinceMs >= shownAfterMs;
    case 'signed-out':
    case 'refused':
      return true;
  }
}

/** The ochre strip: who does not answer, for how long, and what can be done. Absent while all is well. */
export function ContactStrip() {
  const { contact, isOnline, nowMs, tryNow } = useLive();
  const isStale = useIsStale();
  const path = usePathname();
  if (!isStale) return null;
  if (contact.kind === 'signed-out')
    return (
      <Strip
        icon={<LogOut size={16} strokeWidth={1.75} />}
        action={<StripLink href={signInPath(path)}>Sign in</StripLink>}
      >
        <strong className="font-strong">You are signed out.</strong> This is what we last saw.
      </Strip>
    );
  if (contact.kind === 'refused')
    return (
      <Strip icon={<LogOut size={16} strokeWidth={1.75} />} action={<StripLink href="/">Go to your account</StripLink>}>
        <strong className="font-strong">You no longer belong to this account.</strong> This is what we last saw.
      </Strip>
    );
  if (!isOnline)
    return (
      <Strip icon={<WifiOff size={16} strokeWidth={1.75} />}>
        <strong className="font-strong">Your browser is offline.</strong> This is what we last saw.
      </Strip>
    );
  const since = contact.kind === 'lost' && nowMs !== null ? duration(nowMs - contact.sinceMs) : null;
  return (
    <Strip
      icon={<CloudOff size={16} strokeWidth={1.75} />}
      action={
        <Button tone="secondary" onClick={tryNow}>
          Try now
        </Button>
      }
    >
      <strong className="figures font-strong">No contact with the API{since && ` for ${since}`}.</strong> Tunnels keep
      working.
    </Strip>
  );
}

function StripLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a
      href={href}
      className="inline-flex h-[30px] items-center rounded-button border border-line-strong bg-raised px-3 font-button text-ink hover:bg-hover max-sm:h-11"
    >
      {children}
    </a>
  );
}
