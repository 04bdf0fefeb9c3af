import { getCACertificates } from 'node:tls';

let cached: readonly string[] | null = null;

/** The CAs that come with Node and those of the system's own store, where companies put theirs. PEM texts. */
export function systemCas(): readonly string[] {
  cached ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
  return cached;
}
