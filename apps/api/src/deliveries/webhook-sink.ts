import { createHmac } from 'node:crypto';
import type { Outgoing } from '@portico/outgoing';
import type { Envelope } from './envelope.ts';
import { sendAndCheck } from './http-answer.ts';
import type { Sink } from './sink.ts';

/**
 * One POST an event, signed as Standard Webhooks have it (standardwebhooks.com): `webhook-id` is the event's,
 * `webhook-timestamp` in seconds, `webhook-signature: v1,` and the base64 of HMAC-SHA256 over
 * `id.timestamp.body`. A secret `whsec_…` is base64, any other is taken as it is.
 */
export class WebhookSink implements Sink {
  readonly batchMax = 1;
  readonly #outgoing: Outgoing;
  readonly #target: WebhookTarget;
  readonly #now: () => Date;

  constructor(outgoing: Outgoing, target: WebhookTarget, now: () => Date) {
    this.#outgoing = outgoing;
    this.#target = target;
    this.#now = now;
  }

  async send(events: readonly Envelope[], signal: AbortSignal): Promise<void> {
    const { url, headers, signing_secret: secret } = this.#target;
    for (const event of events) {
      const body = JSON.stringify(event);
      const seconds = Math.floor(this.#now().getTime() / 1000);
      await sendAndCheck(this.#outgoing, url, {
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/json',
          'webhook-id': event.event_id,
          'webhook-timestamp': String(seconds),
          ...(secret ? { 'webhook-signature': signWebhook(secret, event.event_id, seconds, body) } : {}),
        },
        body,
        signal,
      });
    }
  }

  close(): void {}
}

export interface WebhookTarget {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | null | undefined;
  readonly signing_secret?: string | null | undefined;
}

export function signWebhook(secret: string, id: string, seconds: number, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
  return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}
