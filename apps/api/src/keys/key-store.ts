import { randomBytes } from 'node:crypto';
import type { BindKey } from '@portico/api-contract/internal';
import {
  createBindKey,
  createCaKey,
  type Database,
  deleteBindKeysBefore,
  findCaKey,
  listBindKeys,
  lockInstallation,
  replaceCaKey,
} from '@portico/db';
import {
  type Authority,
  createKeyPair,
  createRoot,
  createUnconstrainedIssuingCa,
  LeafIssuer,
  renewAt,
  type Sealer,
} from '@portico/pki';
import type { ApiLimits } from '../config.ts';

const BIND_KEY_BYTES = 32;
const ownDomainsDays = 730;

/**
 * The keys that the API keeps for everyone: the root CA and the MAC keys of bind tokens. In the database they are
 * sealed; opened they are only here, in memory. `load` makes what is missing; two processes may do it at once.
 */
export class KeyStore {
  readonly #database: Database;
  readonly #sealer: Sealer;
  readonly #limits: Pick<ApiLimits, 'bindKeyRotationMs' | 'bindKeyLifeMs'>;
  readonly #now: () => Date;
  #root: Authority | null = null;
  #ownDomains: { readonly issuer: LeafIssuer; readonly renewAt: Date } | null = null;
  #bindKeys: readonly BindKey[] = [];

  constructor(options: {
    database: Database;
    sealer: Sealer;
    limits: Pick<ApiLimits, 'bindKeyRotationMs' | 'bindKeyLifeMs'>;
    now: () => Date;
  }) {
    this.#database = options.database;
    this.#sealer = options.sealer;
    this.#limits = options.limits;
    this.#now = options.now;
  }

  /** Throws SealError when the master key is not the one with which the stored keys were sealed. */
  async load(): Promise<void> {
    await this.#loadRoot();
    await this.rotateBindKeys();
  }

  /** Null until `load` has succeeded once. */
  get root(): Authority | null {
    return this.#root;
  }

  /** Newest first; the first one signs, all of them check. Empty until `load` has succeeded once. */
  get bindKeys(): readonly BindKey[] {
    return this.#bindKeys;
  }

  /** Makes a new MAC key when the newest is old enough and forgets those whose tokens have all expired. True on change. */
  async rotateBindKeys(): Promise<boolean> {
    const now = this.#now();
    const { bindKeyLifeMs, bindKeyRotationMs } = this.#limits;
    const rows = await this.#database.transaction(async (tx) => {
      await lockInstallation(tx);
      await deleteBindKeysBefore(tx, new Date(now.getTime() - bindKeyLifeMs));
      const stored = await listBindKeys(tx);
      const newest = stored[0];
      if (newest !== undefined && now.getTime() - newest.createdAt.getTime() < bindKeyRotationMs) return stored;
      const id = `bk_${randomBytes(9).toString('base64url')}`;
      const sealedSecret = this.#sealer.seal(randomBytes(BIND_KEY_BYTES), `bind_key/${id}`).toString('base64');
      return [await createBindKey(tx, { id, sealedSecret, createdAt: now }), ...stored];
    });
    const before = this.#bindKeys.map((key) => key.id).join();
    this.#bindKeys = rows.map((row) => ({
      id: row.id,
      secret: this.#sealer.open(Buffer.from(row.sealedSecret, 'base64'), `bind_key/${row.id}`).toString('base64'),
      createdAt: row.createdAt.toISOString(),
    }));
    return this.#bindKeys.map((key) => key.id).join() !== before;
  }

  /**
   * What certifies domains of customers whose proof was seen, until they have certificates of their own (design D5).
   * It has no name constraints, so its key never leaves. Made when first asked for, anew at 2/3 of its life.
   */
  async ownDomainIssuer(): Promise<LeafIssuer> {
    const now = this.#now();
    if (this.#ownDomains !== null && now < this.#ownDomains.renewAt) return this.#ownDomains.issuer;
    const root = this.#root;
    if (root === null) throw new Error('the root is not loaded yet');
    const row = await this.#database.transaction(async (tx) => {
      await lockInstallation(tx);
      const stored = await findCaKey(tx, 'own-domains');
      if (stored !== null && now < renewAt(stored.certificatePem)) return stored;
      const { publicKeyPem, privateKeyPem } = await createKeyPair();
      const name = 'Portico own domains';
      const certificatePem = await createUnconstrainedIssuingCa({
        root,
        publicKeyPem,
        now,
        days: ownDomainsDays,
        name,
      });
      const id = `ca_own_${randomBytes(9).toString('hex')}`;
      const sealedKey = this.#sealer.seal(privateKeyPem, `ca_key/${id}`).toString('base64');
      return replaceCaKey(tx, { id, kind: 'own-domains', certificatePem, sealedKey, createdAt: now });
    });
    const { certificatePem } = row;
    const privateKeyPem = this.#sealer.open(Buffer.from(row.sealedKey, 'base64'), `ca_key/${row.id}`).toString('utf8');
    const issuer = new LeafIssuer({ certificatePem, privateKeyPem, now: this.#now });
    this.#ownDomains = { issuer, renewAt: renewAt(certificatePem) };
    return issuer;
  }

  async #loadRoot(): Promise<void> {
    if (this.#root !== null) return;
    const row = await this.#database.transaction(async (tx) => {
      await lockInstallation(tx);
      const stored = await findCaKey(tx, 'root');
      if (stored !== null) return stored;
      const now = this.#now();
      const root = await createRoot({ name: 'Portico root', now });
      return createCaKey(tx, {
        id: 'ca_root',
        kind: 'root',
        certificatePem: root.certificatePem,
        sealedKey: this.#sealer.seal(root.privateKeyPem, 'ca_key/ca_root').toString('base64'),
        createdAt: now,
      });
    });
    this.#root = {
      certificatePem: row.certificatePem,
      privateKeyPem: this.#sealer.open(Buffer.from(row.sealedKey, 'base64'), `ca_key/${row.id}`).toString('utf8'),
    };
  }
}
