import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { certificateExtensions } from '@portico/pki';
import type { CertificateFacts, NameFacts, TlsFacts } from '@portico/traffic-policy';
import type { ClientFingerprint } from '../listener/ja4.ts';

/** What expressions may ask of a TLS connection that ended here. */
export function tlsFacts(socket: TLSSocket, sni: string, fingerprint: ClientFingerprint | null): TlsFacts {
  const client = socket.getPeerX509Certificate();
  const server = socket.getX509Certificate();
  return {
    version: (socket.getProtocol() ?? '').replace('TLSv', ''),
    cipherSuite: cipherSuite(socket),
    sni,
    negotiatedAlpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
    sessionResumed: socket.isSessionReused(),
    ja4Fingerprint: fingerprint?.ja4 ?? null,
    client: client === undefined ? null : certificateFacts(client),
    server: server === undefined ? null : certificateFacts(server),
  };
}

/** By its standard name; a socket that is gone has none any more. */
export function cipherSuite(socket: TLSSocket): string {
  const cipher: { standardName?: string; name?: string } | undefined = socket.getCipher();
  return cipher?.standardName ?? cipher?.name ?? '';
}

export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const names = alternativeNames(certificate.subjectAltName ?? '');
  const of = (kind: string): string[] => names.filter(([each]) => each === kind).map(([, value]) => value);
  return {
    subject: nameFacts(certificate.subject),
    issuer: nameFacts(certificate.issuer),
    san: {
      dnsNames: of('DNS'),
      emailAddresses: of('email'),
      ipAddresses: of('IP Address'),
      uris: of('URI'),
    },
    serialNumber: certificate.serialNumber.toLowerCase(),
    signatureAlgorithm: signatureAlgorithm(certificate),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    pem: certificate.toString(),
    extensions: certificateExtensions(certificate.raw),
  };
}

function signatureAlgorithm(certificate: X509Certificate): string {
  return 'signatureAlgorithm' in certificate && typeof certificate.signatureAlgorithm === 'string'
    ? certificate.signatureAlgorithm
    : '';
}

/** OpenSSL writes a name as lines of `CN=value`, in the order of the certificate; RFC 2253 reads the other way round. */
function nameFacts(lines: string | undefined): NameFacts {
  const parts = (lines ?? '').split('\n').flatMap((line): [string, string][] => {
    const equals = line.indexOf('=');
    return equals < 1 ? [] : [[line.slice(0, equals), line.slice(equals + 1)]];
  });
  const of = (kind: string): string[] => parts.filter(([each]) => each === kind).map(([, value]) => value);
  return {
    text: parts
      .map(([kind, value]) => `${kind}=${value.replace(/[,+"\\<>;]/g, '\\$&')}`)
      .reverse()
      .join(','),
    commonName: of('CN').at(-1) ?? '',
    country: of('C'),
    locality: of('L'),
    organization: of('O'),
    organizationalUnit: of('OU'),
    postalCode: of('postalCode'),
    province: of('ST'),
    streetAddress: of('street'),
  };
}

/** `DNS:a.test, IP Address:127.0.0.1`; a value with special characters is a JSON text. */
function alternativeNames(text: string): [string, string][] {
  const names: [string, string][] = [];
  const entry = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g;
  for (const [, kind = '', value = ''] of text.matchAll(entry)) {
    names.push([kind, value.startsWith('"') ? unquoted(value) : value]);
  }
  return names;
}

function unquoted(value: string): string {
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'string' ? parsed : value;
  } catch {
    return value;
  }
}
