import { randomBytes } from 'node:crypto';
import { createUserLink, findUserLink, type Queries, takeUserLink, type UserLinkRow } from '@portico/db';
import { PorticoError } from '@portico/errors';
import { sha256 } from '../accounts/throttle.ts';
import type { ApiContext } from '../context.ts';

/** `none` is for an address that nobody here has: the same work is done, and no link leads to it. */
export type LinkKind = 'sign-up' | 'reset' | 'verify-email' | 'change-email' | 'invitation' | 'none';

export interface LinkFacts {
  readonly email: string;
  readonly userId?: string | null;
  readonly invitationId?: string | null;
  /** Kept sealed. */
  readonly data?: string | null;
  readonly isMailed: boolean;
}

/** Links that work once and for a short while. What stands in them is 256 random bits, stored as a hash. */
export class Links {
  readonly #context: Pick<ApiContext, 'config' | 'now' | 'seals'>;

  constructor(context: Pick<ApiContext, 'config' | 'now' | 'seals'>) {
    this.#context = context;
  }

  get lifeMs(): number {
    return this.#context.config.limits.linkLifeMs;
  }

  /** What stands in the link. */
  async make(tx: Queries, kind: LinkKind, facts: LinkFacts): Promise<string> {
    const { now, seals } = this.#context;
    const token = randomBytes(32).toString('base64url');
    const id = sha256(token);
    const createdAt = now();
    const data = facts.data ?? null;
    await createUserLink(tx, {
      id,
      kind,
      userId: facts.userId ?? null,
      invitationId: facts.invitationId ?? null,
      email: facts.email,
      sealedData: data === null ? null : seals.seal('user_link', id, data),
      isMailed: facts.isMailed,
      createdAt,
      expiresAt: new Date(createdAt.getTime() + this.lifeMs),
    });
    return token;
  }

  /** Uses the link up. 4009 when it is not good. */
  async take(tx: Queries, kind: Exclude<LinkKind, 'none'>, token: string): Promise<Link> {
    const row = await takeUserLink(tx, sha256(token), kind, this.#context.now());
    if (row === null) throw new PorticoError(4009);
    return this.#opened(row);
  }

  /** Looks without using it up; an expired one too. */
  async look(tx: Queries, kind: Exclude<LinkKind, 'none'>, token: string): Promise<Link & { isExpired: boolean }> {
    const row = await findUserLink(tx, sha256(token));
    if (row === null || row.kind !== kind) throw new PorticoError(4009);
    return { ...this.#opened(row), isExpired: row.expiresAt <= this.#context.now() };
  }

  #opened(row: UserLinkRow): Link {
    const { userId, invitationId, email, isMailed, sealedData } = row;
    const data = sealedData === null ? null : this.#context.seals.open('user_link', row.id, sealedData);
    return { userId, invitationId, email, isMailed, data };
  }
}

export interface Link {
  readonly userId: string | null;
  readonly invitationId: string | null;
  readonly email: string;
  readonly isMailed: boolean;
  readonly data: string | null;
}
