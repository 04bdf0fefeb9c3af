'use client';

import { ruleFault } from '@portico/api-contract/acl';
import { list, nullable, object, type Reader, text } from '../../lib/shape.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { CommonFacts, NameOf, nameOf } from '../records/common-facts.tsx';
import {
  both,
  type CommonRecord,
  commonFields,
  commonValues,
  linesOf,
  readCommon,
  textOf,
} from '../records/common-fields.tsx';
import { Fact } from '../records/facts.tsx';
import type { FormField, RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';
import { AclPreview } from './acl-preview.tsx';

interface Authtoken extends CommonRecord {
  readonly acl: readonly string[];
  readonly ownerId: string | null;
  readonly token: string | null;
}

const raw = object({ acl: list(text), owner_id: nullable(text), token: nullable(text) });
const read: Reader<Authtoken> = both(readCommon, (value) => {
  const { acl, owner_id: ownerId, token } = raw(value);
  return { acl, ownerId, token };
});

const aclField: FormField = {
  kind: 'lines',
  name: 'acl',
  label: 'May open',
  rows: 4,
  placeholder: 'bind:demo.example.com\nbind:*.preview.example.com',
  help: 'One rule a line: bind:NAME, where NAME may begin with *. Left empty, it may open any name of this account.',
  problem: (value) =>
    linesOf(value)
      .map(ruleFault)
      .find((fault) => fault !== null) ?? null,
};

const kind: RecordKind<Authtoken> = {
  path: '/credentials',
  key: 'credentials',
  read,
  noun: 'authtoken',
  nouns: 'authtokens',
  gridColumns:
    'grid-cols-[minmax(0,1fr)_96px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_96px] @min-[960px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_260px_110px]',
  columns: [
    { label: 'Name', render: (record) => <NameOf record={record} /> },
    {
      label: 'May open',
      className: '@max-[640px]:hidden',
      render: ({ acl }) =>
        acl.length === 0 ? (
          <span className="text-ink-2">any name of this account</span>
        ) : (
          <span className="block truncate font-mono text-url">
            <UntrustedText text={acl.join('  ')} />
          </span>
        ),
    },
    {
      label: 'Owner',
      className: '@max-[960px]:hidden',
      render: ({ ownerId }) => <span className="block truncate font-mono text-meta text-ink-2">{ownerId ?? '–'}</span>,
    },
    { label: 'Made', isFigure: true, render: ({ createdAt }) => <LocalTime iso={createdAt} className="text-ink-2" /> },
  ],
  search: ({ id, description, acl, ownerId }) => [id, description, ...acl, ownerId].join(' '),
  title: nameOf,
  details: (record) => (
    <CommonFacts record={record}>
      <Fact label="May open">
        {record.acl.length === 0 ? (
          'any name of this account'
        ) : (
          <ul className="font-mono text-url">
            {record.acl.map((rule) => (
              <li key={rule}>
                <UntrustedText text={rule} />
              </li>
            ))}
          </ul>
        )}
      </Fact>
      {record.ownerId && (
        <Fact label="Owner">
          <code className="font-mono text-url">{record.ownerId}</code>
        </Fact>
      )}
    </CommonFacts>
  ),
  empty: {
    title: 'No authtoken',
    text: (
      <p>
        An agent shows an authtoken when it connects. Make one for each machine or person, so that each can be revoked
        alone.
      </p>
    ),
  },
  create: {
    title: 'New authtoken',
    submit: 'Make authtoken',
    fields: [...commonFields, aclField],
    values: () => ({ ...commonValues(null), acl: '' }),
    body: (values) => ({
      description: textOf(values.description),
      metadata: textOf(values.metadata),
      acl: linesOf(values.acl),
    }),
    aside: ({ acl }) => <AclPreview rules={linesOf(acl)} />,
  },
  edit: {
    title: 'Edit',
    submit: 'Save authtoken',
    fields: [...commonFields, aclField],
    values: (record) => ({ ...commonValues(record), acl: record?.acl.join('\n') ?? '' }),
    body: (values) => ({
      description: textOf(values.description),
      metadata: textOf(values.metadata),
      acl: linesOf(values.acl),
    }),
    aside: ({ acl }) => <AclPreview rules={linesOf(acl)} />,
  },
  removal: {
    verb: 'Revoke authtoken',
    consequence: () => (
      <p>
        Agents that use it lose their sessions and endpoints within five seconds, and cannot come back with it. If
        someone still needs it, make a new authtoken first and give them that.
      </p>
    ),
  },
  secret: ({ token }) => token,
  secretNote: (
    <p>
      On the machine of the agent: <code className="font-mono">portico config add-authtoken TOKEN</code>
    </p>
  ),
};

/** What agents sign in with. */
export function AuthtokensPage() {
  const { accountId } = useAccount();
  return <RecordList title="Authtokens" base={`/a/${accountId}/authtokens`} kind={kind} />;
}
