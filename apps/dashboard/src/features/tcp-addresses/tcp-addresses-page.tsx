'use client';

import { object, type Reader, text } from '../../lib/shape.ts';
import { CommandLine } from '../../ui/command-line.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { useLive } from '../live/live-provider.tsx';
import { CommonFacts } from '../records/common-facts.tsx';
import { both, type CommonRecord, commonFields, commonValues, readCommon, textOf } from '../records/common-fields.tsx';
import type { RecordForm, RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';

interface TcpAddress extends CommonRecord {
  readonly addr: string;
}

const read: Reader<TcpAddress> = both(readCommon, object({ addr: text }));

const form: Pick<RecordForm<TcpAddress>, 'fields' | 'values' | 'body'> = {
  fields: commonFields,
  values: commonValues,
  body: (values) => ({ description: textOf(values.description), metadata: textOf(values.metadata) }),
};

const kind: RecordKind<TcpAddress> = {
  path: '/reserved_addrs',
  key: 'reserved_addrs',
  read,
  noun: 'address',
  nouns: 'addresses',
  gridColumns: 'grid-cols-[minmax(0,1fr)_120px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_120px_110px]',
  columns: [
    { label: 'Address', render: ({ addr }) => <span className="font-mono text-url">{addr}</span> },
    {
      label: 'Description',
      className: '@max-[640px]:hidden',
      render: ({ description }) => <UntrustedText text={description || '–'} />,
    },
    { label: 'Now', render: ({ addr }) => <Online addr={addr} /> },
    {
      label: 'Made',
      isFigure: true,
      className: '@max-[640px]:hidden',
      render: ({ createdAt }) => <LocalTime iso={createdAt} className="text-ink-2" />,
    },
  ],
  search: ({ id, addr, description }) => `${id} ${addr} ${description}`,
  title: ({ addr }) => addr,
  details: (record) => (
    <div className="flex flex-col gap-4">
      <p className="flex items-center gap-2">
        <code className="font-mono text-url">tcp://{record.addr}</code>
        <CopyButton text={`tcp://${record.addr}`} label="Copy the address" />
      </p>
      <CommandLine command={`portico tcp 5432 --url tcp://${record.addr}`} />
      <CommonFacts record={record} />
    </div>
  ),
  empty: {
    title: 'No TCP address',
    text: <p>A port that stays yours, online or not: for a database, SSH, a game server.</p>,
  },
  create: {
    title: 'Reserve an address',
    submit: 'Reserve an address',
    intro: 'The server picks a free port.',
    ...form,
  },
  edit: { title: 'Edit', submit: 'Save address', ...form },
  removal: {
    verb: 'Give up address',
    consequence: ({ addr }) => (
      <p>
        An endpoint on {addr} goes offline, and the port may be given to someone else after a rest. It cannot be asked
        for again.
      </p>
    ),
  },
};

function Online({ addr }: { addr: string }) {
  const { overview } = useLive();
  const isOnline = overview?.value.endpoints.some(({ url }) => url === `tcp://${addr}`) ?? false;
  return isOnline ? <span className="text-verdigris">online</span> : <span className="text-ink-3">offline</span>;
}

/** Ports for `tcp://` endpoints that the account keeps. */
export function TcpAddressesPage() {
  const { accountId } = useAccount();
  return <RecordList title="TCP addresses" base={`/a/${accountId}/tcp-addresses`} kind={kind} />;
}
