import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { PkiError } from './names.ts';

const { asn1 } = forge;

/** What people want to know of a certificate. Texts that it does not have are "". */
export interface CertificateDetails {
  readonly subject: {
    readonly commonName: string;
    readonly organization: string;
    readonly organizationalUnit: string;
    readonly locality: string;
    readonly province: string;
    readonly country: string;
  };
  readonly issuerCommonName: string;
  /** Lower-case hex. */
  readonly serialNumber: string;
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** `digital_signature`, `key_encipherment`, … (RFC 5280 section 4.2.1.3) */
  readonly keyUsages: readonly string[];
  /** `server_auth`, … or the number of one without a name here (section 4.2.1.12). */
  readonly extendedKeyUsages: readonly string[];
  /** `rsa`, `ecdsa`, `ed25519`, … */
  readonly keyType: string;
  readonly isCa: boolean;
}

/** Of the first certificate of a PEM text. Throws PkiError when there is none. */
export function certificateDetails(pem: string): CertificateDetails {
  const certificate = parse(pem);
  const { subject, issuer } = certificate.toLegacyObject();
  const text = (value: string | string[] | undefined): string => [value ?? ''].flat().join(', ');
  return {
    subject: {
      commonName: text(subject.CN),
      organization: text(subject.O),
      organizationalUnit: text(subject.OU),
      locality: text(subject.L),
      province: text(subject.ST),
      country: text(subject.C),
    },
    issuerCommonName: text(issuer.CN),
    serialNumber: certificate.serialNumber.toLowerCase(),
    dnsNames: alternativeNames(certificate, 'DNS'),
    ips: alternativeNames(certificate, 'IP Address'),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    keyUsages: keyUsages(certificate),
    extendedKeyUsages: (certificate.keyUsage ?? []).map((oid) => extendedNames.get(oid) ?? oid),
    keyType: keyTypeOf(certificate.publicKey),
    isCa: certificate.ca,
  };
}

/**
 * A certificate with its chain and key, as somebody uploads them: one form of PEM, nothing else in it. Throws
 * PkiError unless the key is the leaf's, each certificate is signed by the next, and the leaf is still valid at `now`.
 */
export function checkServerCertificate(certificatePem: string, privateKeyPem: string, now: Date): string {
  const chain = certificatesOf(certificatePem);
  const [leaf] = chain;
  if (leaf === undefined) throw new PkiError('There is no certificate in it.');
  if (!leaf.checkPrivateKey(parseKey(privateKeyPem))) throw new PkiError('The private key is not of this certificate.');
  if (leaf.validToDate <= now) throw new PkiError(`The certificate expired at ${leaf.validToDate.toISOString()}.`);
  const { asymmetricKeyType, asymmetricKeyDetails } = leaf.publicKey;
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) < 2048) {
    throw new PkiError('An RSA key needs at least 2048 bits.');
  }
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1];
    if (issuer !== undefined && !(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))) {
      throw new PkiError(`Certificate ${index + 1} of the text is not signed by the next one.`);
    }
  }
  return chain.map((certificate) => certificate.toString()).join('');
}

/** Certificates of authorities, likewise. Throws PkiError when one of them is no authority's. */
export function checkAuthorityCertificates(pem: string): string {
  const certificates = certificatesOf(pem);
  if (certificates.length === 0) throw new PkiError('There is no certificate in it.');
  for (const [index, certificate] of certificates.entries()) {
    if (!certificate.ca) throw new PkiError(`Certificate ${index + 1} of the text is not of an authority.`);
  }
  return certificates.map((certificate) => certificate.toString()).join('');
}

/** Whether visitors that ask for this host accept the certificate; for `*.` and a name, whether it is on it as such. */
export function certificateCovers(pem: string, host: string): boolean {
  if (host.startsWith('*.')) return certificateDetails(pem).dnsNames.some((name) => name.toLowerCase() === host);
  return parse(pem).checkHost(host) !== undefined;
}

const certificatesMax = 10;

function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > certificatesMax) throw new PkiError(`There are more than ${certificatesMax} certificates in it.`);
  return blocks.map(parse);
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new PkiError('The certificate cannot be read; PEM is wanted.', { cause: error });
  }
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new PkiError('The private key cannot be read; PEM without a password is wanted.', { cause: error });
  }
}

/** Node gives them as one text; a name with a comma in it is quoted there. */
function alternativeNames(certificate: X509Certificate, kind: 'DNS' | 'IP Address'): string[] {
  const entries = (certificate.subjectAltName ?? '').matchAll(/(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/g);
  return [...entries].filter(([, name]) => name === kind).map(([, , value = '']) => value.replace(/^"|"$/g, ''));
}

const usageNames = [
  'digital_signature',
  'content_commitment',
  'key_encipherment',
  'data_encipherment',
  'key_agreement',
  'cert_sign',
  'crl_sign',
  'encipher_only',
  'decipher_only',
];

const extendedNames = new Map([
  ['2.5.29.37.0', 'any'],
  ['1.3.6.1.5.5.7.3.1', 'server_auth'],
  ['1.3.6.1.5.5.7.3.2', 'client_auth'],
  ['1.3.6.1.5.5.7.3.3', 'code_signing'],
  ['1.3.6.1.5.5.7.3.4', 'email_protection'],
  ['1.3.6.1.5.5.7.3.8', 'time_stamping'],
  ['1.3.6.1.5.5.7.3.9', 'ocsp_signing'],
]);

const keyUsageOid = forge.asn1.oidToDer('2.5.29.15').getBytes();

/** Node knows the extended usages only, so this extension is read here. */
function keyUsages(certificate: X509Certificate): string[] {
  for (const extension of extensionsOf(certificate)) {
    const [oid] = extension;
    const value = extension.at(-1);
    if (oid?.value !== keyUsageOid || typeof value?.value !== 'string') continue;
    // A bit string: tag, length, unused bits, then the bits from the first on.
    const bytes = Buffer.from(value.value, 'latin1').subarray(3);
    return usageNames.filter((_name, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
  }
  return [];
}

function extensionsOf(certificate: X509Certificate): forge.asn1.Asn1[][] {
  const children = (node: forge.asn1.Asn1 | undefined): forge.asn1.Asn1[] =>
    node === undefined || typeof node.value === 'string' ? [] : node.value;
  const [body] = children(asn1.fromDer(certificate.raw.toString('latin1')));
  const tagged = children(body).find(
    (node) => node.tagClass === asn1.Class.CONTEXT_SPECIFIC && Number(node.type) === 3,
  );
  return children(children(tagged)[0]).map(children);
}

function keyTypeOf({ asymmetricKeyType }: KeyObject): string {
  return asymmetricKeyType === 'ec' ? 'ecdsa' : (asymmetricKeyType ?? '');
}
