import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadOrCreateMasterKey, sealer } from '@portico/pki';
import type { Logger } from '@portico/service';

/** An issuing CA with its key, all PEM. */
export interface KeptIssuing {
  readonly certificatePem: string;
  readonly rootPem: string;
  readonly privateKeyPem: string;
}

/**
 * Keeps the edge's issuing CA over a restart, so that handshakes go on while the API is away: `edge-issuing.json` in
 * the data directory, its key sealed under `edge-issuing.key`, both for the owner alone (0600). What cannot be read or
 * written costs no more than that: the API signs another one.
 */
export class IssuingStore {
  readonly #folder: string;
  readonly #nodeId: string;
  readonly #log: Logger;

  constructor({ folder, nodeId, log }: { folder: string; nodeId: string; log: Logger }) {
    this.#folder = folder;
    this.#nodeId = nodeId;
    this.#log = log;
  }

  /** Null if there is none of this node. Whether it is good is for the caller to check. */
  async load(): Promise<KeptIssuing | null> {
    try {
      const kept: unknown = JSON.parse(await readFile(this.#file, 'utf8'));
      if (!isFile(kept) || kept.nodeId !== this.#nodeId) return null;
      const { certificatePem, rootPem, sealedKey } = kept;
      const key = (await this.#sealer()).open(Buffer.from(sealedKey, 'base64'), this.#rowId);
      return { certificatePem, rootPem, privateKeyPem: key.toString('utf8') };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
        this.#log.warn({ err: error }, 'the issuing CA that was kept cannot be used');
      }
      return null;
    }
  }

  async save({ certificatePem, rootPem, privateKeyPem }: KeptIssuing): Promise<void> {
    const aside = `${this.#file}.${randomBytes(6).toString('hex')}`;
    try {
      const sealedKey = (await this.#sealer()).seal(privateKeyPem, this.#rowId).toString('base64');
      const kept: IssuingFile = { v: 1, nodeId: this.#nodeId, certificatePem, rootPem, sealedKey };
      const handle = await open(aside, 'wx', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify(kept)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(aside, this.#file);
    } catch (error) {
      await rm(aside, { force: true }).catch(() => {});
      this.#log.warn({ err: error }, 'the issuing CA cannot be kept; without the API a restart will have none');
    }
  }

  get #file(): string {
    return join(this.#folder, 'edge-issuing.json');
  }

  get #rowId(): string {
    return `edge-issuing/${this.#nodeId}`;
  }

  async #sealer(): Promise<ReturnType<typeof sealer>> {
    return sealer(await loadOrCreateMasterKey(join(this.#folder, 'edge-issuing.key')));
  }
}

interface IssuingFile {
  readonly v: 1;
  readonly nodeId: string;
  readonly certificatePem: string;
  readonly rootPem: string;
  /** base64 */
  readonly sealedKey: string;
}

function isFile(value: unknown): value is IssuingFile {
  if (typeof value !== 'object' || value === null || !('v' in value) || value.v !== 1) return false;
  return ['nodeId', 'certificatePem', 'rootPem', 'sealedKey'].every(
    (field) => typeof Reflect.get(value, field) === 'string',
  );
}
