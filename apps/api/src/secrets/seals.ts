import type { Sealer } from '@portico/pki';

/** Secrets as text for the database: sealed under the row that they are of, so that they open nowhere else. */
export class Seals {
  readonly #sealer: Sealer;

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  /** @param table and id of the row. */
  seal(table: string, id: string, secret: string): string {
    return this.#sealer.seal(secret, `${table}/${id}`).toString('base64');
  }

  /** Throws SealError when it was changed, or belongs to another row or master key. */
  open(table: string, id: string, sealed: string): string {
    return this.#sealer.open(Buffer.from(sealed, 'base64'), `${table}/${id}`).toString('utf8');
  }
}
