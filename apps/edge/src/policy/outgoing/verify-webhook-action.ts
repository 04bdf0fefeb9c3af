import type { Outgoing } from '@portico/outgoing';
import {
  type PolicyScope,
  parseSnsMessage,
  verifySnsMessage,
  verifyWebhook,
  type WebhookRequest,
  type WebhookVerdict,
  webhookChallenge,
} from '@portico/traffic-policy';
import { LRUCache } from 'lru-cache';
import type { ActionOf, AsyncAction, AsyncOutcome, AsyncTools } from '../async-action.ts';
import { NEXT, NO_ERROR, refuse, resultError } from './refusal.ts';

const BODY_BYTES_MAX = 1_048_576;
const CERTIFICATE_BYTES_MAX = 65_536;

/**
 * `verify-webhook`: the body is read whole, checked against its signature, and given on as it came. Questions by which
 * a provider makes sure of an address are answered here.
 */
export class VerifyWebhookAction implements AsyncAction<'verify-webhook'> {
  readonly #outgoing: Outgoing;
  /** PEM by address: SNS keeps a certificate at one address for its life. */
  readonly #certificates = new LRUCache<string, string>({ max: 100, ttl: 3_600_000, ttlResolution: 1_000 });

  constructor({ outgoing }: { outgoing: Outgoing }) {
    this.#outgoing = outgoing;
  }

  async run({ config }: ActionOf<'verify-webhook'>, scope: PolicyScope, tools: AsyncTools): Promise<AsyncOutcome> {
    const { request } = scope;
    if (request === null) return NEXT;
    const { provider } = config;
    const secret = config.secret.text(scope);
    const webhook: WebhookRequest = {
      method: request.method,
      url: `${request.scheme}://${request.authority}${request.target}`,
      fields: request.fields,
      body: await tools.body(BODY_BYTES_MAX),
    };
    const nowMs = scope.now().getTime();
    const challenge = secret === '' ? null : webhookChallenge(provider, webhook, secret, nowMs);
    if (challenge !== null) {
      const { status, contentType, body } = challenge;
      scope.setResult('verify_webhook', { verified: status === 200, error: NO_ERROR });
      const fields = ['content-type', contentType];
      return { kind: 'answer', answer: { status, fields, body: Buffer.from(body, 'utf8'), error: null } };
    }
    const verdict =
      provider === 'sns'
        ? await this.#verifySns(webhook.body, nowMs, tools.signal)
        : verifyWebhook(provider, webhook, secret, nowMs);
    if (verdict.verified) {
      scope.setResult('verify_webhook', { verified: true, error: NO_ERROR });
      return NEXT;
    }
    const details = { provider, reason: verdict.reason };
    scope.setResult('verify_webhook', { verified: false, error: resultError(3204, details) });
    return config.enforce ? refuse(3204, details) : NEXT;
  }

  async #verifySns(body: Uint8Array, nowMs: number, signal: AbortSignal): Promise<WebhookVerdict> {
    const message = parseSnsMessage(body);
    if ('reason' in message) return { verified: false, reason: message.reason };
    let pem = this.#certificates.get(message.certificateUrl);
    if (pem === undefined) {
      try {
        const answer = await this.#outgoing.send(message.certificateUrl, { signal, maxBytes: CERTIFICATE_BYTES_MAX });
        if (answer.status !== 200) throw new Error(`it answers ${answer.status}`);
        pem = answer.body.toString('utf8');
      } catch (error) {
        const reason = error instanceof Error ? error.message : 'unknown reason';
        return { verified: false, reason: `the certificate cannot be fetched: ${reason}` };
      }
    }
    const verdict = verifySnsMessage(message, pem, nowMs);
    // Only what proved itself is kept, or a forger could fill the cache.
    if (verdict.verified) this.#certificates.set(message.certificateUrl, pem);
    return verdict;
  }
}
