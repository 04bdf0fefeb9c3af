'use client';

import { CloudOff, Lock, LogOut } from 'lucide-react';
import { usePathname } from 'next/navigation';
import { signInPath } from '../../lib/own-path.ts';
import { roleName } from '../../lib/roles.ts';
import { Button } from '../../ui/button.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Strip } from '../../ui/strip.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { useIsStale } from '../live/contact-strip.tsx';
import type { ListProblem } from './use-records.ts';

/** A page that is for others: who may see it, and who one is. */
export function NotForYou({ problem, nouns }: { problem: ListProblem & { readonly kind: 'refused' }; nouns: string }) {
  const { role } = useAccount();
  return (
    <Notice title={`You may not see ${nouns}`} lit={0}>
      <p>
        Your role is {roleName(role)}. An administrator of this account can give you another one.
        {problem.code && <span className="block font-mono text-meta text-ink-3">{problem.code}</span>}
      </p>
    </Notice>
  );
}

/** True when the role is the reason that nothing is shown. */
export function isNotForYou(problem: ListProblem | null): problem is ListProblem & { readonly kind: 'refused' } {
  return problem?.kind === 'refused' && problem.status === 403;
}

/** Why a list is not there, or may be old. What was shown before stays under it. */
export function ListProblemStrip({
  problem,
  hasItems,
  onRetry,
}: {
  problem: ListProblem | null;
  hasItems: boolean;
  onRetry: () => Promise<void>;
}) {
  const path = usePathname();
  // The strip above says it already.
  const isSaid = useIsStale();
  if (problem === null || (!hasItems && isNotForYou(problem)) || (isSaid && problem.kind !== 'refused')) return null;
  switch (problem.kind) {
    case 'signed-out':
      return (
        <Strip
          icon={<LogOut size={16} strokeWidth={1.75} />}
          action={
            <a href={signInPath(path)} className="font-button underline underline-offset-2">
              Sign in
            </a>
          }
        >
          <strong className="font-strong">You are signed out.</strong>
        </Strip>
      );
    case 'refused':
      return (
        <Strip icon={<Lock size={16} strokeWidth={1.75} />}>
          <strong className="font-strong">{problem.message}</strong>
          {problem.code && <span className="ml-2 font-mono text-meta">{problem.code}</span>}
        </Strip>
      );
    case 'no-contact':
      return (
        <Strip
          icon={<CloudOff size={16} strokeWidth={1.75} />}
          action={
            <Button tone="secondary" onClick={onRetry}>
              Try now
            </Button>
          }
        >
          <strong className="font-strong">The API does not answer.</strong> Tunnels keep working.
          {hasItems && ' This is what we last saw.'}
        </Strip>
      );
  }
}
