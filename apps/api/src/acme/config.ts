import { readFileSync } from 'node:fs';
import { ConfigError, type Environment, readInteger, readOptional, readText } from '@portico/service';

export type ChallengeKind = 'http-01' | 'tls-alpn-01' | 'dns-01';

/** The certificate authority that domains of customers get their certificates from. */
export interface AcmeConfig {
  readonly directoryUrl: string;
  readonly email: string | null;
  readonly externalAccount: { readonly kid: string; readonly hmacKey: string } | null;
  /** PEM that the directory's own certificate is checked against, beside the usual roots. */
  readonly caPem: string | null;
  /** In the order in which they are tried. Wildcards need dns-01. */
  readonly challenges: readonly ChallengeKind[];
  /** Where `_acme-challenge` records are answered; null: nowhere, so there is no dns-01. */
  readonly dns: { readonly address: string; readonly port: number } | null;
}

/** Null: certificates are not obtained. Throws ConfigError. */
export function readAcmeConfig(env: Environment): AcmeConfig | null {
  const directoryUrl = readOptional(env, 'PORTICO_ACME_DIRECTORY');
  if (directoryUrl === null) return null;
  if (!/^https:\/\//.test(directoryUrl) || URL.parse(directoryUrl) === null) {
    const accepted = 'the https URL of a directory, such as https://acme-v02.api.letsencrypt.org/directory';
    throw new ConfigError('PORTICO_ACME_DIRECTORY', directoryUrl, accepted);
  }
  const kid = readOptional(env, 'PORTICO_ACME_EAB_KID');
  const hmacKey = readOptional(env, 'PORTICO_ACME_EAB_KEY');
  if ((kid === null) !== (hmacKey === null)) {
    throw new ConfigError('PORTICO_ACME_EAB_KID', kid ?? '', 'set together with PORTICO_ACME_EAB_KEY');
  }
  const caFile = readOptional(env, 'PORTICO_ACME_CA_FILE');
  const dnsPort = readInteger(env, 'PORTICO_ACME_DNS_PORT', 0, { min: 0, max: 65_535 });
  return {
    directoryUrl,
    email: readOptional(env, 'PORTICO_ACME_EMAIL'),
    externalAccount: kid === null || hmacKey === null ? null : { kid, hmacKey },
    caPem: caFile === null ? null : readCa(caFile),
    challenges: readChallenges(env),
    dns: dnsPort === 0 ? null : { address: readText(env, 'PORTICO_BIND', '127.0.0.1'), port: dnsPort },
  };
}

function readChallenges(env: Environment): ChallengeKind[] {
  const text = readText(env, 'PORTICO_ACME_CHALLENGES', 'http-01,tls-alpn-01');
  return text.split(',').map((item) => {
    const kind = item.trim();
    if (kind === 'http-01' || kind === 'tls-alpn-01' || kind === 'dns-01') return kind;
    throw new ConfigError('PORTICO_ACME_CHALLENGES', text, 'http-01, tls-alpn-01 and dns-01, separated by commas');
  });
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError('PORTICO_ACME_CA_FILE', file, 'a PEM file that can be read');
  }
}
