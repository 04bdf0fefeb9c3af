'use client';

import type { ReactNode } from 'react';
import { field, flag, list, object, oneOf, type Reader, text } from '../../lib/shape.ts';
import { Chip } from '../../ui/chip.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { CommonFacts, nameOf } from '../records/common-facts.tsx';
import { both, type CommonRecord, descriptionField, listOf, readCommon, textOf } from '../records/common-fields.tsx';
import { Fact } from '../records/facts.tsx';
import type { FormField, Option, RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';
import { useRecords } from '../records/use-records.ts';

interface IpRestriction extends CommonRecord {
  readonly type: 'dashboard' | 'api' | 'agent' | 'endpoints';
  readonly enforced: boolean;
  readonly policyIds: readonly string[];
}

const read: Reader<IpRestriction> = both(readCommon, (value) => ({
  type: field('type', oneOf('dashboard', 'api', 'agent', 'endpoints'))(value),
  enforced: field('enforced', flag)(value),
  policyIds: field('ip_policies', list(object({ id: text })))(value).map(({ id }) => id),
}));

const places: Record<IpRestriction['type'], string> = {
  dashboard: 'Dashboard',
  api: 'REST API',
  agent: 'Agents',
  endpoints: 'All endpoints',
};

const policies = { path: '/ip_policies', key: 'ip_policies', read: readCommon };

/** From which addresses the account may be used: a warning first, a wall once it is enforced. */
export function IpRestrictions({ base, tabs }: { base: string; tabs: ReactNode }) {
  const known = useRecords(policies).items ?? [];
  const options = known.map((policy): Option => ({ value: policy.id, label: nameOf(policy) }));
  const label = (id: string): string => options.find(({ value }) => value === id)?.label ?? id;
  const fields: FormField[] = [
    {
      kind: 'some-of',
      name: 'policies',
      label: 'Let in by any of these IP policies',
      options,
    },
    {
      kind: 'check',
      name: 'enforced',
      label: 'Refuse all others',
      help: 'Off: who would be refused is only written into the log. Make sure that your own address is let in before.',
    },
    descriptionField,
  ];
  const kind: RecordKind<IpRestriction> = {
    path: '/ip_restrictions',
    key: 'ip_restrictions',
    read,
    noun: 'restriction',
    nouns: 'restrictions',
    gridColumns: 'grid-cols-[minmax(0,1fr)_120px] @min-[640px]:grid-cols-[160px_minmax(0,1fr)_120px_110px]',
    columns: [
      { label: 'Restricts', render: ({ type }) => places[type] },
      {
        label: 'Let in by',
        className: '@max-[640px]:hidden',
        render: ({ policyIds }) => <span className="block truncate">{policyIds.map(label).join(', ') || '–'}</span>,
      },
      {
        label: 'State',
        render: ({ enforced }) => (
          <Chip tone={enforced ? 'works' : 'waiting'}>{enforced ? 'enforced' : 'warns only'}</Chip>
        ),
      },
      {
        label: 'Made',
        isFigure: true,
        className: '@max-[640px]:hidden',
        render: ({ createdAt }) => <LocalTime iso={createdAt} className="text-ink-2" />,
      },
    ],
    search: ({ type, policyIds, description }) => [places[type], description, ...policyIds.map(label)].join(' '),
    title: ({ type }) => places[type],
    details: (record) => (
      <CommonFacts record={record}>
        <Fact label="State">{record.enforced ? 'enforced' : 'warns only'}</Fact>
        <Fact label="Let in by">{record.policyIds.map(label).join(', ') || 'no policy'}</Fact>
      </CommonFacts>
    ),
    empty: {
      title: 'No restriction',
      text: <p>The dashboard, the API, agents and endpoints may be used from anywhere.</p>,
    },
    create: {
      title: 'New restriction',
      submit: 'Make restriction',
      fields: [
        {
          kind: 'choice',
          name: 'type',
          label: 'Restrict',
          options: Object.entries(places).map(([value, name]) => ({ value, label: name })),
        },
        ...fields,
      ],
      values: () => ({ type: 'agent', policies: [], enforced: false, description: '' }),
      body: (values) => ({
        type: textOf(values.type),
        enforced: values.enforced === true,
        ip_policy_ids: listOf(values.policies),
        description: textOf(values.description),
      }),
    },
    edit: {
      title: 'Edit',
      submit: 'Save restriction',
      fields,
      values: (record) => ({
        policies: record?.policyIds ?? [],
        enforced: record?.enforced ?? false,
        description: record?.description ?? '',
      }),
      body: (values) => ({
        enforced: values.enforced === true,
        ip_policy_ids: listOf(values.policies),
        description: textOf(values.description),
      }),
    },
    removal: {
      verb: 'Remove restriction',
      consequence: ({ type }) => <p>{places[type]}: usable from any address again.</p>,
    },
  };
  return <RecordList title="IP policies" base={base} kind={kind} tabs={tabs} />;
}
