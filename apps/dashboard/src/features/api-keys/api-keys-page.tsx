'use client';

import { nullable, object, type Reader, text } from '../../lib/shape.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { CommonFacts, NameOf, nameOf } from '../records/common-facts.tsx';
import { both, type CommonRecord, commonFields, commonValues, readCommon, textOf } from '../records/common-fields.tsx';
import { Fact } from '../records/facts.tsx';
import type { RecordForm, RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';

interface ApiKey extends CommonRecord {
  readonly ownerId: string | null;
  readonly token: string | null;
}

const raw = object({ owner_id: nullable(text), token: nullable(text) });
const read: Reader<ApiKey> = both(readCommon, (value) => {
  const { owner_id: ownerId, token } = raw(value);
  return { ownerId, token };
});

const form: Pick<RecordForm<ApiKey>, 'fields' | 'values' | 'body'> = {
  fields: commonFields,
  values: commonValues,
  body: (values) => ({ description: textOf(values.description), metadata: textOf(values.metadata) }),
};

const kind: RecordKind<ApiKey> = {
  path: '/api_keys',
  key: 'keys',
  read,
  noun: 'API key',
  nouns: 'API keys',
  gridColumns: 'grid-cols-[minmax(0,1fr)_96px] @min-[760px]:grid-cols-[minmax(0,1fr)_280px_110px]',
  columns: [
    { label: 'Name', render: (record) => <NameOf record={record} /> },
    {
      label: 'Owner',
      className: '@max-[760px]:hidden',
      render: ({ ownerId }) => <span className="block truncate font-mono text-meta text-ink-2">{ownerId ?? '–'}</span>,
    },
    { label: 'Made', isFigure: true, render: ({ createdAt }) => <LocalTime iso={createdAt} className="text-ink-2" /> },
  ],
  search: ({ id, description, ownerId }) => [id, description, ownerId].join(' '),
  title: nameOf,
  details: (record) => (
    <CommonFacts record={record}>
      {record.ownerId && (
        <Fact label="Owner">
          <code className="font-mono text-url">{record.ownerId}</code>
        </Fact>
      )}
    </CommonFacts>
  ),
  empty: { title: 'No API key', text: <p>Scripts call the REST API with an API key. It may do what you may do.</p> },
  create: { title: 'New API key', submit: 'Make API key', ...form },
  edit: { title: 'Edit', submit: 'Save API key', ...form },
  removal: {
    verb: 'Revoke API key',
    consequence: () => (
      <p>Scripts that use it are refused from now on. Tunnels are not concerned: agents use authtokens.</p>
    ),
  },
  secret: ({ token }) => token,
  secretNote: (
    <p>
      Send it as <code className="font-mono">Authorization: Bearer KEY</code>, with{' '}
      <code className="font-mono">Ngrok-Version: 2</code>.
    </p>
  ),
};

/** What scripts call the REST API with. */
export function ApiKeysPage() {
  const { accountId } = useAccount();
  return <RecordList title="API keys" base={`/a/${accountId}/api-keys`} kind={kind} />;
}
