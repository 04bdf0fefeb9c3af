'use client';

import { nullable, object, type Reader, text } from '../../lib/shape.ts';
import { CommandLine } from '../../ui/command-line.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { useLive } from '../live/live-provider.tsx';
import { CommonFacts } from '../records/common-facts.tsx';
import { both, type CommonRecord, commonFields, commonValues, readCommon, textOf } from '../records/common-fields.tsx';
import { Fact } from '../records/facts.tsx';
import type { RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';

interface Domain extends CommonRecord {
  readonly domain: string;
  readonly cnameTarget: string | null;
  readonly certificateId: string | null;
}

const raw = object({ domain: text, cname_target: nullable(text), certificate: nullable(object({ id: text })) });
const read: Reader<Domain> = both(readCommon, (value) => {
  const { domain, cname_target: cnameTarget, certificate } = raw(value);
  return { domain, cnameTarget, certificateId: certificate?.id ?? null };
});

const kind: RecordKind<Domain> = {
  path: '/reserved_domains',
  key: 'reserved_domains',
  read,
  noun: 'domain',
  nouns: 'domains',
  gridColumns: 'grid-cols-[minmax(0,1fr)_90px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_90px_110px]',
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
    { label: 'Now', render: ({ domain }) => <Online domain={domain} /> },
    {
      label: 'Made',
      isFigure: true,
      className: '@max-[640px]:hidden',
      render: ({ createdAt }) => <LocalTime iso={createdAt} className="text-ink-2" />,
    },
  ],
  search: ({ id, domain, description }) => `${id} ${domain} ${description}`,
  title: ({ domain }) => domain,
  details: (record) => (
    <div className="flex flex-col gap-4">
      <CommandLine command={`portico http 3000 --url https://${record.domain.replace(/^\*\./, 'any.')}`} />
      {record.cnameTarget !== null && (
        <div className="flex flex-col gap-1">
          <h3 className="font-section">The record that your DNS needs</h3>
          <p className="flex items-center gap-2">
            <code className="min-w-0 font-mono text-url wrap-anywhere">
              {record.domain} CNAME {record.cnameTarget}
            </code>
            <CopyButton text={record.cnameTarget} label="Copy the target" />
          </p>
        </div>
      )}
      <CommonFacts record={record}>
        <Fact label="Certificate">
          {record.certificateId === null ? (
            'of this installation'
          ) : (
            <code className="font-mono">{record.certificateId}</code>
          )}
        </Fact>
      </CommonFacts>
    </div>
  ),
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

function Online({ domain }: { domain: string }) {
  const { overview } = useLive();
  const endpoints = overview?.value.endpoints ?? [];
  const isOnline = endpoints.some(({ url }) => {
    const { hostname } = new URL(url.replace(/^(tcp|tls):/, 'https:').replace('//*.', '//wildcard.'));
    return (
      hostname === domain.replace('*.', 'wildcard.') || (domain.startsWith('*.') && hostname.endsWith(domain.slice(1)))
    );
  });
  return isOnline ? <span className="text-verdigris">online</span> : <span className="text-ink-3">offline</span>;
}

/** Names that the account keeps. */
export function DomainsPage() {
  const { accountId } = useAccount();
  return <RecordList title="Domains" base={`/a/${accountId}/domains`} kind={kind} />;
}
