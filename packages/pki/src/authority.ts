import { createPrivateKey, X509Certificate } from 'node:crypto';
import { makeCertificate, readIssuer } from './certificate.ts';
import { createKeyPair, readPublicKey } from './key-pair.ts';
import { checkDomain, type PermittedNames, PkiError, parseAddressRange } from './names.ts';

/** A CA: its certificate and the key that signs with it. */
export interface Authority {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** Clocks of clients go wrong by minutes; what is new must be valid for them too. */
export const BACKDATE_MS = 10 * 60_000;
export const DAY_MS = 86_400_000;
const ROOT_DAYS = 3650;

/** A root that lives ten years and may have one level of CAs under it. All keys here are ECDSA P-256. */
export async function createRoot({ name, now }: { name: string; now: Date }): Promise<Authority> {
  const { publicKeyPem, privateKeyPem } = await createKeyPair();
  const certificatePem = await makeCertificate({
    subject: subjectOf(name),
    publicKey: readPublicKey(publicKeyPem),
    issuer: null,
    signingKey: createPrivateKey(privateKeyPem),
    ...validity(now, ROOT_DAYS),
    usage: { kind: 'root' },
  });
  return { certificatePem, privateKeyPem };
}

export interface IssuingCaRequest {
  readonly root: Authority;
  /** Of whoever will issue; the private key stays there. ECDSA P-256, PEM. */
  readonly publicKeyPem: string;
  readonly now: Date;
  readonly days: number;
  /** Shown in the chain, such as `Portico edge ed_…`. */
  readonly name?: string;
}

/**
 * The certificate, PEM, of a CA that may issue server leaves (pathLen 0) for these names and no others: each domain
 * with everything under it, each address or range (`10.0.0.0/8`). An empty list permits none of that kind. The
 * constraints are critical, so a client that does not understand them refuses the chain. Throws PkiError.
 */
export function createIssuingCa(
  request: IssuingCaRequest & { readonly permittedDns: readonly string[]; readonly permittedIps: readonly string[] },
): Promise<string> {
  return issueCa(request, {
    dns: request.permittedDns.map(checkDomain),
    ips: request.permittedIps.map(parseAddressRange),
  });
}

/** The same without name constraints: for domains of customers, whose proof the API has seen. It stays in the API. */
export function createUnconstrainedIssuingCa(request: IssuingCaRequest): Promise<string> {
  return issueCa(request, { dns: null, ips: null });
}

function issueCa(
  { root, publicKeyPem, now, days, name = 'Portico issuing CA' }: IssuingCaRequest,
  permitted: PermittedNames,
): Promise<string> {
  const rootCertificate = new X509Certificate(root.certificatePem);
  if (rootCertificate.validToDate <= now) {
    throw new PkiError('The root certificate has expired.');
  }
  return makeCertificate({
    subject: subjectOf(name),
    publicKey: readPublicKey(publicKeyPem),
    issuer: readIssuer(root.certificatePem),
    signingKey: createPrivateKey(root.privateKeyPem),
    ...validity(now, days, rootCertificate.validToDate),
    usage: { kind: 'issuing', permitted },
  });
}

/** Whether what the API sent can be used: signed by that root, over our own key, a CA, and valid now. Throws PkiError. */
export function checkIssuingCa(options: {
  readonly certificatePem: string;
  readonly rootPem: string;
  readonly privateKeyPem: string;
  readonly now: Date;
}): void {
  const certificate = new X509Certificate(options.certificatePem);
  const root = new X509Certificate(options.rootPem);
  if (!certificate.checkIssued(root) || !certificate.verify(root.publicKey)) {
    throw new PkiError('The issuing CA is not signed by the root.');
  }
  if (!certificate.ca || !certificate.checkPrivateKey(createPrivateKey(options.privateKeyPem))) {
    throw new PkiError('The issuing CA is not one, or is over another key.');
  }
  if (options.now < certificate.validFromDate || options.now >= certificate.validToDate) {
    throw new PkiError('The issuing CA is not valid now.');
  }
}

/** From a little before now; the life in days counts that in, and never passes the issuer's. */
export function validity(now: Date, days: number, issuerNotAfter?: Date): { notBefore: Date; notAfter: Date } {
  // Certificates count in whole seconds.
  const start = Math.floor((now.getTime() - BACKDATE_MS) / 1000) * 1000;
  const end = start + days * DAY_MS;
  return { notBefore: new Date(start), notAfter: new Date(Math.min(end, issuerNotAfter?.getTime() ?? end)) };
}

function subjectOf(name: string): { name: 'commonName' | 'organizationName'; value: string }[] {
  if (!/^[\x20-\x7e]{1,64}$/.test(name)) {
    throw new PkiError('The name of a CA is 1 to 64 ASCII characters.');
  }
  return [
    { name: 'organizationName', value: 'Portico' },
    { name: 'commonName', value: name },
  ];
}
