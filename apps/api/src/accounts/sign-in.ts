import {
  type DashboardSessionRow,
  deleteSignInStep,
  findUser,
  findUserByEmail,
  type Queries,
  setPassword,
  type UserRow,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { z } from 'zod';
import { type FailedSignIns, recordForPerson } from '../audit/person-events.ts';
import { forgetFirstPassword } from '../bootstrap/bootstrap.ts';
import type { ApiContext } from '../context.ts';
import type { SecondFactors } from '../identity/second-factors.ts';
import type { Steps } from '../identity/steps.ts';
import type { Mailer } from '../mail/mailer.ts';
import { securityMail } from '../mail/messages.ts';
import { type Passwords, passwordFault } from '../secrets/password.ts';
import type { Client, Sessions, SignedIn, SignInMethod } from './sessions.ts';
import type { Throttle } from './throttle.ts';

export interface SignInParts {
  readonly context: Pick<ApiContext, 'config' | 'database' | 'now' | 'log'>;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly steps: Steps;
  readonly secondFactors: SecondFactors;
  readonly failures: FailedSignIns;
  readonly mailer: Mailer;
}

/** Somebody is signed in, or has to show a code as well; `step` is then what their browser keeps. */
export type SignInOutcome =
  | { readonly kind: 'signed-in'; readonly signedIn: SignedIn }
  | { readonly kind: 'second-factor'; readonly step: string };

const stepData = z.object({ method: z.string() });

/** Signing in, whatever somebody proves themselves with. */
export class SignIns {
  readonly #parts: SignInParts;

  constructor(parts: SignInParts) {
    this.#parts = parts;
  }

  /**
   * 4001 for a wrong pair, the same in words and time whether or not there is such a user; 4002 after too many tries
   * for that name or from that address. Every try counts before its password is looked at.
   */
  async withPassword(credentials: { email: string; password: string }, client: Client): Promise<SignInOutcome> {
    const { context, passwords, throttle, failures } = this.#parts;
    const email = plainEmail(credentials.email);
    await throttle.address(client.ip);
    await throttle.name('account', email);
    const user = await findUserByEmail(context.database.queries, email);
    const usable = user !== null && user.disabledAt === null ? user : null;
    const isRight = await passwords.verify(credentials.password, usable?.passwordHash ?? null);
    if (!isRight || usable === null) {
      failures.note(user, client, 'password');
      throw new PorticoError(4001);
    }
    await throttle.clear('account', email);
    return this.proceed(usable, 'password', client);
  }

  /** The first proof is there: signs in, or asks for a code if this person has set up codes. */
  async proceed(user: UserRow, method: SignInMethod, client: Client): Promise<SignInOutcome> {
    if (user.totpSince !== null) {
      return { kind: 'second-factor', step: await this.#parts.steps.begin('second-factor', { method }, user.id) };
    }
    return { kind: 'signed-in', signedIn: await this.open(user, { method, isStrong: false, client }) };
  }

  /** 4007 wrong or used before · 4017 nothing was begun, or it took too long · 4002 too many tries. */
  async withCode(cookie: string | null, code: string, client: Client): Promise<SignedIn> {
    const { context, steps, throttle, secondFactors, failures } = this.#parts;
    await throttle.address(client.ip);
    const begun = await steps.peek(cookie, 'second-factor', stepData);
    await throttle.name('code', begun.userId ?? '');
    const user = await findUser(context.database.queries, begun.userId ?? '');
    if (user === null || user.disabledAt !== null) throw new PorticoError(4017);
    const proof = await secondFactors.check(user, code);
    if (proof === null) {
      failures.note(user, client, 'second factor');
      throw new PorticoError(4007);
    }
    await throttle.clear('code', user.id);
    const signedIn = await this.open(user, {
      method: methodOf(begun.data.method),
      isStrong: true,
      client,
      alongside: (tx) => deleteSignInStep(tx, begun.id),
    });
    if (proof === 'recovery-code') this.#tell(user, client, 'A recovery code was used to sign in');
    return signedIn;
  }

  /** A session, and the note of it, or neither. */
  open(
    user: UserRow,
    facts: {
      readonly method: SignInMethod;
      readonly isStrong: boolean;
      readonly client: Client;
      readonly alongside?: (tx: Queries) => Promise<unknown>;
    },
  ): Promise<SignedIn> {
    const { context, sessions } = this.#parts;
    const { client, method, isStrong } = facts;
    return context.database.transaction(async (tx) => {
      await facts.alongside?.(tx);
      const signedIn = await sessions.open(tx, user, facts);
      const after = { id: user.id, method, second_factor: isStrong, user_agent: client.userAgent.slice(0, 512) };
      const change = { object: 'login', what: 'created', objectId: user.id, before: null, after } as const;
      await recordForPerson(tx, user, { client, sessionId: signedIn.session.id }, change, context.now());
      return signedIn;
    });
  }

  /** 4001 for a wrong password. For people who are signed in and are asked again. */
  async checkPassword(user: UserRow, password: string, client: Client): Promise<void> {
    const { passwords, throttle, failures } = this.#parts;
    await throttle.name('account', user.email);
    if (!(await passwords.verify(password, user.passwordHash))) {
      failures.note(user, client, 'password');
      throw new PorticoError(4001);
    }
    await throttle.clear('account', user.email);
  }

  /** 215 the new one is refused. */
  async hashNew(password: string, email: string): Promise<string> {
    const fault = await passwordFault(password, email);
    if (fault !== null) throw new PorticoError(215, { field: 'password', reason: fault });
    return this.#parts.passwords.hash(password);
  }

  /** Sets the password, ends the other sessions, notes it and tells the person. */
  async changePassword(session: DashboardSessionRow, password: string, client: Client): Promise<void> {
    const { user } = session;
    const hash = await this.hashNew(password, user.email);
    await this.changeSecurity(session, client, {
      what: 'The password was changed',
      fields: { password: 'changed' },
      work: (tx) => setPassword(tx, user.id, hash, this.#parts.context.now()),
    });
    await this.forgetFirst(user.email);
  }

  /** The password that the first start made is worth nothing any more. */
  async forgetFirst(email: string): Promise<void> {
    const { bootstrapDir } = this.#parts.context.config;
    if (bootstrapDir !== null) await forgetFirstPassword(bootstrapDir, email);
  }

  /** One change to how a person signs in: in the log, ending their other sessions, and told to them. */
  async changeSecurity<T>(
    session: DashboardSessionRow,
    client: Client,
    change: {
      readonly what: string;
      readonly fields: Readonly<Record<string, string>>;
      readonly work: (tx: Queries) => Promise<T>;
      /** Passkeys that are added or renamed leave other sessions alone. */
      readonly keepOthers?: boolean;
      /** Where it is told, if not to the address of before. */
      readonly tell?: readonly string[];
    },
  ): Promise<T> {
    const { context, sessions } = this.#parts;
    const { user } = session;
    const { result, ended } = await context.database.transaction(async (tx) => {
      const result = await change.work(tx);
      const ended = change.keepOthers === true ? [] : await sessions.endOthers(tx, user.id, session.id);
      const noted = {
        object: 'user',
        what: 'updated',
        objectId: user.id,
        before: null,
        after: { id: user.id, ...change.fields },
      } as const;
      await recordForPerson(tx, user, { client, sessionId: session.id }, noted, context.now());
      return { result, ended };
    });
    sessions.tellEnded(ended);
    for (const to of change.tell ?? [user.email]) this.#tell({ email: to }, client, change.what);
    return result;
  }

  async signOut(session: DashboardSessionRow, client: Client): Promise<void> {
    const { context, sessions } = this.#parts;
    const { user } = session;
    const change = { object: 'login', what: 'deleted', objectId: user.id, before: null, after: null } as const;
    await context.database.transaction((tx) =>
      recordForPerson(tx, user, { client, sessionId: session.id }, change, context.now()),
    );
    await sessions.end(session.id);
  }

  #tell(user: Pick<UserRow, 'email'>, client: Client, what: string): void {
    const { trustedOrigin: origin, ip } = client;
    this.#parts.mailer.send({ to: user.email, ...securityMail({ origin, what, ip }) });
  }
}

/** Addresses are compared without their case and without space around them. */
export function plainEmail(text: string): string {
  return text.trim().toLowerCase();
}

function methodOf(text: string): SignInMethod {
  if (text === 'passkey' || text === 'link') return text;
  return text.startsWith('oidc:') ? `oidc:${text.slice(5)}` : 'password';
}
