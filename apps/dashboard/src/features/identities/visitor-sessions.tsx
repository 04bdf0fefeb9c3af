'use client';

import { field, nullable, object, type Reader, text } from '../../lib/shape.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { PartList } from '../records/part-list.tsx';

/** One browser of a visitor who signed in. */
interface VisitorSession {
  readonly id: string;
  readonly url: string;
  readonly browser: string;
  readonly address: string;
  readonly country: string | null;
  readonly lastActiveAt: string;
}

const browserSession = object({
  user_agent: object({ raw: text, browser_name: text, os_name: text }),
  ip_address: text,
  location: nullable(object({ country_code: nullable(text) })),
});
const raw = object({ id: text, public_url: text, last_active: text });

const read: Reader<VisitorSession> = (value) => {
  const { id, public_url: url, last_active: lastActiveAt } = raw(value);
  const { user_agent: agent, ip_address: address, location } = field('browser_session', browserSession)(value);
  const named = [agent.browser_name, agent.os_name].filter((word) => word !== '').join(' on ');
  return { id, url, lastActiveAt, address, browser: named || agent.raw, country: location?.country_code ?? null };
};

/** Where a visitor is signed in, by browser, each to be signed out by itself. */
export function VisitorSessions({ visitorId }: { visitorId: string }) {
  return (
    <PartList
      title="Signed in now"
      path="/app/sessions"
      listPath="/app/sessions"
      listKey="application_sessions"
      query={`&filter=${encodeURIComponent(`obj.application_user.id == "${visitorId}"`)}`}
      read={read}
      noun="browser"
      removeVerb="Sign out"
      empty="Not signed in anywhere now."
      rowName={({ browser, url, address, country, lastActiveAt }) => (
        <>
          <span className="block truncate">
            <UntrustedText text={browser || 'unknown browser'} />
          </span>
          <span className="block truncate text-meta text-ink-3">
            <UntrustedText text={url} /> · <UntrustedText text={address} />
            {country !== null && ` · ${country}`} · active <LocalTime iso={lastActiveAt} />
          </span>
        </>
      )}
      removal={({ url }) => (
        <p>
          This browser is signed out of <UntrustedText text={url} /> within five seconds; it can sign in again.
        </p>
      )}
    />
  );
}
