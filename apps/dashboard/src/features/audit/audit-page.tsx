'use client';

import { anything, nullable, object, type Reader, text } from '../../lib/shape.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import type { RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';
import { changesBetween } from './changes.ts';

interface AuditEvent {
  readonly id: string;
  readonly at: string;
  readonly type: string;
  readonly actorId: string | null;
  readonly credentialId: string;
  readonly address: string;
  readonly objectId: string;
  readonly requestId: string;
  readonly before: unknown;
  readonly after: unknown;
}

const raw = object({
  id: text,
  created_at: text,
  type: text,
  actor: object({ id: nullable(text), credential_id: text, address: text }),
  request_id: text,
  object_id: text,
  before: anything,
  after: anything,
});
const read: Reader<AuditEvent> = (value) => {
  const { id, created_at: at, type, actor, request_id: requestId, object_id: objectId, before, after } = raw(value);
  return {
    id,
    at,
    type,
    actorId: actor.id,
    credentialId: actor.credential_id,
    address: actor.address,
    objectId,
    requestId,
    before,
    after,
  };
};

/** `ip_policy_created.v0` reads “IP policy created”. */
function inWords(type: string): string {
  const words = type.replace(/\.v\d+$/, '').replaceAll('_', ' ');
  return words
    .replace(/\b(ip|tls|tcp|api|ssh)\b/g, (word) => word.toUpperCase())
    .replace(/^./, (first) => first.toUpperCase());
}

const kind: RecordKind<AuditEvent> = {
  path: '/audit_events',
  key: 'audit_events',
  read,
  noun: 'entry',
  nouns: 'entries',
  gridColumns:
    'grid-cols-[minmax(0,1fr)_110px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_130px_110px] @min-[960px]:grid-cols-[240px_minmax(0,1fr)_minmax(0,1fr)_160px_130px]',
  columns: [
    { label: 'What', render: ({ type }) => <span className="font-regular">{inWords(type)}</span> },
    {
      label: 'Object',
      className: '@max-[640px]:hidden',
      render: ({ objectId }) => <code className="block truncate font-mono text-meta text-ink-2">{objectId}</code>,
    },
    {
      label: 'Who',
      className: '@max-[960px]:hidden',
      render: ({ actorId, credentialId }) => (
        <code className="block truncate font-mono text-meta text-ink-2">{actorId ?? credentialId}</code>
      ),
    },
    {
      label: 'From',
      className: '@max-[640px]:hidden',
      render: ({ address }) => (
        <span className="block truncate font-mono text-meta">
          <UntrustedText text={address} />
        </span>
      ),
    },
    { label: 'When', isFigure: true, render: ({ at }) => <LocalTime iso={at} className="text-ink-2" /> },
  ],
  search: ({ type, objectId, actorId, credentialId, address }) =>
    [inWords(type), type, objectId, actorId, credentialId, address].join(' '),
  title: ({ type }) => inWords(type),
  details: (event) => (
    <div className="flex flex-col gap-4">
      <Facts>
        <Fact label="When">
          <LocalTime iso={event.at} />
        </Fact>
        <Fact label="Who">
          <code className="font-mono text-url">{event.actorId ?? 'a machine'}</code>
        </Fact>
        <Fact label="With">
          <code className="font-mono text-url">{event.credentialId || '–'}</code>
        </Fact>
        <Fact label="From">
          <UntrustedText text={event.address} />
        </Fact>
        <Fact label="Object">
          <code className="font-mono text-url">{event.objectId}</code>
        </Fact>
        <Fact label="Request">
          <code className="font-mono text-url">{event.requestId}</code>
        </Fact>
      </Facts>
      <Changes before={event.before} after={event.after} />
    </div>
  ),
  empty: {
    title: 'Nothing has changed yet',
    text: <p>Each change of this account is written down here, with who and from where.</p>,
  },
};

function Changes({ before, after }: { before: unknown; after: unknown }) {
  const changes = changesBetween(before, after);
  if (changes.length === 0) return null;
  return (
    <section aria-label="What changed">
      <h3 className="mb-1 font-section">What changed</h3>
      <dl className="border-t border-line">
        {changes.map(({ path, was, is }) => (
          <div key={path} className="border-b border-line py-2">
            <dt className="font-mono text-meta text-ink-3">
              <UntrustedText text={path} />
            </dt>
            {was !== null && (
              <dd className="bg-cinnabar-soft px-2 font-mono text-url text-cinnabar wrap-anywhere">
                <span aria-hidden>− </span>
                <span className="sr-only">was </span>
                <UntrustedText text={was} />
              </dd>
            )}
            {is !== null && (
              <dd className="bg-verdigris-soft px-2 font-mono text-url text-verdigris wrap-anywhere">
                <span aria-hidden>+ </span>
                <span className="sr-only">is </span>
                <UntrustedText text={is} />
              </dd>
            )}
          </div>
        ))}
      </dl>
    </section>
  );
}

/** Who changed what, when and from where. Entries cannot be changed. */
export function AuditPage() {
  const { accountId } = useAccount();
  const exportPath = `/api/dashboard/v1/audit-export?account=${encodeURIComponent(accountId)}`;
  const actions = (['csv', 'jsonl'] as const).map((format) => (
    <a
      key={format}
      href={`${exportPath}&format=${format}`}
      download={`audit.${format}`}
      className="text-lapis underline underline-offset-2 max-sm:hidden"
    >
      Export {format === 'csv' ? 'CSV' : 'JSON lines'}
    </a>
  ));
  return <RecordList title="Audit log" base={`/a/${accountId}/audit`} kind={kind} actions={actions} />;
}
