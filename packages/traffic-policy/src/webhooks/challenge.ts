import { createHmac } from 'node:crypto';
import { firstFieldValue } from '../variables/header-fields.ts';
import type { WebhookProvider } from './provider-ids.ts';
import { verifyWebhook, type WebhookRequest } from './verify-webhook.ts';

/** What a provider wants to hear before it sends webhooks to an address. */
export interface ChallengeAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * The answer to a provider's question whether somebody with the secret is at this address, or null when the request is
 * no such question. The question itself is checked where it is signed.
 */
export function webhookChallenge(
  provider: WebhookProvider,
  request: WebhookRequest,
  secret: string,
  nowMs: number,
): ChallengeAnswer | null {
  switch (provider) {
    case 'twitter': {
      const token = request.method === 'GET' ? queryParameter(request.url, 'crc_token') : null;
      if (token === null) return null;
      const digest = createHmac('sha256', secret).update(token).digest('base64');
      return json({ response_token: `sha256=${digest}` });
    }
    case 'zoom': {
      const plainToken = zoomToken(request.body);
      if (plainToken === null || !verifyWebhook('zoom', request, secret, nowMs).verified) return null;
      return json({ plainToken, encryptedToken: createHmac('sha256', secret).update(plainToken).digest('hex') });
    }
    case 'worldline': {
      const text =
        request.method === 'GET' ? firstFieldValue(request.fields, 'x-gcs-webhooks-endpoint-verification') : null;
      return text === null ? null : { status: 200, contentType: 'text/plain', body: text };
    }
    case 'xero': {
      if (!isXeroIntent(request.body)) return null;
      // The right answer to a wrong signature is 401: Xero sends both to see whether anybody checks.
      const { verified } = verifyWebhook('xero', request, secret, nowMs);
      return { status: verified ? 200 : 401, contentType: 'text/plain', body: '' };
    }
    default:
      return null;
  }
}

function json(body: object): ChallengeAnswer {
  return { status: 200, contentType: 'application/json', body: JSON.stringify(body) };
}

function queryParameter(url: string, name: string): string | null {
  return URL.canParse(url) ? new URL(url).searchParams.get(name) : null;
}

function zoomToken(body: Uint8Array): string | null {
  const event = parseObject(body);
  if (event?.event !== 'endpoint.url_validation') return null;
  const payload: unknown = event.payload;
  const token: unknown =
    typeof payload === 'object' && payload !== null && 'plainToken' in payload ? payload.plainToken : null;
  return typeof token === 'string' ? token : null;
}

/** Xero asks with a message that holds no events. */
function isXeroIntent(body: Uint8Array): boolean {
  const message = parseObject(body);
  return message !== null && Array.isArray(message.events) && message.events.length === 0;
}

function parseObject(body: Uint8Array): { readonly [name: string]: unknown } | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
