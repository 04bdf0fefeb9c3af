import * as tls from 'node:tls';

let cached: readonly string[] | null = null;

/** The CAs that come with Node and those of the system's own store, where companies put theirs. PEM texts. */
export function systemCas(): readonly string[] {
  // Before Node 22.15 there is no way to ask for the system's.
  const read = tls.getCACertificates ?? (() => tls.rootCertificates);
  cached ??= [...new Set([...read('default'), ...read('system')])];
  return cached;
}
