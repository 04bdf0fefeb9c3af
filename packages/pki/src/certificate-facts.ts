import { X509Certificate } from 'node:crypto';
import { PkiError } from './names.ts';

/** SHA-256 of the first certificate of a PEM text: 64 lower-case hex digits, as `--ca-sha256` takes it. */
export function fingerprintSha256(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}

/** A fingerprint as people type or paste it, with colons or spaces or capitals. Throws PkiError. */
export function parseFingerprint(text: string): string {
  const digits = text.trim().replace(/[:\s]/g, '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits)) {
    throw new PkiError('A SHA-256 fingerprint has 64 hex digits.');
  }
  return digits;
}

/** When 2/3 of the life of a certificate are over: time to have a new one made. */
export function renewAt(pem: string): Date {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  return new Date(validFromDate.getTime() + ((validToDate.getTime() - validFromDate.getTime()) * 2) / 3);
}
