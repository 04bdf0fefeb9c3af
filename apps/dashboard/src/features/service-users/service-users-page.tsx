'use client';

import { flag, object, type Reader, text } from '../../lib/shape.ts';
import { Chip } from '../../ui/chip.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { textOf } from '../records/common-fields.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import type { FormField, RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';

interface ServiceUser {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  readonly createdAt: string;
}

const raw = object({ id: text, name: text, active: flag, created_at: text });
const read: Reader<ServiceUser> = (value) => {
  const { created_at: createdAt, ...rest } = raw(value);
  return { ...rest, createdAt };
};

const nameField: FormField = {
  kind: 'text',
  name: 'name',
  label: 'Name',
  help: 'The machine or job: “ci”, “staging deploys”.',
  problem: (value) => (textOf(value) === '' ? 'A name has 1 to 255 characters.' : null),
};
const activeField: FormField = {
  kind: 'check',
  name: 'active',
  label: 'Active',
  help: 'While it is not, none of its authtokens and API keys works.',
};

const kind: RecordKind<ServiceUser> = {
  path: '/service_users',
  key: 'service_users',
  read,
  noun: 'service user',
  nouns: 'service users',
  changeNeeds: 'keys.manage',
  gridColumns: 'grid-cols-[minmax(0,1fr)_110px_110px]',
  columns: [
    { label: 'Name', render: ({ name }) => <UntrustedText text={name} /> },
    {
      label: 'State',
      render: ({ active }) => <Chip tone={active ? 'works' : 'waiting'}>{active ? 'working' : 'paused'}</Chip>,
    },
    { label: 'Made', isFigure: true, render: ({ createdAt }) => <LocalTime iso={createdAt} className="text-ink-2" /> },
  ],
  search: ({ id, name }) => `${id} ${name}`,
  title: ({ name }) => name,
  details: ({ id, active, createdAt }) => (
    <Facts>
      <Fact label="State">{active ? 'working' : 'paused: none of its authtokens and API keys works'}</Fact>
      <Fact label="Made">
        <LocalTime iso={createdAt} />
      </Fact>
      <Fact label="Id">
        <code className="font-mono text-url">{id}</code>
      </Fact>
    </Facts>
  ),
  empty: {
    title: 'No service user',
    text: <p>A machine that owns its authtokens and API keys, so that they outlive the person who made them.</p>,
  },
  create: {
    title: 'New service user',
    submit: 'Make service user',
    fields: [nameField],
    values: () => ({ name: '' }),
    body: (values) => ({ name: textOf(values.name) }),
  },
  edit: {
    title: 'Edit',
    submit: 'Save service user',
    fields: [nameField, activeField],
    values: (record) => ({ name: record?.name ?? '', active: record?.active ?? true }),
    body: (values) => ({ name: textOf(values.name), active: values.active === true }),
  },
  removal: {
    verb: 'Remove service user',
    consequence: () => (
      <p>
        Its authtokens and API keys stop working within five seconds. To stop it for a while only, pause it instead.
      </p>
    ),
  },
};

/** Machines that own authtokens and API keys. */
export function ServiceUsersPage() {
  const { accountId } = useAccount();
  return <RecordList title="Service users" base={`/a/${accountId}/service-users`} kind={kind} />;
}
