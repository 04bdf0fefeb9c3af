import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { validity } from './authority.ts';
import { type Issuer, makeCertificate, readIssuer } from './certificate.ts';
import { createKeyPair, readPublicKey } from './key-pair.ts';
import { type CertificateNames, checkNames, firstNameOutside, type PermittedNames, PkiError } from './names.ts';
import { readPermittedNames } from './permitted-names.ts';

export interface IssuedLeaf {
  /** The leaf and then the issuing CA, PEM: what a TLS server sends. The root is left out. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly notAfter: Date;
}

export interface LeafIssuerOptions {
  /** Certificate of the issuing CA, PEM. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** Wall-clock time. */
  readonly now?: () => Date;
  /** 1 to 90. */
  readonly days?: number;
}

const DAYS_MAX = 90;
const RUNNING_MAX = 2;
const WAITING_MAX = 1_000;

/** Makes server certificates under one issuing CA: ECDSA P-256, serverAuth only, at most 90 days. */
export class LeafIssuer {
  readonly notAfter: Date;
  readonly #certificatePem: string;
  readonly #issuer: Issuer;
  readonly #key: KeyObject;
  readonly #permitted: PermittedNames;
  readonly #now: () => Date;
  readonly #days: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor({ certificatePem, privateKeyPem, now = () => new Date(), days = DAYS_MAX }: LeafIssuerOptions) {
    if (!(days >= 1 && days <= DAYS_MAX)) {
      throw new PkiError(`A leaf lives 1 to ${DAYS_MAX} days, not ${days}.`);
    }
    const certificate = new X509Certificate(certificatePem);
    this.notAfter = certificate.validToDate;
    this.#certificatePem = certificate.toString();
    this.#issuer = readIssuer(certificatePem);
    this.#key = createPrivateKey(privateKeyPem);
    if (!certificate.checkPrivateKey(this.#key)) {
      throw new PkiError('The key is not that of the issuing CA.');
    }
    this.#permitted = readPermittedNames(certificate);
    this.#now = now;
    this.#days = days;
  }

  /** Whether clients would accept a leaf of ours for these names. */
  covers(names: CertificateNames): boolean {
    return firstNameOutside(checkNames(names), this.#permitted) === null;
  }

  /**
   * A new key and a certificate for it. Key and signature are made on libuv's threads, two leaves at a time; the
   * rest, about half a millisecond, is done here, which is less than passing it to a worker and back would save.
   * Throws PkiError for what is no name, lies outside the constraints, or comes while too many wait.
   */
  async issue(given: CertificateNames): Promise<IssuedLeaf> {
    if (this.#waiting.length >= WAITING_MAX) {
      throw new PkiError('Too many certificates are being made.');
    }
    if (this.#running >= RUNNING_MAX) {
      await new Promise<void>((resume) => this.#waiting.push(resume));
    } else {
      this.#running += 1;
    }
    try {
      return await this.#issue(given);
    } finally {
      // The place passes to the next in line.
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#running -= 1;
      } else {
        next();
      }
    }
  }

  async #issue(given: CertificateNames): Promise<IssuedLeaf> {
    const names = checkNames(given);
    const outside = firstNameOutside(names, this.#permitted);
    if (outside !== null) {
      throw new PkiError(`The issuing CA may not certify ${outside}.`);
    }
    const now = this.#now();
    const { notBefore, notAfter } = validity(now, this.#days, this.notAfter);
    if (notAfter.getTime() - now.getTime() <= 0) {
      throw new PkiError('The issuing CA has expired.');
    }
    const { publicKeyPem, privateKeyPem } = await createKeyPair();
    const leafPem = await makeCertificate({
      subject: [{ name: 'commonName', value: commonName(names) }],
      publicKey: readPublicKey(publicKeyPem),
      issuer: this.#issuer,
      signingKey: this.#key,
      notBefore,
      notAfter,
      usage: { kind: 'server', names },
    });
    return { certificatePem: leafPem + this.#certificatePem, privateKeyPem, notAfter };
  }
}

/** For people who look at it; clients read the alternative names. It holds at most 64 characters (RFC 5280 A.1). */
function commonName({ dns, ips }: CertificateNames): string {
  const name = dns[0] ?? ips[0] ?? '';
  return name.length <= 64 ? name : 'Portico';
}
