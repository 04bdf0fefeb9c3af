'use client';

import { useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import type { PersonSectionProps } from './person-sections.tsx';
import { type Outcome, OutcomeLine, Section } from './section.tsx';
import { browserName } from './security.ts';

export function ProvidersSection({ facts, csrfToken, run, reload }: PersonSectionProps) {
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const disconnect = async (id: string) => {
    const path = `/identities/${encodeURIComponent(id)}`;
    const answer = await run(() => askDashboard('DELETE', path, { csrf: csrfToken, read: nothing }));
    setOutcome(answer.kind === 'ok' ? null : { isGood: false, text: whyNot(answer) });
    await reload();
  };
  return (
    <Section id="providers" title="Identity providers" about="Who else may say that you are you.">
      <ul className="border-t border-line">
        {facts.identities.map(({ id, provider, email, lastUsedAt }) => (
          <li key={id} className="flex min-h-[52px] items-center gap-3 border-b border-line py-2">
            <span className="min-w-0 flex-1">
              <span className="block truncate font-button">
                <UntrustedText text={provider} />
              </span>
              <span className="block truncate text-meta text-ink-3">
                <UntrustedText text={email} /> · last used <LocalTime iso={lastUsedAt} />
              </span>
            </span>
            <Button tone="quiet" onClick={() => disconnect(id)}>
              Disconnect<span className="sr-only"> {provider}</span>
            </Button>
          </li>
        ))}
      </ul>
      <OutcomeLine outcome={outcome} />
    </Section>
  );
}

export function SessionsSection({ facts, csrfToken, reload }: PersonSectionProps) {
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const end = async (path: string) => {
    const answer = await askDashboard('DELETE', path, { csrf: csrfToken, read: nothing });
    setOutcome(answer.kind === 'ok' ? null : { isGood: false, text: whyNot(answer) });
    await reload();
  };
  return (
    <Section
      id="sessions"
      title="Sessions"
      about="Browsers in which you are signed in. A session ends after 12 hours without use, and after 30 days in any case."
    >
      <ul className="border-t border-line">
        {facts.sessions.map((session) => (
          <li key={session.id} className="flex min-h-[52px] items-center gap-3 border-b border-line py-2">
            <span className="min-w-0 flex-1">
              <span className="flex items-center gap-2">
                <span className="truncate font-button">
                  <UntrustedText text={browserName(session.userAgent)} />
                </span>
                {session.isThis && <Chip tone="works">this one</Chip>}
              </span>
              <span className="block truncate text-meta text-ink-3">
                from <UntrustedText text={session.ip} /> · {methodName(session.method)} · last seen{' '}
                <LocalTime iso={session.lastSeenAt} />
              </span>
            </span>
            {!session.isThis && (
              <Button tone="quiet" onClick={() => end(`/sessions/${session.id}`)}>
                End<span className="sr-only"> the session from {session.ip}</span>
              </Button>
            )}
          </li>
        ))}
      </ul>
      <OutcomeLine outcome={outcome} />
      {facts.sessions.length > 1 && (
        <Button tone="secondary" className="self-start" onClick={() => end('/sessions')}>
          End all others
        </Button>
      )}
    </Section>
  );
}

function methodName(method: string): string {
  if (method.startsWith('oidc:')) return `through ${method.slice(5)}`;
  return method === 'link' ? 'by a link' : `by ${method}`;
}
