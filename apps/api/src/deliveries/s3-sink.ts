import type { Outgoing } from '@portico/outgoing';
import { AwsClient } from 'aws4fetch';
import type { Envelope } from './envelope.ts';
import { sendAndCheck } from './http-answer.ts';
import type { Sink } from './sink.ts';

/**
 * One object a batch, a line of JSON an event, under `<prefix><yyyy>/<mm>/<dd>/<time>-<id of the first event>.ndjson`:
 * a batch that is sent again writes the same object. Path style, signed with AWS Signature 4.
 */
export class S3Sink implements Sink {
  readonly batchMax = 500;
  readonly #outgoing: Outgoing;
  readonly #target: S3Target;
  readonly #client: AwsClient;

  constructor(outgoing: Outgoing, target: S3Target) {
    this.#outgoing = outgoing;
    this.#target = target;
    this.#client = new AwsClient({
      accessKeyId: target.access_key_id,
      secretAccessKey: target.secret_access_key,
      region: target.region || 'us-east-1',
      service: 's3',
    });
  }

  async send(events: readonly Envelope[], signal: AbortSignal): Promise<void> {
    const [first] = events;
    if (first === undefined) return;
    const { endpoint, bucket, prefix } = this.#target;
    const path = `${bucket}/${prefix ?? ''}${objectName(first)}`.split('/').map(encodeURIComponent).join('/');
    const body = events.map((event) => `${JSON.stringify(event)}\n`).join('');
    const headers = { 'content-type': 'application/x-ndjson' };
    const signed = await this.#client.sign(`${endpoint.replace(/\/+$/, '')}/${path}`, {
      method: 'PUT',
      headers,
      body,
    });
    await sendAndCheck(this.#outgoing, signed.url, { method: 'PUT', headers: signed.headers, body, signal });
  }

  close(): void {}
}

export interface S3Target {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region?: string | null | undefined;
  readonly prefix?: string | null | undefined;
  readonly access_key_id: string;
  readonly secret_access_key: string;
}

function objectName({ event_timestamp: at, event_id: id }: Envelope): string {
  return `${at.slice(0, 10).replaceAll('-', '/')}/${at.slice(11, 19).replaceAll(':', '')}-${id}.ndjson`;
}
