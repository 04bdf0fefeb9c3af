import {
  type Database,
  findReservations,
  findTlsCertificates,
  type ReservedDomainRow,
  type TlsCertificateRow,
} from '@portico/db';
import { certificateCovers, certificateDetails, type IssuedLeaf, renewAt } from '@portico/pki';
import { LRUCache } from 'lru-cache';
import type { KeyStore } from '../keys/key-store.ts';
import { isUnder, namesAbove, parseHostName } from '../names/host-name.ts';
import type { Seals } from '../secrets/seals.ts';

export interface EdgeCertificate {
  readonly version: string;
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

const leavesMax = 2_000;

/** Certificates that edges cannot make themselves: attached and obtained ones, and leaves for proven own domains. */
export class EdgeCertificates {
  readonly #database: Database;
  readonly #keys: KeyStore;
  readonly #seals: Seals;
  readonly #baseDomain: string;
  readonly #now: () => Date;
  /** By name; every edge gets the same one. */
  readonly #leaves = new LRUCache<string, IssuedLeaf>({ max: leavesMax });

  constructor(options: { database: Database; keys: KeyStore; seals: Seals; baseDomain: string; now: () => Date }) {
    this.#database = options.database;
    this.#keys = options.keys;
    this.#seals = options.seals;
    this.#baseDomain = options.baseDomain;
    this.#now = options.now;
  }

  /** Null: there is none but what an edge makes itself. */
  async find(name: string): Promise<EdgeCertificate | null> {
    const chosen = (await this.#choose([name])).get(name);
    if (chosen === undefined) return null;
    const { version, certificate } = chosen;
    if (certificate !== null) {
      const privateKeyPem = this.#seals.open('tls_certificate', certificate.id, certificate.sealedKey);
      return { version, chainPem: certificate.certificatePem, privateKeyPem };
    }
    const leaf = await this.#leafOf(name);
    return { version, chainPem: leaf.certificatePem, privateKeyPem: leaf.privateKeyPem };
  }

  /** Which of these have another certificate by now; none is "". */
  async changed(known: readonly { name: string; version: string }[]): Promise<string[]> {
    const chosen = await this.#choose(known.map(({ name }) => name));
    return known.flatMap(({ name, version }) => ((chosen.get(name)?.version ?? '') === version ? [] : [name]));
  }

  async #choose(
    names: readonly string[],
  ): Promise<Map<string, { readonly version: string; readonly certificate: TlsCertificateRow | null }>> {
    const { queries } = this.#database;
    const above = new Map<string, string[]>();
    for (const name of names) {
      const parsed = parseHostName(name);
      if (parsed.kind === 'invalid' || parsed.host !== name) continue;
      above.set(name, namesAbove(name, isUnder(name, this.#baseDomain) ? this.#baseDomain : ''));
    }
    const reservations = await findReservations(queries, [...new Set([...above.values()].flat())]);
    const byDomain = new Map(reservations.map((row) => [row.domain, row]));
    const ids = reservations.flatMap(({ certificateId }) => certificateId ?? []);
    const certificates = new Map((await findTlsCertificates(queries, ids)).map((row) => [row.id, row]));
    const chosen = new Map<string, { version: string; certificate: TlsCertificateRow | null }>();
    for (const [name, candidates] of above) {
      const owners = candidates.flatMap((candidate) => byDomain.get(candidate) ?? []);
      const certificate = this.#bestOf(name, owners, certificates);
      const [owner] = owners;
      if (certificate !== null) chosen.set(name, { version: certificate.id, certificate });
      else if (owner !== undefined && !isUnder(name, this.#baseDomain)) {
        chosen.set(name, { version: `leaf/${owner.id}`, certificate: null });
      }
    }
    return chosen;
  }

  /** That of the name itself, else of the nearest name above; one that has expired is of no use. */
  #bestOf(
    name: string,
    owners: readonly ReservedDomainRow[],
    certificates: ReadonlyMap<string, TlsCertificateRow>,
  ): TlsCertificateRow | null {
    for (const { certificateId } of owners) {
      const certificate = certificateId === null ? undefined : certificates.get(certificateId);
      if (certificate === undefined || !certificateCovers(certificate.certificatePem, name)) continue;
      if (certificateDetails(certificate.certificatePem).notAfter > this.#now()) return certificate;
    }
    return null;
  }

  async #leafOf(name: string): Promise<IssuedLeaf> {
    const kept = this.#leaves.get(name);
    if (kept !== undefined && this.#now() < renewAt(kept.certificatePem)) return kept;
    const issuer = await this.#keys.ownDomainIssuer();
    const leaf = await issuer.issue({ dns: [name], ips: [] });
    this.#leaves.set(name, leaf);
    return leaf;
  }
}
