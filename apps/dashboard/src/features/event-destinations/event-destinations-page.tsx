'use client';

import { usePathname } from 'next/navigation';
import type { ReactNode } from 'react';
import { field, list, object, type Reader, text } from '../../lib/shape.ts';
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
  listOf,
  readCommon,
  textOf,
} from '../records/common-fields.tsx';
import { Fact } from '../records/facts.tsx';
import type { FormField, FormValues, RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';
import { Tabs } from '../records/tabs.tsx';
import { useRecords } from '../records/use-records.ts';
import { type Destination, readDestination } from './destination.ts';
import { DeliveryChip, DestinationDelivery } from './destination-delivery.tsx';
import { readKept, type Source, sourceLine, sourceOf } from './source-line.ts';
import { targetKinds, targetText } from './targets.ts';

interface Subscription extends CommonRecord {
  readonly sources: readonly Source[];
  readonly destinationIds: readonly string[];
}

const readSource = object({ type: text, filter: text, fields: list(text) });
const readSubscription: Reader<Subscription> = both(readCommon, (value) => ({
  sources: field('sources', list(readSource))(value),
  destinationIds: field('destinations', list(object({ id: text })))(value).map(({ id }) => id),
}));

const isTarget = (kind: string) => (values: FormValues) => values.kind === kind;

const targetFields: readonly FormField[] = [
  {
    kind: 'choice',
    name: 'kind',
    label: 'Send events to',
    options: targetKinds.map(({ kind, label, note }) => ({ value: kind, label, note })),
  },
  ...targetKinds.flatMap(({ kind, fields }) => fields.map((one): FormField => ({ ...one, isAsked: isTarget(kind) }))),
];

function targetBody(values: FormValues): unknown {
  const kind = targetKinds.find((candidate) => candidate.kind === values.kind);
  return kind === undefined ? {} : { [kind.kind]: kind.body(values) };
}

const destinations: RecordKind<Destination> = {
  path: '/event_destinations',
  key: 'event_destinations',
  read: readDestination,
  noun: 'destination',
  nouns: 'destinations',
  gridColumns: 'grid-cols-[minmax(0,1fr)_90px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_90px_130px]',
  columns: [
    { label: 'Name', render: (record) => <NameOf record={record} /> },
    {
      label: 'Target',
      className: '@max-[640px]:hidden',
      render: ({ target }) => (
        <span className="block truncate text-ink-2">
          <UntrustedText text={targetText(target)} />
        </span>
      ),
    },
    { label: 'State', render: ({ state }) => <DeliveryChip state={state} /> },
    {
      label: 'Last delivery',
      isFigure: true,
      className: '@max-[640px]:hidden',
      render: ({ lastDeliveredAt }) =>
        lastDeliveredAt === null ? (
          <span className="text-ink-3">–</span>
        ) : (
          <LocalTime iso={lastDeliveredAt} className="text-ink-2" />
        ),
    },
  ],
  search: (record) => [record.id, record.description, targetText(record.target)].join(' '),
  title: nameOf,
  isWide: true,
  details: (record, reload) => (
    <div className="flex flex-col gap-6">
      <DestinationDelivery record={record} reload={reload} />
      <CommonFacts record={record}>
        <Fact label="Target">
          <UntrustedText text={targetText(record.target)} />
        </Fact>
      </CommonFacts>
    </div>
  ),
  secret: ({ madeSecret }) => madeSecret,
  secretNote: 'The receiver checks the signature of every request with it.',
  empty: {
    title: 'No destination',
    text: <p>Where events go: a webhook, a file, syslog, an OTLP collector, a bucket.</p>,
  },
  create: {
    title: 'New destination',
    submit: 'Make destination',
    fields: [...targetFields, ...commonFields],
    values: () => ({
      kind: 'webhook',
      ...Object.fromEntries(
        targetKinds.flatMap(({ fields }) => fields.map(({ name, kind }) => [name, kind === 'check' ? false : ''])),
      ),
      ...commonValues(null),
    }),
    body: (values) => ({
      description: textOf(values.description),
      metadata: textOf(values.metadata),
      format: 'json',
      target: targetBody(values),
    }),
  },
  edit: {
    title: 'Edit',
    submit: 'Save destination',
    fields: commonFields,
    values: commonValues,
    body: (values) => ({ description: textOf(values.description), metadata: textOf(values.metadata) }),
  },
  removal: {
    verb: 'Remove destination',
    consequence: () => <p>Events that were not delivered yet are dropped. Subscriptions lose it.</p>,
  },
};

const listOfDestinations = { path: '/event_destinations', key: 'event_destinations', read: readDestination };

/** Where events go, and which. */
export function EventDestinationsPage() {
  const { accountId } = useAccount();
  const base = `/a/${accountId}/event-destinations`;
  const subscriptionsPath = `${base}/subscriptions`;
  const path = usePathname();
  const isSubscriptions = path === subscriptionsPath || path.startsWith(`${subscriptionsPath}/`);
  const tabs = (
    <Tabs
      label="Events"
      tabs={[
        { label: 'Destinations', href: base, isHere: !isSubscriptions },
        { label: 'Subscriptions', href: subscriptionsPath, isHere: isSubscriptions },
      ]}
    />
  );
  return isSubscriptions ? (
    <Subscriptions base={subscriptionsPath} tabs={tabs} />
  ) : (
    <RecordList title="Event destinations" base={base} kind={destinations} tabs={tabs} />
  );
}

function Subscriptions({ base, tabs }: { base: string; tabs: ReactNode }) {
  const known = useRecords(listOfDestinations).items ?? [];
  const name = (id: string): string => {
    const found = known.find((destination) => destination.id === id);
    return found ? nameOf(found) : id;
  };
  const fields: FormField[] = [
    {
      kind: 'lines',
      name: 'sources',
      label: 'Events',
      rows: 5,
      placeholder: 'endpoint_start.v0\nhttp_request_complete.v0 where ev.http.response.status_code >= 500',
      help: 'One type a line, such as http_request_complete.v0, agent_session_start.v0, domain_created.v0. What follows “where” picks among events of traffic.',
      problem: (value) => (linesOf(value).length === 0 ? 'Name at least one type of event.' : null),
    },
    {
      kind: 'some-of',
      name: 'destinations',
      label: 'Send them to',
      options: known.map((destination) => ({
        value: destination.id,
        label: nameOf(destination),
        note: targetText(destination.target),
      })),
    },
    ...commonFields,
  ];
  const form = {
    fields,
    values: (record: Subscription | null): FormValues => ({
      sources: record?.sources.map(sourceLine).join('\n') ?? '',
      // Which fields are sent is not asked here, and not lost either.
      fields: record?.sources.filter(({ fields }) => fields.length > 0).map((source) => JSON.stringify(source)) ?? [],
      destinations: record?.destinationIds ?? [],
      ...commonValues(record),
    }),
    body: (values: FormValues): unknown => ({
      sources: linesOf(values.sources).map((line) => sourceOf(line, listOf(values.fields).map(readKept))),
      destination_ids: listOf(values.destinations),
      description: textOf(values.description),
      metadata: textOf(values.metadata),
    }),
  };
  const kind: RecordKind<Subscription> = {
    path: '/event_subscriptions',
    key: 'event_subscriptions',
    read: readSubscription,
    noun: 'subscription',
    nouns: 'subscriptions',
    gridColumns:
      'grid-cols-[minmax(0,1fr)_minmax(0,1fr)] @min-[760px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_minmax(0,1fr)]',
    columns: [
      { label: 'Name', render: (record) => <NameOf record={record} /> },
      {
        label: 'Events',
        render: ({ sources }) => (
          <span className="block truncate font-mono text-meta">{sources.map(({ type }) => type).join(' ')}</span>
        ),
      },
      {
        label: 'Sent to',
        className: '@max-[760px]:hidden',
        render: ({ destinationIds }) => (
          <span className="block truncate">
            <UntrustedText text={destinationIds.map(name).join(', ') || '–'} />
          </span>
        ),
      },
    ],
    search: (record) => [record.id, record.description, ...record.sources.map(sourceLine)].join(' '),
    title: nameOf,
    details: (record) => (
      <CommonFacts record={record}>
        <Fact label="Events">
          <ul className="font-mono text-url">
            {record.sources.map((source) => (
              <li key={source.type}>
                <UntrustedText text={sourceLine(source)} />
                {source.fields.length > 0 && (
                  <span className="block text-meta text-ink-3">
                    only <UntrustedText text={source.fields.join(', ')} />
                  </span>
                )}
              </li>
            ))}
          </ul>
        </Fact>
        <Fact label="Sent to">
          <UntrustedText text={record.destinationIds.map(name).join(', ') || 'nowhere yet'} />
        </Fact>
      </CommonFacts>
    ),
    empty: { title: 'No subscription', text: <p>A subscription says which events go to which destinations.</p> },
    create: { title: 'New subscription', submit: 'Make subscription', ...form },
    edit: { title: 'Edit', submit: 'Save subscription', ...form },
    removal: { verb: 'Remove subscription', consequence: () => <p>Its events are no longer sent anywhere.</p> },
  };
  return <RecordList title="Event destinations" base={base} kind={kind} tabs={tabs} />;
}
