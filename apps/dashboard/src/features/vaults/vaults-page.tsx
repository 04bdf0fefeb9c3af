'use client';

import { object, type Reader, text } from '../../lib/shape.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { CommonFacts } from '../records/common-facts.tsx';
import { both, type CommonRecord, commonFields, commonValues, readCommon, textOf } from '../records/common-fields.tsx';
import { Fact } from '../records/facts.tsx';
import type { RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';
import { vaultNameField } from './vault-name-field.ts';
import { VaultSecrets } from './vault-secrets.tsx';

interface Vault extends CommonRecord {
  readonly name: string;
  readonly updatedAt: string;
}

const raw = object({ name: text, updated_at: text });
const read: Reader<Vault> = both(readCommon, (value) => {
  const { name, updated_at: updatedAt } = raw(value);
  return { name, updatedAt };
});

const kind: RecordKind<Vault> = {
  path: '/vaults',
  key: 'vaults',
  read,
  noun: 'vault',
  nouns: 'vaults',
  gridColumns: 'grid-cols-[minmax(0,1fr)_110px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_110px]',
  columns: [
    { label: 'Name', render: ({ name }) => <span className="font-mono text-url">{name}</span> },
    {
      label: 'Description',
      className: '@max-[640px]:hidden',
      render: ({ description }) => <UntrustedText text={description || '–'} />,
    },
    {
      label: 'Changed',
      isFigure: true,
      render: ({ updatedAt }) => <LocalTime iso={updatedAt} className="text-ink-2" />,
    },
  ],
  search: ({ id, name, description }) => `${id} ${name} ${description}`,
  title: ({ name }) => name,
  details: (record) => (
    <CommonFacts record={record}>
      <Fact label="In a policy">
        <code className="font-mono text-url">{`secrets.get('${record.name}', 'NAME')`}</code>
      </Fact>
    </CommonFacts>
  ),
  empty: {
    title: 'No vault',
    text: <p>A vault keeps secrets that policies use: a client secret, an API key. Nobody can read them back.</p>,
  },
  create: {
    title: 'New vault',
    submit: 'Make vault',
    fields: [vaultNameField, ...commonFields],
    values: () => ({ name: '', ...commonValues(null) }),
    body: (values) => ({
      name: textOf(values.name),
      description: textOf(values.description),
      metadata: textOf(values.metadata),
    }),
  },
  edit: {
    title: 'Edit',
    submit: 'Save vault',
    fields: [vaultNameField, ...commonFields],
    values: (record) => ({ name: record?.name ?? '', ...commonValues(record) }),
    body: (values) => ({
      name: textOf(values.name),
      description: textOf(values.description),
      metadata: textOf(values.metadata),
    }),
  },
  removal: {
    verb: 'Remove vault',
    consequence: () => (
      <p>
        Only an empty vault can be removed: remove its secrets first. Policies that name it find nothing from then on.
      </p>
    ),
  },
};

/** Secrets for policies. */
export function VaultsPage() {
  const { accountId } = useAccount();
  return (
    <RecordList
      title="Vaults"
      base={`/a/${accountId}/vaults`}
      kind={kind}
      below={(vault) => <VaultSecrets vaultId={vault.id} vaultName={vault.name} />}
    />
  );
}
