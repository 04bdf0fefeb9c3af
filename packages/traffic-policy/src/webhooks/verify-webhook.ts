import { createHash, createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { fieldValues, firstFieldValue } from '../variables/header-fields.ts';
import type { WebhookProvider } from './provider-ids.ts';
import type { HmacScheme, MessagePart, TimestampSource } from './scheme.ts';
import { WEBHOOK_SCHEMES } from './schemes.ts';

export interface WebhookRequest {
  readonly method: string;
  /** As the provider called it: `https://demo.example/hook?x=1`. */
  readonly url: string;
  readonly fields: readonly string[];
  /** Exactly the bytes that came. */
  readonly body: Uint8Array;
}

export type WebhookVerdict =
  | { readonly verified: true }
  /** `reason` is for the owner of the endpoint; it holds nothing secret. */
  | { readonly verified: false; readonly reason: string };

/** How far a signed time may be from now: a request that somebody recorded is of no use after that. */
export const WEBHOOK_TOLERANCE_MS = 300_000;

/**
 * Checks that a request was signed by its provider with the secret. Signatures are compared in constant time. `sns`
 * is not answered here: it needs a certificate, see `sns.ts`.
 */
export function verifyWebhook(
  provider: WebhookProvider,
  request: WebhookRequest,
  secret: string,
  nowMs: number,
): WebhookVerdict {
  const scheme = WEBHOOK_SCHEMES[provider];
  if (secret === '') return refused('the secret is empty');
  switch (scheme.kind) {
    case 'token': {
      const token = firstFieldValue(request.fields, scheme.field);
      if (token === null) return refused(`the field ${scheme.field} is missing`);
      return equalTexts(token, secret) ? VERIFIED : refused('the token differs');
    }
    case 'basic': {
      const wanted = `Basic ${Buffer.from(secret.replace('::', ':'), 'utf8').toString('base64')}`;
      const given = firstFieldValue(request.fields, 'authorization');
      if (given === null) return refused('the field authorization is missing');
      return equalTexts(given, wanted) ? VERIFIED : refused('user name or password differ');
    }
    case 'ecdsa':
      return verifyEcdsa(scheme, request, secret, nowMs);
    case 'certificate':
      return refused('this provider signs with a certificate');
    case 'first-present': {
      const present = scheme.schemes.filter((one) => signatureTexts(one, request).length > 0);
      if (present.length === 0) return refused('there is no signature');
      let last: WebhookVerdict = VERIFIED;
      for (const one of present) {
        last = verifyHmac(one, request, secret, nowMs);
        if (last.verified) return last;
      }
      return last;
    }
    case 'hmac':
      return verifyHmac(scheme, request, secret, nowMs);
  }
}

const VERIFIED: WebhookVerdict = { verified: true };

function refused(reason: string): WebhookVerdict {
  return { verified: false, reason };
}

function verifyHmac(scheme: HmacScheme, request: WebhookRequest, secret: string, nowMs: number): WebhookVerdict {
  const signatures = signatureTexts(scheme, request);
  if (signatures.length === 0) return refused(`the signature in ${scheme.fields[0] ?? 'the body'} is missing`);
  const timestamp = scheme.timestamp === undefined ? '' : timestampText(scheme.timestamp, scheme, request);
  if (timestamp === null) return refused('the time of the signature is missing');
  if (scheme.timestamp !== undefined && scheme.timestamp.anyAge !== true) {
    const signedMs = parseTime(timestamp, scheme.timestamp.unit);
    if (signedMs === null) return refused('the time of the signature cannot be read');
    if (Math.abs(nowMs - signedMs) > WEBHOOK_TOLERANCE_MS)
      return refused('the signature is too old or from the future');
  }
  const message: Uint8Array[] = [];
  for (const part of scheme.message) {
    const bytes = messagePart(part, request, timestamp);
    if (bytes === null) return refused('a part of what was signed is missing');
    message.push(bytes);
  }
  const expected = sign(scheme, secret, message);
  return signatures.some((signature) => matches(signature, expected)) ? VERIFIED : refused('the signature differs');
}

function sign(scheme: HmacScheme, secret: string, message: readonly Uint8Array[]): Buffer {
  if (scheme.construction === 'hash') {
    const hash = createHash(scheme.digest).update(secret, 'utf8');
    for (const part of message) hash.update(part);
    return hash.digest();
  }
  const hmac = createHmac(scheme.digest, keyOf(scheme, secret));
  for (const part of message) hmac.update(part);
  return hmac.digest();
}

function keyOf(scheme: HmacScheme, secret: string): Buffer {
  switch (scheme.key) {
    case 'base64':
      return Buffer.from(secret, 'base64');
    case 'whsec':
      return Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    default:
      return Buffer.from(secret, 'utf8');
  }
}

/** Hex or base64: both decode to the same digest, and neither text of a digest's length is one of the other. */
function matches(signature: string, expected: Buffer): boolean {
  const hex = signature.length === expected.length * 2 && /^[0-9a-f]+$/i.test(signature);
  const given = Buffer.from(signature, hex ? 'hex' : 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function equalTexts(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(a), digest(b));
}

const SIGNATURES_MAX = 20;

function signatureTexts(scheme: HmacScheme, request: WebhookRequest): string[] {
  if (scheme.signatureIn !== undefined) {
    const text = jsonText(request.body, scheme.signatureIn);
    return text === null ? [] : [text];
  }
  const texts: string[] = [];
  for (const field of scheme.fields) {
    for (const value of fieldValues(request.fields, field)) {
      for (const entry of listEntries(scheme, value)) {
        const { prefix } = scheme;
        if (prefix === undefined) texts.push(entry);
        else if (entry.toLowerCase().startsWith(prefix.toLowerCase())) texts.push(entry.slice(prefix.length).trim());
      }
    }
  }
  return texts.slice(0, SIGNATURES_MAX);
}

function listEntries(scheme: HmacScheme, value: string): string[] {
  switch (scheme.list?.kind) {
    case undefined:
      return [value.trim()];
    case 'pairs':
      return pairValues(value, scheme.list.key);
    case 'versions': {
      const { key } = scheme.list;
      if (key === '') return value.split(',').map((entry) => entry.trim());
      return value
        .split(' ')
        .filter((entry) => entry.startsWith(`${key},`))
        .map((entry) => entry.slice(key.length + 1));
    }
  }
}

function pairValues(value: string, key: string): string[] {
  return value
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${key}=`))
    .map((pair) => pair.slice(key.length + 1));
}

function timestampText(source: TimestampSource, scheme: HmacScheme, request: WebhookRequest): string | null {
  if ('field' in source.from) return firstFieldValue(request.fields, source.from.field)?.trim() ?? null;
  if ('json' in source.from) return jsonText(request.body, source.from.json);
  const value = firstFieldValue(request.fields, scheme.fields[0] ?? '');
  return value === null ? null : (pairValues(value, source.from.listKey)[0] ?? null);
}

function parseTime(text: string, unit: TimestampSource['unit']): number | null {
  if (unit !== 'iso') {
    if (!/^\d{1,16}$/.test(text)) return null;
    return Number(text) * (unit === 's' ? 1_000 : 1);
  }
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

function messagePart(part: MessagePart, request: WebhookRequest, timestamp: string): Uint8Array | null {
  if (typeof part !== 'string') {
    if ('literal' in part) return utf8(part.literal);
    const text = 'field' in part ? firstFieldValue(request.fields, part.field) : jsonText(request.body, part.json);
    return text === null ? null : utf8(text);
  }
  switch (part) {
    case 'body':
      return request.body;
    case 'method':
      return utf8(request.method);
    case 'url':
      return utf8(request.url);
    case 'url-without-query':
      return utf8(request.url.replace(/\?.*$/, ''));
    case 'target':
      return utf8(request.url.replace(/^https?:\/\/[^/?]*/, '') || '/');
    case 'timestamp':
      return utf8(timestamp);
    case 'sorted-form':
      return utf8(sortedForm(request, ''));
    case 'twilio-parameters':
      // A body that is no form is signed by its digest, which stands in the query of the URL.
      return hasForm(request) ? utf8(sortedForm(request, '')) : twilioBodyMatches(request) ? utf8('') : null;
    case 'plivo-parameters':
      return utf8(plivoParameters(request));
    case 'contentful-fields': {
      const names = firstFieldValue(request.fields, 'x-contentful-signed-headers');
      if (names === null) return null;
      const lines = names.split(',').map((name) => {
        const lower = name.trim().toLowerCase();
        return `${lower}:${(firstFieldValue(request.fields, lower) ?? '').trim()}`;
      });
      return utf8(lines.sort((a, b) => (a < b ? -1 : 1)).join(';'));
    }
    case 'graphcms-envelope': {
      const value = firstFieldValue(request.fields, 'gcms-signature') ?? '';
      const [environment] = pairValues(value, 'env');
      if (environment === undefined) return null;
      const text = Buffer.from(request.body).toString('utf8');
      return utf8(JSON.stringify({ Body: text, EnvironmentName: environment, TimeStamp: Number(timestamp) }));
    }
  }
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

function hasForm(request: WebhookRequest): boolean {
  const type = firstFieldValue(request.fields, 'content-type') ?? '';
  return request.body.length > 0 && type.toLowerCase().startsWith('application/x-www-form-urlencoded');
}

function sortedForm(request: WebhookRequest, between: string): string {
  if (!hasForm(request)) return '';
  const pairs = [...new URLSearchParams(Buffer.from(request.body).toString('utf8'))];
  // A name with several values counts once for each different value, in order.
  const unique = new Map(pairs.map(([name, value]) => [`${name}\u0000${value}`, `${name}${value}`]));
  return [...unique]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text)
    .join(between);
}

function twilioBodyMatches(request: WebhookRequest): boolean {
  if (request.body.length === 0) return true;
  const wanted = URL.canParse(request.url) ? new URL(request.url).searchParams.get('bodySHA256') : null;
  return wanted !== null && equalTexts(wanted.toLowerCase(), createHash('sha256').update(request.body).digest('hex'));
}

/** Plivo V3: the URL with its query sorted, then the sorted form of a POST. */
function plivoParameters(request: WebhookRequest): string {
  const question = request.url.indexOf('?');
  const base = question === -1 ? request.url : request.url.slice(0, question);
  const query = question === -1 ? '' : request.url.slice(question + 1);
  const sorted = [...new URLSearchParams(query)]
    .sort(([a, av], [b, bv]) => (a === b ? (av < bv ? -1 : 1) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const form = request.method === 'POST' ? sortedForm(request, '') : '';
  if (form === '' && sorted === '') return base;
  if (form === '') return `${base}?${sorted}`;
  return sorted === '' ? `${base}?${form}` : `${base}?${sorted}.${form}`;
}

function verifyEcdsa(
  scheme: { readonly field: string; readonly timestampField: string },
  request: WebhookRequest,
  secret: string,
  nowMs: number,
): WebhookVerdict {
  const signature = firstFieldValue(request.fields, scheme.field);
  const timestamp = firstFieldValue(request.fields, scheme.timestampField);
  if (signature === null || timestamp === null) return refused('signature or time are missing');
  const signedMs = parseTime(timestamp, 's');
  if (signedMs === null) return refused('the time of the signature cannot be read');
  if (Math.abs(nowMs - signedMs) > WEBHOOK_TOLERANCE_MS) return refused('the signature is too old or from the future');
  const der = Buffer.from(secret.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  try {
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const message = Buffer.concat([Buffer.from(timestamp), request.body]);
    return verify('sha256', message, key, Buffer.from(signature, 'base64'))
      ? VERIFIED
      : refused('the signature differs');
  } catch {
    return refused('the secret is not a public key');
  }
}

/** A text or number at a path of a JSON body, as text. */
function jsonText(bytes: Uint8Array, path: readonly string[]): string | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return null;
  }
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
    value = Reflect.get(value, key);
  }
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}
