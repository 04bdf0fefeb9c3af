import { createHash, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { type AddressRange, addressBytes, type CertificateNames, type PermittedNames, PkiError } from './names.ts';

const { asn1, pki } = forge;
const { CONTEXT_SPECIFIC, UNIVERSAL } = asn1.Class;
type Node = forge.asn1.Asn1;

export interface CertificateRequest {
  readonly subject: readonly { readonly name: 'commonName' | 'organizationName'; readonly value: string }[];
  /** ECDSA P-256. */
  readonly publicKey: KeyObject;
  /** Who signs, or null for a root that signs itself. */
  readonly issuer: Issuer | null;
  /** ECDSA P-256. */
  readonly signingKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly usage:
    | { readonly kind: 'root' }
    | { readonly kind: 'issuing'; readonly permitted: PermittedNames }
    | { readonly kind: 'server'; readonly names: CertificateNames };
}

/** What a child certificate takes from its issuer's. */
export interface Issuer {
  readonly subject: Node;
  readonly keyId: string;
}

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const ID_SUBJECT_KEY = '2.5.29.14';
const ID_NAME_CONSTRAINTS = '2.5.29.30';
const ID_AUTHORITY_KEY = '2.5.29.35';

// forge insists on an RSA key while it builds; its place is taken by the real key before anything is signed.
const placeholder = pki.rsa.setPublicKey(new forge.jsbn.BigInteger('3'), new forge.jsbn.BigInteger('3'));

/**
 * Makes one certificate, PEM. forge builds the body; since it knows RSA only, the public key and the names of the
 * algorithm are replaced in the tree, and node:crypto signs its DER on a thread of libuv (RFC 5280 section 4.1,
 * RFC 5758 section 3.2).
 */
export async function makeCertificate(request: CertificateRequest): Promise<string> {
  const spki = request.publicKey.export({ type: 'spki', format: 'der' });
  const { issuer } = request;
  const certificate = pki.createCertificate();
  certificate.publicKey = placeholder;
  certificate.serialNumber = serialNumber();
  certificate.signatureOid = ECDSA_WITH_SHA256;
  certificate.siginfo.algorithmOid = ECDSA_WITH_SHA256;
  certificate.validity.notBefore = request.notBefore;
  certificate.validity.notAfter = request.notAfter;
  certificate.setSubject([...request.subject]);
  certificate.setIssuer([...request.subject]);
  const keyId = keyIdentifier(spki);
  certificate.setExtensions([
    ...usageExtensions(request.usage),
    { id: ID_SUBJECT_KEY, value: asn1.create(UNIVERSAL, asn1.Type.OCTETSTRING, false, keyId) },
    {
      id: ID_AUTHORITY_KEY,
      value: sequence([asn1.create(CONTEXT_SPECIFIC, 0, false, issuer?.keyId ?? keyId)]),
    },
  ]);

  const body = children(pki.certificateToAsn1(certificate))[0];
  const fields = body === undefined ? [] : children(body);
  if (body === undefined || fields.length !== 8) {
    throw new Error('forge built a certificate of another shape than expected');
  }
  // version, serial, SIGNATURE, ISSUER, validity, subject, SUBJECT PUBLIC KEY INFO, extensions
  const algorithm = sequence([
    asn1.create(UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(ECDSA_WITH_SHA256).getBytes()),
  ]);
  fields[2] = algorithm;
  if (issuer !== null) {
    fields[3] = issuer.subject;
  }
  fields[6] = asn1.fromDer(spki.toString('latin1'));

  const bytes = Buffer.from(asn1.toDer(body).getBytes(), 'latin1');
  const signature = await signAsync('sha256', bytes, request.signingKey);
  const whole = sequence([
    body,
    algorithm,
    asn1.create(UNIVERSAL, asn1.Type.BITSTRING, false, `\0${signature.toString('latin1')}`),
  ]);
  return new X509Certificate(Buffer.from(asn1.toDer(whole).getBytes(), 'latin1')).toString();
}

/** The subject goes into the child's issuer byte for byte: clients compare the bytes. */
export function readIssuer(pem: string): Issuer {
  const { raw, publicKey } = new X509Certificate(pem);
  const body = children(asn1.fromDer(raw.toString('latin1')))[0];
  const subject = body === undefined ? undefined : children(body)[5];
  if (subject === undefined) {
    throw new PkiError('The certificate of the issuer cannot be read.');
  }
  return { subject, keyId: keyIdentifier(publicKey.export({ type: 'spki', format: 'der' })) };
}

const signAsync = promisify<string, Buffer, KeyObject, Buffer>(sign);

function usageExtensions(usage: CertificateRequest['usage']): object[] {
  switch (usage.kind) {
    case 'root':
      return [
        { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 1 },
        { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
      ];
    case 'issuing':
      return [
        { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
        { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
        { name: 'extKeyUsage', serverAuth: true },
        ...nameConstraints(usage.permitted),
      ];
    case 'server':
      return [
        { name: 'basicConstraints', critical: true, cA: false },
        { name: 'keyUsage', critical: true, digitalSignature: true },
        { name: 'extKeyUsage', serverAuth: true },
        {
          name: 'subjectAltName',
          altNames: [
            ...usage.names.dns.map((value) => ({ type: 2, value })),
            ...usage.names.ips.map((ip) => ({ type: 7, value: addressBytes(ip).toString('latin1') })),
          ],
        },
      ];
  }
}

/**
 * RFC 5280 section 4.2.1.10. A kind of name that no subtree mentions is not limited at all, so an empty list is
 * written as the exclusion of everything.
 */
function nameConstraints({ dns, ips }: PermittedNames): object[] {
  if (dns === null && ips === null) {
    return [];
  }
  const permitted: Node[] = [];
  const excluded: Node[] = [];
  const subtree = (type: 2 | 7, value: string): Node => sequence([asn1.create(CONTEXT_SPECIFIC, type, false, value)]);
  if (dns !== null) {
    permitted.push(...dns.map((domain) => subtree(2, domain)));
    if (dns.length === 0) {
      excluded.push(subtree(2, ''));
    }
  }
  if (ips !== null) {
    permitted.push(...ips.map((range) => subtree(7, addressAndMask(range))));
    if (ips.length === 0) {
      excluded.push(subtree(7, '\0'.repeat(8)), subtree(7, '\0'.repeat(32)));
    }
  }
  const value = sequence([]);
  const lists = children(value);
  for (const [tag, subtrees] of [
    [0, permitted],
    [1, excluded],
  ] as const) {
    if (subtrees.length > 0) {
      lists.push(asn1.create(CONTEXT_SPECIFIC, tag, true, subtrees));
    }
  }
  return [{ id: ID_NAME_CONSTRAINTS, critical: true, value }];
}

function addressAndMask({ address, prefixBits }: AddressRange): string {
  const bytes = addressBytes(address);
  let masked = '';
  let mask = '';
  for (const [index, byte] of bytes.entries()) {
    const bits = Math.min(8, Math.max(0, prefixBits - index * 8));
    const maskByte = (0xff << (8 - bits)) & 0xff;
    mask += String.fromCharCode(maskByte);
    masked += String.fromCharCode(byte & maskByte);
  }
  return masked + mask;
}

/** RFC 7093 section 2 method 1: the first 160 bits of the SHA-256 of the key's bits. */
function keyIdentifier(spki: Buffer): string {
  // The point of a P-256 key, uncompressed, is the last thing in it (RFC 5480 section 2.2).
  const point = spki.subarray(-65);
  return createHash('sha256').update(point).digest().subarray(0, 20).toString('latin1');
}

/** 126 random bits, positive, never with a leading zero byte (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString('hex');
}

function sequence(nodes: Node[]): Node {
  return asn1.create(UNIVERSAL, asn1.Type.SEQUENCE, true, nodes);
}

function children(node: Node): Node[] {
  if (typeof node.value === 'string') {
    throw new PkiError('A certificate or key has another structure than expected.');
  }
  return node.value;
}
