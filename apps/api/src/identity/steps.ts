import { randomBytes } from 'node:crypto';
import {
  createSignInStep,
  deleteSignInStep,
  type Queries,
  type SignInStepRow,
  takeSignInStep,
  trySignInStep,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { z } from 'zod';
import { sha256 } from '../accounts/throttle.ts';
import type { ApiContext } from '../context.ts';

export type StepKind = 'second-factor' | 'passkey-sign-in' | 'passkey-new' | 'passkey-confirm' | 'oidc';

const triesMax = 5;

/** What a browser has begun: held here, sealed; the browser has a cookie that names it. */
export class Steps {
  readonly #context: Pick<ApiContext, 'config' | 'database' | 'now' | 'seals'>;

  constructor(context: Pick<ApiContext, 'config' | 'database' | 'now' | 'seals'>) {
    this.#context = context;
  }

  get lifeMs(): number {
    return this.#context.config.limits.signInStepMs;
  }

  /** The value of the cookie: 256 random bits, stored as a hash. */
  async begin(kind: StepKind, data: object, userId: string | null): Promise<string> {
    const { database, now, seals } = this.#context;
    const cookie = randomBytes(32).toString('base64url');
    const id = sha256(cookie);
    const createdAt = now();
    await createSignInStep(database.queries, {
      id,
      kind,
      userId,
      sealedData: seals.seal('sign_in_step', id, JSON.stringify(data)),
      createdAt,
      expiresAt: new Date(createdAt.getTime() + this.lifeMs),
    });
    return cookie;
  }

  /** What was begun; it is over with this. 4017 when there is no such thing. */
  async take<S extends z.ZodType>(cookie: string | null, kind: StepKind, schema: S): Promise<Begun<z.infer<S>>> {
    const { database, now } = this.#context;
    const id = sha256(cookie ?? '');
    const row = cookie === null ? null : await takeSignInStep(database.queries, id, kind, now());
    if (row === null) throw new PorticoError(4017);
    return this.#opened(row, schema);
  }

  /** What was begun, and goes on; after a few tries it is over. 4017 as above. */
  async peek<S extends z.ZodType>(cookie: string | null, kind: StepKind, schema: S): Promise<Begun<z.infer<S>>> {
    const { database, now } = this.#context;
    const id = sha256(cookie ?? '');
    const row = cookie === null ? null : await trySignInStep(database.queries, id, kind, { at: now(), triesMax });
    if (row === null) throw new PorticoError(4017);
    return this.#opened(row, schema);
  }

  async end(tx: Queries, id: string): Promise<void> {
    await deleteSignInStep(tx, id);
  }

  #opened<S extends z.ZodType>(row: SignInStepRow, schema: S): Begun<z.infer<S>> {
    const text = this.#context.seals.open('sign_in_step', row.id, row.sealedData);
    return { id: row.id, userId: row.userId, data: schema.parse(JSON.parse(text)) };
  }
}

export interface Begun<T> {
  readonly id: string;
  readonly userId: string | null;
  readonly data: T;
}
