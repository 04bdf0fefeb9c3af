'use client';

import { usePathname } from 'next/navigation';
import { field, oneOf, type Reader, text } from '../../lib/shape.ts';
import { Chip } from '../../ui/chip.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { CommonFacts, NameOf, nameOf } from '../records/common-facts.tsx';
import {
  both,
  type CommonRecord,
  commonFields,
  commonValues,
  descriptionField,
  readCommon,
  textOf,
} from '../records/common-fields.tsx';
import { Fact } from '../records/facts.tsx';
import { PartList } from '../records/part-list.tsx';
import type { FormField, RecordForm, RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';
import { Tabs } from '../records/tabs.tsx';
import { IpRestrictions } from './ip-restrictions.tsx';

const form: Pick<RecordForm<CommonRecord>, 'fields' | 'values' | 'body'> = {
  fields: commonFields,
  values: commonValues,
  body: (values) => ({ description: textOf(values.description), metadata: textOf(values.metadata) }),
};

const kind: RecordKind<CommonRecord> = {
  path: '/ip_policies',
  key: 'ip_policies',
  read: readCommon,
  noun: 'IP policy',
  nouns: 'IP policies',
  gridColumns: 'grid-cols-[minmax(0,1fr)_110px] @min-[760px]:grid-cols-[minmax(0,1fr)_300px_110px]',
  columns: [
    { label: 'Name', render: (record) => <NameOf record={record} /> },
    {
      label: 'Id, as policies name it',
      className: '@max-[760px]:hidden',
      render: ({ id }) => <code className="block truncate font-mono text-meta text-ink-2">{id}</code>,
    },
    { label: 'Made', isFigure: true, render: ({ createdAt }) => <LocalTime iso={createdAt} className="text-ink-2" /> },
  ],
  search: ({ id, description }) => `${id} ${description}`,
  title: nameOf,
  details: (record) => (
    <CommonFacts record={record}>
      <Fact label="In a policy">
        <code className="font-mono text-url">{`restrict-ips: {ip_policies: [${record.id}]}`}</code>
      </Fact>
    </CommonFacts>
  ),
  empty: {
    title: 'No IP policy',
    text: <p>A named set of address ranges: an office, a partner, a CDN. Endpoints and restrictions refer to it.</p>,
  },
  create: { title: 'New IP policy', submit: 'Make IP policy', ...form },
  edit: { title: 'Edit', submit: 'Save IP policy', ...form },
  removal: {
    verb: 'Remove IP policy',
    consequence: () => <p>Endpoints that name it let nobody in by it any more. One that a restriction uses is kept.</p>,
  },
};

/** Named sets of address ranges, and where the account may be used from. */
export function IpPoliciesPage() {
  const { accountId } = useAccount();
  const base = `/a/${accountId}/ip-policies`;
  const restrictions = `${base}/restrictions`;
  const path = usePathname();
  const isRestrictions = path === restrictions || path.startsWith(`${restrictions}/`);
  const tabs = (
    <Tabs
      label="IP policies"
      tabs={[
        { label: 'Policies', href: base, isHere: !isRestrictions },
        { label: 'Restrictions', href: restrictions, isHere: isRestrictions },
      ]}
    />
  );
  if (isRestrictions) return <IpRestrictions base={restrictions} tabs={tabs} />;
  return (
    <RecordList
      title="IP policies"
      base={base}
      kind={kind}
      tabs={tabs}
      below={(policy) => <Rules policyId={policy.id} />}
    />
  );
}

interface IpRule extends CommonRecord {
  readonly cidr: string;
  readonly action: 'allow' | 'deny';
}

const readRule: Reader<IpRule> = both(readCommon, (value) => ({
  cidr: field('cidr', text)(value),
  action: field('action', oneOf('allow', 'deny'))(value),
}));

const cidrField: FormField = {
  kind: 'text',
  name: 'cidr',
  label: 'Address range',
  isCode: true,
  placeholder: '203.0.113.0/24',
  help: 'With the lowest address of the range: 10.0.0.0/8, 2001:db8::/32, 203.0.113.7/32 for one address.',
  problem: (value) =>
    /^[0-9a-fA-F:.]{2,45}\/\d{1,3}$/.test(textOf(value))
      ? null
      : `“${textOf(value)}” is no range. A range is an address, a slash and the number of fixed bits.`,
};

const wholeRule = (id: string): string => `&filter=${encodeURIComponent(`obj.ip_policy.id == ${JSON.stringify(id)}`)}`;

function Rules({ policyId }: { policyId: string }) {
  return (
    <PartList
      title="Rules"
      path="/ip_policy_rules"
      listPath="/ip_policy_rules"
      listKey="ip_policy_rules"
      query={wholeRule(policyId)}
      read={readRule}
      noun="rule"
      empty="No rule yet: nobody is let in by this policy."
      rowName={({ cidr, action, description }) => (
        <span className="flex items-center gap-2">
          <Chip tone={action === 'allow' ? 'works' : 'fails'}>{action}</Chip>
          <span className="font-mono text-url">{cidr}</span>
          <span className="truncate text-meta text-ink-3">
            <UntrustedText text={description} />
          </span>
        </span>
      )}
      create={{
        title: 'Add a rule',
        submit: 'Add rule',
        fields: [
          cidrField,
          {
            kind: 'choice',
            name: 'action',
            label: 'Visitors from there',
            options: [
              { value: 'allow', label: 'are let in' },
              { value: 'deny', label: 'are kept out', note: 'Also when another rule would let them in.' },
            ],
          },
          descriptionField,
        ],
        values: () => ({ cidr: '', action: 'allow', description: '' }),
        body: (values) => ({
          ip_policy_id: policyId,
          cidr: textOf(values.cidr),
          action: textOf(values.action),
          description: textOf(values.description),
        }),
      }}
      removal={({ cidr, action }) =>
        action === 'allow'
          ? `Visitors from ${cidr} are no longer let in by this policy, within five seconds.`
          : `Visitors from ${cidr} are no longer kept out by this policy, within five seconds.`
      }
    />
  );
}
