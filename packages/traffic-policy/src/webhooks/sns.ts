import { createVerify, X509Certificate } from 'node:crypto';
import { WEBHOOK_TOLERANCE_MS, type WebhookVerdict } from './verify-webhook.ts';

/**
 * Amazon SNS signs with a key whose certificate lies at an address in the message. Only addresses of SNS itself are
 * followed, so a forged message cannot bring its own certificate; fetching and caching it is the caller's.
 */
export interface SnsMessage {
  readonly certificateUrl: string;
  readonly type: 'Notification' | 'SubscriptionConfirmation' | 'UnsubscribeConfirmation';
  readonly fields: Readonly<Record<string, string>>;
}

/** The message of a body, or why it is none. */
export function parseSnsMessage(body: Uint8Array): SnsMessage | { readonly reason: string } {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return { reason: 'the body is not JSON' };
  }
  if (typeof value !== 'object' || value === null) return { reason: 'the body is not a message' };
  const fields: Record<string, string> = Object.create(null);
  for (const [name, content] of Object.entries(value)) if (typeof content === 'string') fields[name] = content;
  const { Type: type, SigningCertURL: url } = fields;
  if (type !== 'Notification' && type !== 'SubscriptionConfirmation' && type !== 'UnsubscribeConfirmation') {
    return { reason: 'the body is not a message of SNS' };
  }
  if (url === undefined || !isSnsCertificateUrl(url)) return { reason: 'the certificate is not one of SNS' };
  return { certificateUrl: url, type, fields };
}

export function isSnsCertificateUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, port, username, password, pathname } = new URL(text);
  return (
    protocol === 'https:' &&
    port === '' &&
    username === '' &&
    password === '' &&
    /^sns\.[a-z0-9-]{3,32}\.amazonaws\.com(?:\.cn)?$/.test(hostname) &&
    pathname.endsWith('.pem')
  );
}

/** Checks a message against the certificate (PEM) that was fetched from its address. */
export function verifySnsMessage(message: SnsMessage, certificatePem: string, nowMs: number): WebhookVerdict {
  const { fields, type } = message;
  const names = type === 'Notification' ? NOTIFICATION : CONFIRMATION;
  const signed = names
    .filter((name) => fields[name] !== undefined)
    .map((name) => `${name}\n${fields[name]}\n`)
    .join('');
  const sentMs = Date.parse(fields.Timestamp ?? '');
  // SNS retries for an hour with the first signature.
  if (Number.isNaN(sentMs) || Math.abs(nowMs - sentMs) > 3_600_000 + WEBHOOK_TOLERANCE_MS) {
    return { verified: false, reason: 'the message is too old or from the future' };
  }
  const algorithm = fields.SignatureVersion === '2' ? 'RSA-SHA256' : 'RSA-SHA1';
  try {
    const { publicKey } = new X509Certificate(certificatePem);
    const right = createVerify(algorithm)
      .update(signed, 'utf8')
      .verify(publicKey, fields.Signature ?? '', 'base64');
    return right ? { verified: true } : { verified: false, reason: 'the signature differs' };
  } catch {
    return { verified: false, reason: 'the certificate cannot be read' };
  }
}

const NOTIFICATION = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'];
const CONFIRMATION = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
