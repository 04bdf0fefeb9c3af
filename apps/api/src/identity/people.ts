import {
  createAccount,
  createMembership,
  createUser,
  type DashboardSessionRow,
  databaseFault,
  deleteUserLinks,
  findUser,
  findUserByEmail,
  type Queries,
  setEmailVerified,
  setPassword,
  type UserRow,
  updateUser,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import { z } from 'zod';
import type { Client, Sessions, SignedIn } from '../accounts/sessions.ts';
import { plainEmail, type SignIns } from '../accounts/sign-in.ts';
import type { Throttle } from '../accounts/throttle.ts';
import { recordForPerson } from '../audit/person-events.ts';
import type { ApiContext } from '../context.ts';
import type { Mailer } from '../mail/mailer.ts';
import { knownSignUpMail, resetMail, securityMail, signUpMail, verifyMail } from '../mail/messages.ts';
import type { Links } from './links.ts';

export interface PeopleParts {
  readonly context: Pick<ApiContext, 'config' | 'database' | 'now'>;
  readonly signIns: SignIns;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly links: Links;
  readonly mailer: Mailer;
}

const signUpData = z.object({ name: z.string(), passwordHash: z.string() });

/**
 * Signing up, forgotten passwords and addresses that change. Whoever asks learns nothing about who is here: the
 * answers are the same, and so is the work; the mail differs.
 */
export class People {
  readonly #parts: PeopleParts;

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  /** Nobody is made before the link in the mail was opened. 4014 sign-up is closed · 215 a bad address or password. */
  async signUp(wanted: { email: string; password: string; name: string }, client: Client): Promise<void> {
    const { context, signIns, throttle, links, mailer } = this.#parts;
    if (context.config.signUp !== 'open') throw new PorticoError(4014);
    const email = checkedEmail(wanted.email);
    await throttle.address(client.ip);
    await throttle.name('mail', email);
    const passwordHash = await signIns.hashNew(wanted.password, email);
    const known = await findUserByEmail(context.database.queries, email);
    const data = JSON.stringify({ name: wanted.name.trim(), passwordHash });
    const kind = known === null ? 'sign-up' : 'none';
    const token = await links.make(context.database.queries, kind, { email, data, isMailed: true });
    const { trustedOrigin: origin } = client;
    const text =
      known === null
        ? signUpMail({ origin, link: `${origin}/sign-up/confirm#${token}`, lifeMs: links.lifeMs })
        : knownSignUpMail({ origin });
    mailer.send({ to: email, ...text });
  }

  /** The person, an account of their own, and a session. 4009 the link is not good. */
  async finishSignUp(token: string, client: Client): Promise<SignedIn> {
    const { context, signIns, links } = this.#parts;
    const at = context.now();
    const user = await oncePerAddress(
      context.database.transaction(async (tx) => {
        const link = await links.take(tx, 'sign-up', token);
        const { name, passwordHash } = signUpData.parse(JSON.parse(link.data ?? ''));
        const user = await createUser(tx, {
          id: newId('usr', at.getTime()),
          email: link.email,
          name,
          passwordHash,
          passwordChangedAt: at,
          emailVerifiedAt: at,
          createdAt: at,
        });
        await this.makeAccount(tx, user);
        return user;
      }),
    );
    return signIns.open(user, { method: 'link', isStrong: false, client });
  }

  /** An account of one's own. */
  async makeAccount(tx: Queries, user: UserRow): Promise<void> {
    const createdAt = this.#parts.context.now();
    const accountId = newId('ac', createdAt.getTime());
    const name = `${user.name === '' ? (user.email.split('@')[0] ?? 'My') : user.name}’s account`;
    await createAccount(tx, { id: accountId, name: name.slice(0, 200), createdAt });
    const id = newId('mb', createdAt.getTime());
    await createMembership(tx, accountId, { id, userId: user.id, role: 'administrator', mayInvite: false, createdAt });
  }

  /** The same for every address. 4002 after too many for one address, or from one. */
  async askReset(wanted: string, client: Client): Promise<void> {
    const { context, throttle, links, mailer } = this.#parts;
    const email = checkedEmail(wanted);
    await throttle.address(client.ip);
    await throttle.name('mail', email);
    const found = await findUserByEmail(context.database.queries, email);
    const user = found === null || found.disabledAt !== null ? null : found;
    const facts = { email, userId: user?.id ?? null, isMailed: true };
    const token = await links.make(context.database.queries, user === null ? 'none' : 'reset', facts);
    const { trustedOrigin: origin } = client;
    if (user === null) return;
    const link = `${origin}/reset/choose#${token}`;
    mailer.send({ to: email, ...resetMail({ origin, link, lifeMs: links.lifeMs }) });
  }

  /** Ends every session of the person; codes and passkeys stay as they are. 4009 · 215. */
  async finishReset(token: string, password: string, client: Client): Promise<void> {
    const { context, signIns, sessions, links, mailer } = this.#parts;
    const { queries } = context.database;
    const { userId, isExpired } = await links.look(queries, 'reset', token);
    const user = userId === null || isExpired ? null : await findUser(queries, userId);
    if (user === null || user.disabledAt !== null) throw new PorticoError(4009);
    const hash = await signIns.hashNew(password, user.email);
    const at = context.now();
    const ended = await context.database.transaction(async (tx) => {
      const link = await links.take(tx, 'reset', token);
      await deleteUserLinks(tx, user.id, 'reset');
      await setPassword(tx, user.id, hash, at);
      // Only if it went to the address that the person has now.
      if (link.isMailed && link.email === user.email) await setEmailVerified(tx, user.id, at);
      await this.#record(tx, user, client, { password: 'reset' });
      return sessions.endOthers(tx, user.id, null);
    });
    sessions.tellEnded(ended);
    await signIns.forgetFirst(user.email);
    const { trustedOrigin: origin, ip } = client;
    mailer.send({ to: user.email, ...securityMail({ origin, what: 'The password was chosen anew', ip }) });
  }

  /** A link to the new address; it counts when the link was opened. */
  async askEmailChange(session: DashboardSessionRow, wanted: string, client: Client): Promise<void> {
    const { context, throttle, links, mailer } = this.#parts;
    const email = checkedEmail(wanted);
    await throttle.name('mail', session.userId);
    const known = await findUserByEmail(context.database.queries, email);
    const facts = { email, userId: session.userId, isMailed: true };
    const token = await links.make(context.database.queries, known === null ? 'change-email' : 'none', facts);
    const { trustedOrigin: origin } = client;
    const link = `${origin}/email/confirm#${token}`;
    const text = known === null ? verifyMail({ origin, link, lifeMs: links.lifeMs }) : knownSignUpMail({ origin });
    mailer.send({ to: email, ...text });
  }

  /** A link to the address that the person has. */
  async askVerification(session: DashboardSessionRow, client: Client): Promise<void> {
    const { context, throttle, links, mailer } = this.#parts;
    const { user } = session;
    await throttle.name('mail', user.id);
    const facts = { email: user.email, userId: user.id, isMailed: true };
    const token = await links.make(context.database.queries, 'verify-email', facts);
    const { trustedOrigin: origin } = client;
    const link = `${origin}/email/confirm#${token}`;
    mailer.send({ to: user.email, ...verifyMail({ origin, link, lifeMs: links.lifeMs }) });
  }

  /** For either of the two above. A new address ends all sessions, and the old one is told. */
  async finishEmail(token: string, client: Client): Promise<void> {
    const { context, links } = this.#parts;
    const verify = links.look(context.database.queries, 'verify-email', token).catch(refusedAsNull);
    if ((await verify) === null) return this.#changeEmail(token, client);
    await context.database.transaction(async (tx) => {
      const { userId, email } = await links.take(tx, 'verify-email', token);
      const user = userId === null ? null : await findUser(tx, userId);
      if (user === null || user.email !== email) throw new PorticoError(4009);
      await setEmailVerified(tx, user.id, context.now());
      await this.#record(tx, user, client, { email: 'verified' });
    });
  }

  async #changeEmail(token: string, client: Client): Promise<void> {
    const { context, sessions, links, mailer, signIns } = this.#parts;
    const { user, email, ended } = await oncePerAddress(
      context.database.transaction(async (tx) => {
        const { userId, email } = await links.take(tx, 'change-email', token);
        const user = userId === null ? null : await findUser(tx, userId);
        if (user === null || user.disabledAt !== null) throw new PorticoError(4009);
        await updateUser(tx, user.id, { email, emailVerifiedAt: context.now() });
        // They went to the address of before.
        for (const kind of ['reset', 'verify-email', 'change-email']) await deleteUserLinks(tx, user.id, kind);
        await this.#record(tx, user, client, { email });
        return { user, email, ended: await sessions.endOthers(tx, user.id, null) };
      }),
    );
    sessions.tellEnded(ended);
    await signIns.forgetFirst(user.email);
    const { trustedOrigin: origin, ip } = client;
    for (const to of [user.email, email]) {
      mailer.send({ to, ...securityMail({ origin, what: `The address was changed to ${email}`, ip }) });
    }
  }

  #record(tx: Queries, user: UserRow, client: Client, fields: Record<string, string>): Promise<void> {
    const after = { id: user.id, ...fields };
    const change = { object: 'user', what: 'updated', objectId: user.id, before: null, after } as const;
    return recordForPerson(tx, user, { client, sessionId: null }, change, this.#parts.context.now());
  }
}

/** 215 when it has not the form of an address. */
export function checkedEmail(text: string): string {
  const email = plainEmail(text);
  if (!z.email().max(254).safeParse(email).success) {
    throw new PorticoError(215, { field: 'email', reason: 'it is not an e-mail address' });
  }
  return email;
}

/** Somebody took the address while the link lay in the mail. */
async function oncePerAddress<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (databaseFault(error) === 'conflict') throw new PorticoError(4009);
    throw error;
  }
}

function refusedAsNull(error: unknown): null {
  if (error instanceof PorticoError) return null;
  throw error;
}
