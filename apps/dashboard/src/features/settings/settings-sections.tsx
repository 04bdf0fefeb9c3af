'use client';

import type { ReactNode } from 'react';
import { whyNot } from '../../lib/rest/dashboard-client.ts';
import { useAnswer } from '../../lib/rest/use-answer.ts';
import { PasskeysSection, TotpSection } from './factor-sections.tsx';
import { EmailSection, PasswordSection, ProfileSection } from './person-sections.tsx';
import { readSecurity } from './security.ts';
import { ProvidersSection, SessionsSection } from './session-sections.tsx';
import { useConfirmed } from './use-confirmed.tsx';

export interface SettingsSectionsProps {
  readonly csrfToken: string;
  /** Sections of the account, where there is one, above those of the person. */
  readonly account?: ReactNode;
}

/** The list of sections on the left, the sections on the right. */
export function SettingsSections({ csrfToken, account }: SettingsSectionsProps) {
  const { answer, value: facts, reload } = useAnswer('/security', readSecurity);
  const { run, dialog } = useConfirmed({
    csrfToken,
    hasPassword: facts?.hasPassword ?? false,
    hasPasskeys: (facts?.passkeys.length ?? 0) > 0,
  });
  const parts = [
    ...(account ? [['account', 'Account']] : []),
    ['profile', 'Profile'],
    ['email', 'E-mail'],
    ['password', 'Password'],
    ['codes', 'One-time codes'],
    ['passkeys', 'Passkeys'],
    ...(facts && facts.identities.length > 0 ? [['providers', 'Identity providers']] : []),
    ['sessions', 'Sessions'],
  ];
  return (
    <div className="flex gap-12 px-6 max-sm:px-4">
      <nav aria-label="Settings" className="sticky top-0 w-[168px] shrink-0 self-start py-[19px] max-md:hidden">
        <ul className="flex flex-col gap-0.5">
          {parts.map(([id = '', label = '']) => (
            <li key={id}>
              <a
                href={`#${id}`}
                className="flex h-[30px] items-center rounded-button px-2.5 text-ink-2 hover:bg-hover hover:text-ink"
              >
                {label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div className="w-full max-w-[640px] min-w-0">
        {account}
        {answer !== null && answer.kind !== 'ok' && (
          <p role="alert" className="py-6 text-cinnabar">
            {whyNot(answer)}
          </p>
        )}
        {facts && (
          <>
            <ProfileSection {...{ facts, csrfToken, run, reload }} />
            <EmailSection {...{ facts, csrfToken, run, reload }} />
            <PasswordSection {...{ facts, csrfToken, run, reload }} />
            <TotpSection {...{ facts, csrfToken, run, reload }} />
            <PasskeysSection {...{ facts, csrfToken, run, reload }} />
            {facts.identities.length > 0 && <ProvidersSection {...{ facts, csrfToken, run, reload }} />}
            <SessionsSection {...{ facts, csrfToken, run, reload }} />
          </>
        )}
      </div>
      {dialog}
    </div>
  );
}
