import { textOf } from '../records/common-fields.tsx';
import type { FormField, FormValues } from '../records/record-kind.ts';

/** One way for events to leave: what has to be known of it, and how the API takes it. */
export interface TargetKind {
  readonly kind: 'webhook' | 'file' | 'syslog' | 'otlp' | 's3';
  readonly label: string;
  readonly note: string;
  readonly fields: readonly FormField[];
  readonly body: (values: FormValues) => unknown;
}

const needed = (what: string) => (value: unknown) => (String(value).trim() === '' ? `${what} is needed.` : null);

const url = (name: string, placeholder: string): FormField => ({
  kind: 'text',
  name,
  label: 'URL',
  isCode: true,
  placeholder,
  problem: (value) => (/^https?:\/\/\S+$/.test(textOf(value)) ? null : 'A URL begins with https:// or http://.'),
});

const optional = (value: string): string | undefined => (value === '' ? undefined : value);

export const targetKinds: readonly TargetKind[] = [
  {
    kind: 'webhook',
    label: 'Webhook',
    note: 'POST to a URL, signed',
    fields: [
      url('webhookUrl', 'https://hooks.example.com/portico'),
      {
        kind: 'secret',
        name: 'webhookSecret',
        label: 'Signing secret',
        help: 'So that the receiver knows who sends. Left empty, one is made and shown once.',
      },
    ],
    body: (values) => ({ url: textOf(values.webhookUrl), signing_secret: optional(textOf(values.webhookSecret)) }),
  },
  {
    kind: 'syslog',
    label: 'Syslog',
    note: 'RFC 5424 over TCP or TLS',
    fields: [
      {
        kind: 'text',
        name: 'syslogAddress',
        label: 'Address',
        isCode: true,
        placeholder: 'logs.example.com:6514',
        problem: (value) => (/^\S+:\d{1,5}$/.test(textOf(value)) ? null : 'An address is HOST:PORT.'),
      },
      { kind: 'check', name: 'syslogTls', label: 'Over TLS' },
    ],
    body: (values) => ({ address: textOf(values.syslogAddress), tls: values.syslogTls === true }),
  },
  {
    kind: 'otlp',
    label: 'OpenTelemetry',
    note: 'OTLP logs over HTTP',
    fields: [url('otlpUrl', 'https://otel.example.com/v1/logs')],
    body: (values) => ({ url: textOf(values.otlpUrl) }),
  },
  {
    kind: 's3',
    label: 'Bucket',
    note: 'S3-compatible storage',
    fields: [
      { ...url('s3Endpoint', 'https://s3.eu-central-1.amazonaws.com'), label: 'Endpoint' },
      { kind: 'text', name: 's3Bucket', label: 'Bucket', isCode: true, problem: needed('The name of the bucket') },
      { kind: 'text', name: 's3Region', label: 'Region', isCode: true },
      { kind: 'text', name: 's3Prefix', label: 'Prefix', isCode: true },
      { kind: 'text', name: 's3Key', label: 'Access key id', isCode: true, problem: needed('The access key id') },
      { kind: 'secret', name: 's3Secret', label: 'Secret access key', problem: needed('The secret access key') },
    ],
    body: (values) => ({
      endpoint: textOf(values.s3Endpoint),
      bucket: textOf(values.s3Bucket),
      region: optional(textOf(values.s3Region)),
      prefix: optional(textOf(values.s3Prefix)),
      access_key_id: textOf(values.s3Key),
      secret_access_key: textOf(values.s3Secret),
    }),
  },
  {
    kind: 'file',
    label: 'File',
    note: 'On the server; only operators may',
    fields: [{ kind: 'text', name: 'filePath', label: 'Path', isCode: true, problem: needed('A path') }],
    body: (values) => ({ path: textOf(values.filePath) }),
  },
];

/** Where a destination leads, in a few words: `webhook https://hooks.example.com/portico`. */
export function targetText(target: unknown): string {
  if (typeof target !== 'object' || target === null) return '–';
  for (const [kind, value] of Object.entries(target)) {
    if (typeof value !== 'object' || value === null) continue;
    const facts: Record<string, unknown> = { ...value };
    const place = [facts.url, facts.address, facts.path, facts.bucket, facts.stream_arn].find(
      (candidate) => typeof candidate === 'string' && candidate !== '',
    );
    return place === undefined ? kind : `${kind} ${String(place)}`;
  }
  return '–';
}
