import type { InternalClient } from '@portico/api-contract/internal';
import { createBoxKey } from '@portico/pki';
import type { CertificateSource, FetchedCertificate } from '../listener/certificate-store.ts';

/** Certificates that the API has. Their keys come sealed to a key that is made for the one question. */
export class FetchedCertificates implements CertificateSource {
  readonly #client: InternalClient;
  readonly #nodeId: string;

  constructor({ client, nodeId }: { client: InternalClient; nodeId: string }) {
    this.#client = client;
    this.#nodeId = nodeId;
  }

  /** Rejects with InternalApiError, or SealError when the key came changed. */
  async fetch(name: string): Promise<FetchedCertificate | null> {
    const box = createBoxKey();
    const answer = await this.#client.certificate({ nodeId: this.#nodeId, name, boxKey: box.publicKey });
    if (answer.kind === 'none') return null;
    const { version, chainPem, sealedKey } = answer;
    const key = box.open(Buffer.from(sealedKey, 'base64'), `certificate ${name}`);
    return { version, chainPem, privateKeyPem: key.toString('utf8') };
  }

  async changed(known: readonly { name: string; version: string }[]): Promise<readonly string[]> {
    const { changed } = await this.#client.certificateVersions({ nodeId: this.#nodeId, names: [...known] });
    return changed;
  }
}
