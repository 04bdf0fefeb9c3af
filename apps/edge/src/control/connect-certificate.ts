import { isIP } from 'node:net';
import { type LeafIssuer, renewAt } from '@portico/pki';
import type { Logger } from '@portico/service';
import type { ConnectCertificate } from '../session/agent-listener.ts';

const LOOK_MS = 60_000;

/**
 * The certificate of the connect port: localhost, the loopback addresses, `connect.<base>` and the configured names.
 * Its chain ends with the root, so that an agent's first contact can compare the root's fingerprint. Made anew at 2/3
 * of its life and for every new issuing CA.
 */
export class ConnectCertificateKeeper {
  readonly #names: readonly string[];
  readonly #now: () => Date;
  readonly #log: Logger;
  readonly #onCertificate: (certificate: ConnectCertificate) => void;
  readonly #timer: NodeJS.Timeout;
  #issuer: { readonly issuer: LeafIssuer; readonly rootPem: string } | null = null;
  #renewAt: Date | null = null;
  #making = false;

  /** @param options.names names and addresses. */
  constructor(options: {
    names: readonly string[];
    now: () => Date;
    log: Logger;
    onCertificate: (certificate: ConnectCertificate) => void;
  }) {
    this.#names = options.names;
    this.#now = options.now;
    this.#log = options.log;
    this.#onCertificate = options.onCertificate;
    this.#timer = setInterval(() => {
      if (this.#renewAt !== null && this.#now() >= this.#renewAt) void this.#make();
    }, LOOK_MS);
    this.#timer.unref();
  }

  useIssuer(issuer: LeafIssuer, rootPem: string): void {
    this.#issuer = { issuer, rootPem };
    void this.#make();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#issuer = null;
  }

  async #make(): Promise<void> {
    const current = this.#issuer;
    if (current === null || this.#making) return;
    this.#making = true;
    try {
      const { issuer, rootPem } = current;
      const covered = this.#names.filter((name) => issuer.covers(namesOf([name])));
      const left = this.#names.filter((name) => !covered.includes(name));
      // A name that the API's CA does not permit must not keep agents from all the others.
      if (left.length > 0) this.#log.warn({ names: left }, 'the CA does not cover these connect names');
      const leaf = await issuer.issue(namesOf(covered));
      if (this.#issuer === null) return;
      this.#renewAt = renewAt(leaf.certificatePem);
      this.#onCertificate({ chainPem: leaf.certificatePem + rootPem, privateKeyPem: leaf.privateKeyPem });
    } catch (error) {
      this.#log.error({ err: error }, 'the certificate of the connect port could not be made');
      this.#renewAt = new Date(this.#now().getTime() + LOOK_MS);
    } finally {
      this.#making = false;
      if (this.#issuer !== null && this.#issuer !== current) void this.#make();
    }
  }
}

function namesOf(names: readonly string[]): { dns: string[]; ips: string[] } {
  return { dns: names.filter((name) => isIP(name) === 0), ips: names.filter((name) => isIP(name) !== 0) };
}
