'use client';

import { object, type Reader, text } from '../../lib/shape.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import type { RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';
import { VisitorSessions } from './visitor-sessions.tsx';

interface Identity {
  readonly id: string;
  readonly provider: string;
  readonly subject: string;
  readonly email: string;
  readonly name: string;
  readonly firstSeenAt: string;
  readonly lastActiveAt: string;
  readonly lastSignInAt: string;
}

const raw = object({
  id: text,
  identity_provider: object({ name: text }),
  provider_user_id: text,
  email: text,
  name: text,
  created_at: text,
  last_active: text,
  last_login: text,
});
const read: Reader<Identity> = (value) => {
  const fields = raw(value);
  return {
    id: fields.id,
    provider: fields.identity_provider.name,
    subject: fields.provider_user_id,
    email: fields.email,
    name: fields.name,
    firstSeenAt: fields.created_at,
    lastActiveAt: fields.last_active,
    lastSignInAt: fields.last_login,
  };
};

const title = ({ name, email, subject }: Identity): string => name || email || subject;

const kind: RecordKind<Identity> = {
  path: '/app/users',
  key: 'application_users',
  read,
  noun: 'identity',
  nouns: 'identities',
  gridColumns:
    'grid-cols-[minmax(0,1fr)_110px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_minmax(0,1fr)_130px]',
  columns: [
    { label: 'Visitor', render: (identity) => <UntrustedText text={title(identity)} /> },
    {
      label: 'E-mail',
      className: '@max-[640px]:hidden',
      render: ({ email }) => (
        <span className="block truncate">{email === '' ? '–' : <UntrustedText text={email} />}</span>
      ),
    },
    {
      label: 'Provider',
      className: '@max-[640px]:hidden',
      render: ({ provider }) => (
        <span className="block truncate text-ink-2">
          <UntrustedText text={provider} />
        </span>
      ),
    },
    {
      label: 'Last active',
      isFigure: true,
      render: ({ lastActiveAt }) => <LocalTime iso={lastActiveAt} className="text-ink-2" />,
    },
  ],
  search: ({ id, name, email, provider, subject }) => [id, name, email, provider, subject].join(' '),
  title,
  details: (identity) => (
    <Facts>
      <Fact label="E-mail">{identity.email === '' ? '–' : <UntrustedText text={identity.email} />}</Fact>
      <Fact label="Provider">
        <UntrustedText text={identity.provider} />
      </Fact>
      <Fact label="Known there as">
        <code className="font-mono text-url">
          <UntrustedText text={identity.subject} />
        </code>
      </Fact>
      <Fact label="First seen">
        <LocalTime iso={identity.firstSeenAt} />
      </Fact>
      <Fact label="Last sign-in">
        <LocalTime iso={identity.lastSignInAt} />
      </Fact>
      <Fact label="Last active">
        <LocalTime iso={identity.lastActiveAt} />
      </Fact>
      <Fact label="Id">
        <code className="font-mono text-url">{identity.id}</code>
      </Fact>
    </Facts>
  ),
  empty: {
    title: 'Nobody signed in yet',
    text: <p>Visitors who sign in through the oauth or openid-connect action of a traffic policy are listed here.</p>,
  },
  removal: {
    verb: 'Sign them out',
    consequence: () => (
      <p>
        All their browsers are signed out of your endpoints within five seconds. They can sign in again; a rule in the
        policy keeps them out.
      </p>
    ),
  },
};

/** Visitors who signed in at the account's endpoints. */
export function IdentitiesPage() {
  const { accountId } = useAccount();
  return (
    <RecordList
      title="Identities"
      base={`/a/${accountId}/identities`}
      kind={kind}
      below={({ id }) => <VisitorSessions visitorId={id} />}
    />
  );
}
