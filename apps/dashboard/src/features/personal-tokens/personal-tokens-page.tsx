'use client';

import { useState } from 'react';
import { nullable, object, type Reader, text } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { LocalTime, useHydrated } from '../../ui/local-time.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { CommonFacts, NameOf, nameOf } from '../records/common-facts.tsx';
import { both, type CommonRecord, commonFields, commonValues, readCommon, textOf } from '../records/common-fields.tsx';
import { Fact } from '../records/facts.tsx';
import { problemText } from '../records/form-view.tsx';
import type { RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';

interface PersonalToken extends CommonRecord {
  readonly token: string | null;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
}

const raw = object({
  token: nullable(text),
  expires_at: nullable(text),
  revoked_at: nullable(text),
  last_used_at: nullable(text),
});
const read: Reader<PersonalToken> = both(readCommon, (value) => {
  const { token, expires_at: expiresAt, revoked_at: revokedAt, last_used_at: lastUsedAt } = raw(value);
  return { token, expiresAt, revokedAt, lastUsedAt };
});

const dayMs = 86_400_000;
const lives = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'A year' },
  { value: '', label: 'Until it is revoked' },
] as const;

const kind: RecordKind<PersonalToken> = {
  path: '/personal_access_tokens',
  key: 'personal_access_tokens',
  read,
  noun: 'personal token',
  nouns: 'personal tokens',
  // Everybody has their own, whatever their role.
  changeNeeds: 'resources.read',
  gridColumns: 'grid-cols-[minmax(0,1fr)_90px] @min-[640px]:grid-cols-[minmax(0,1fr)_90px_130px_130px]',
  columns: [
    { label: 'Name', render: (record) => <NameOf record={record} /> },
    { label: 'State', render: (record) => <State record={record} /> },
    {
      label: 'Expires',
      isFigure: true,
      className: '@max-[640px]:hidden',
      render: ({ expiresAt }) => <Moment iso={expiresAt} otherwise="never" />,
    },
    {
      label: 'Last used',
      isFigure: true,
      className: '@max-[640px]:hidden',
      render: ({ lastUsedAt }) => <Moment iso={lastUsedAt} otherwise="–" />,
    },
  ],
  search: ({ id, description }) => `${id} ${description}`,
  title: nameOf,
  details: (record, reload) => (
    <div className="flex flex-col gap-4">
      <CommonFacts record={record}>
        <Fact label="State">
          <State record={record} />
        </Fact>
        <Fact label="Expires">
          <Moment iso={record.expiresAt} otherwise="never" />
        </Fact>
        {record.revokedAt !== null && (
          <Fact label="Revoked">
            <LocalTime iso={record.revokedAt} />
          </Fact>
        )}
        <Fact label="Last used">
          <Moment iso={record.lastUsedAt} otherwise="never" />
        </Fact>
      </CommonFacts>
      {record.revokedAt === null && <Revoke record={record} reload={reload} />}
    </div>
  ),
  empty: {
    title: 'No personal token',
    text: <p>A key of your own for the REST API: it may what you may, and nobody else sees it here.</p>,
  },
  create: {
    title: 'New personal token',
    submit: 'Make personal token',
    fields: [{ kind: 'choice', name: 'days', label: 'Works for', options: lives }, ...commonFields],
    values: () => ({ days: '90', ...commonValues(null) }),
    body: (values) => {
      const days = Number(textOf(values.days));
      return {
        description: textOf(values.description),
        metadata: textOf(values.metadata),
        ...(days > 0 ? { expires_at: new Date(Date.now() + days * dayMs).toISOString() } : {}),
      };
    },
  },
  edit: {
    title: 'Edit',
    submit: 'Save personal token',
    fields: commonFields,
    values: commonValues,
    body: (values) => ({ description: textOf(values.description), metadata: textOf(values.metadata) }),
  },
  removal: {
    verb: 'Delete personal token',
    consequence: () => <p>Scripts that use it are refused from now on, and it is no longer listed.</p>,
  },
  secret: ({ token }) => token,
  secretNote: (
    <p>
      Send it as <code className="font-mono">Authorization: Bearer TOKEN</code>, with{' '}
      <code className="font-mono">Ngrok-Version: 2</code>.
    </p>
  ),
};

function Moment({ iso, otherwise }: { iso: string | null; otherwise: string }) {
  return iso === null ? (
    <span className="text-ink-3">{otherwise}</span>
  ) : (
    <LocalTime iso={iso} className="text-ink-2" />
  );
}

function State({ record: { expiresAt, revokedAt } }: { record: PersonalToken }) {
  const hydrated = useHydrated();
  if (revokedAt !== null) return <Chip tone="fails">revoked</Chip>;
  if (hydrated && expiresAt !== null && Date.parse(expiresAt) <= Date.now()) return <Chip tone="waiting">expired</Chip>;
  return <Chip tone="works">working</Chip>;
}

/** Ends it at once; it stays in the list, so that what it was used for can be followed. */
function Revoke({ record, reload }: { record: PersonalToken; reload: () => Promise<void> }) {
  const { rest } = useAccount();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const revoke = async () => {
    setBusy(true);
    const answer = await rest.create(`${kind.path}/${encodeURIComponent(record.id)}/revoke`, undefined, () => null);
    setBusy(false);
    setProblem(answer.kind === 'ok' ? null : problemText(answer).text);
    await reload();
  };
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Button tone="secondary" disabled={isBusy} onClick={revoke}>
        Revoke now
      </Button>
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
    </div>
  );
}

/** The keys of one person for the REST API. */
export function PersonalTokensPage() {
  const { accountId } = useAccount();
  return <RecordList title="Personal tokens" base={`/a/${accountId}/personal-tokens`} kind={kind} />;
}
