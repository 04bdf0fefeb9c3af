'use client';

import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { useLive } from '../live/live-provider.tsx';
import { commonFields, commonValues, textOf } from '../records/common-fields.tsx';
import type { RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';
import { type Domain, domainState, isOn, readDomain } from './domain.ts';
import { DomainDetails } from './domain-details.tsx';
import { StateWord } from './domain-steps.tsx';

const kind: RecordKind<Domain> = {
  path: '/reserved_domains',
  key: 'reserved_domains',
  read: readDomain,
  noun: 'domain',
  nouns: 'domains',
  gridColumns: 'grid-cols-[minmax(0,1fr)_140px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_150px_110px]',
  columns: [
    {
      label: 'Domain',
      render: ({ domain }) => (
        <span className="font-mono text-url">
          <UntrustedText text={domain} />
        </span>
      ),
    },
    {
      label: 'Description',
      className: '@max-[640px]:hidden',
      render: ({ description }) => <UntrustedText text={description || '–'} />,
    },
    { label: 'State', render: (record) => <State record={record} /> },
    {
      label: 'Made',
      isFigure: true,
      className: '@max-[640px]:hidden',
      render: ({ createdAt }) => <LocalTime iso={createdAt} className="text-ink-2" />,
    },
  ],
  search: ({ id, domain, description }) => `${id} ${domain} ${description}`,
  title: ({ domain }) => domain,
  isWide: true,
  details: (record, reload) => <DomainDetails record={record} reload={reload} />,
  empty: {
    title: 'No domain',
    text: <p>A name that stays yours, online or not: shop, or *.preview for all names under it.</p>,
  },
  create: {
    title: 'Add a domain',
    submit: 'Add domain',
    fields: [
      {
        kind: 'text',
        name: 'domain',
        label: 'Domain',
        isCode: true,
        placeholder: 'shop.example.com',
        help: 'A name under the base domain of this installation, or one of your own; *.name stands for all names under it.',
        problem: (value) => (textOf(value) === '' ? 'Type the name that you want to keep.' : null),
      },
      ...commonFields,
    ],
    values: () => ({ domain: '', ...commonValues(null) }),
    body: (values) => ({
      domain: textOf(values.domain),
      description: textOf(values.description),
      metadata: textOf(values.metadata),
    }),
  },
  edit: {
    title: 'Edit',
    submit: 'Save domain',
    fields: commonFields,
    values: commonValues,
    body: (values) => ({ description: textOf(values.description), metadata: textOf(values.metadata) }),
  },
  removal: {
    verb: 'Give up domain',
    consequence: ({ domain }) => (
      <p>An endpoint on {domain} goes offline within five seconds. After a rest, somebody else may take the name.</p>
    ),
  },
};

function State({ record }: { record: Domain }) {
  const { overview } = useLive();
  const isOnline = overview?.value.endpoints.some(({ url }) => isOn(record.domain, url)) ?? false;
  return <StateWord {...domainState(record, isOnline)} />;
}

/** Names that the account keeps. */
export function DomainsPage() {
  const { accountId } = useAccount();
  return <RecordList title="Domains" base={`/a/${accountId}/domains`} kind={kind} />;
}
