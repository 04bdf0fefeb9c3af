'use client';

import { usePathname } from 'next/navigation';
import { field, list, object, type Reader, text } from '../../lib/shape.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { CommonFacts } from '../records/common-facts.tsx';
import { both, type CommonRecord, commonFields, commonValues, readCommon, textOf } from '../records/common-fields.tsx';
import { Fact } from '../records/facts.tsx';
import type { FormField, RecordForm, RecordKind } from '../records/record-kind.ts';
import { RecordList } from '../records/record-list.tsx';
import { Tabs } from '../records/tabs.tsx';
import { LifeBar } from './life-bar.tsx';

interface Certificate extends CommonRecord {
  readonly subject: string;
  readonly names: readonly string[];
  readonly issuer: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

const life = object({ subject_common_name: text, not_before: text, not_after: text });

const readCertificate: Reader<Certificate> = both(readCommon, (value) => {
  const { subject_common_name: subject, not_before: notBefore, not_after: notAfter } = life(value);
  const names = field('subject_alternative_names', object({ dns_names: list(text), ips: list(text) }))(value);
  return {
    subject,
    notBefore,
    notAfter,
    names: [...names.dns_names, ...names.ips],
    issuer: field('issuer_common_name', text)(value),
  };
});

const readAuthority: Reader<Certificate> = both(readCommon, (value) => {
  const { subject_common_name: subject, not_before: notBefore, not_after: notAfter } = life(value);
  return { subject, notBefore, notAfter, names: [], issuer: '' };
});

const pemField = (name: string, label: string, help: string): FormField => ({
  kind: 'file',
  name,
  label,
  accept: '.pem,.crt,.cer,.key',
  placeholder: '-----BEGIN …-----',
  help,
  problem: (value) => (/-----BEGIN [A-Z ]+-----/.test(textOf(value)) ? null : 'PEM begins with -----BEGIN …-----.'),
});

const editForm: RecordForm<Certificate> = {
  title: 'Edit',
  submit: 'Save',
  fields: commonFields,
  values: commonValues,
  body: (values) => ({ description: textOf(values.description), metadata: textOf(values.metadata) }),
};

const columns: RecordKind<Certificate>['columns'] = [
  {
    label: 'Subject',
    render: ({ subject, names }) => <UntrustedText text={subject || (names[0] ?? '–')} />,
  },
  {
    label: 'Names',
    className: '@max-[640px]:hidden',
    render: ({ names, description }) => (
      <span className="block truncate text-ink-2">
        <UntrustedText text={names.join(', ') || description || '–'} />
      </span>
    ),
  },
  {
    label: 'Issuer',
    className: '@max-[960px]:hidden',
    render: ({ issuer }) => (
      <span className="block truncate text-ink-2">
        <UntrustedText text={issuer || '–'} />
      </span>
    ),
  },
  { label: 'Life', render: ({ notBefore, notAfter }) => <LifeBar notBefore={notBefore} notAfter={notAfter} /> },
];

const gridColumns =
  'grid-cols-[minmax(0,1fr)_150px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_170px] @min-[960px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_200px_190px]';

const details = (record: Certificate) => (
  <CommonFacts record={record}>
    {record.names.length > 0 && (
      <Fact label="Names">
        <UntrustedText text={record.names.join(', ')} />
      </Fact>
    )}
    {record.issuer !== '' && (
      <Fact label="Issuer">
        <UntrustedText text={record.issuer} />
      </Fact>
    )}
    <Fact label="Valid from">
      <LocalTime iso={record.notBefore} />
    </Fact>
    <Fact label="Valid until">
      <LocalTime iso={record.notAfter} />
    </Fact>
  </CommonFacts>
);

const search = ({ id, subject, names, issuer, description }: Certificate): string =>
  [id, subject, issuer, description, ...names].join(' ');
const title = ({ subject, names, id }: Certificate): string => subject || names[0] || id;

const uploaded: RecordKind<Certificate> = {
  path: '/tls_certificates',
  key: 'tls_certificates',
  read: readCertificate,
  noun: 'certificate',
  nouns: 'certificates',
  gridColumns,
  columns,
  search,
  title,
  details,
  empty: {
    title: 'No certificate of your own',
    text: (
      <p>
        Names under the base domain have theirs without you. Upload one to serve a name with a certificate you bought.
      </p>
    ),
  },
  create: {
    title: 'Upload a certificate',
    submit: 'Upload certificate',
    fields: [
      pemField('certificate', 'Certificate', 'PEM: the certificate, then those that lead from it to a root.'),
      pemField('key', 'Private key', 'PEM, not encrypted. It is kept sealed and never shown again.'),
      ...commonFields,
    ],
    values: () => ({ certificate: '', key: '', ...commonValues(null) }),
    body: (values) => ({
      certificate_pem: textOf(values.certificate),
      private_key_pem: textOf(values.key),
      description: textOf(values.description),
      metadata: textOf(values.metadata),
    }),
  },
  edit: editForm,
  removal: {
    verb: 'Remove certificate',
    consequence: () => <p>A domain that uses it is served with a certificate of this installation again.</p>,
  },
};

const authorities: RecordKind<Certificate> = {
  path: '/certificate_authorities',
  key: 'certificate_authorities',
  read: readAuthority,
  noun: 'authority',
  nouns: 'authorities',
  gridColumns: 'grid-cols-[minmax(0,1fr)_150px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_170px]',
  columns: columns.filter(({ label }) => label !== 'Issuer'),
  search,
  title,
  details,
  empty: {
    title: 'No certificate authority',
    text: <p>Upload the authority whose certificates visitors must show (mutual TLS).</p>,
  },
  create: {
    title: 'Upload an authority',
    submit: 'Upload authority',
    fields: [pemField('ca', 'Certificate of the authority', 'PEM, one certificate or several.'), ...commonFields],
    values: () => ({ ca: '', ...commonValues(null) }),
    body: (values) => ({
      ca_pem: textOf(values.ca),
      description: textOf(values.description),
      metadata: textOf(values.metadata),
    }),
  },
  edit: editForm,
  removal: {
    verb: 'Remove authority',
    consequence: () => <p>Endpoints that ask visitors for its certificates let none of them in any more.</p>,
  },
};

/** Certificates that people brought, and the authorities that they ask visitors' certificates of. */
export function CertificatesPage() {
  const { accountId } = useAccount();
  const base = `/a/${accountId}/certificates`;
  const authoritiesPath = `${base}/authorities`;
  const path = usePathname();
  const isAuthorities = path === authoritiesPath || path.startsWith(`${authoritiesPath}/`);
  const tabs = (
    <Tabs
      label="Certificates"
      tabs={[
        { label: 'Uploaded', href: base, isHere: !isAuthorities },
        { label: 'Authorities', href: authoritiesPath, isHere: isAuthorities },
      ]}
    />
  );
  return isAuthorities ? (
    <RecordList key="authorities" title="Certificates" base={authoritiesPath} kind={authorities} tabs={tabs} />
  ) : (
    <RecordList key="uploaded" title="Certificates" base={base} kind={uploaded} tabs={tabs} />
  );
}
