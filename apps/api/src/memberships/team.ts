import type { InvitationEntry, InvitationFacts, InvitationMade, Person } from '@portico/api-contract/identity';
import {
  acceptInvitation,
  countAdministrators,
  createInvitation,
  createMembership,
  createUser,
  type DashboardSessionRow,
  databaseFault,
  deleteInvitationLinks,
  deleteMember,
  findInvitation,
  findInvitationFor,
  findInvitationOfLink,
  findMember,
  findMembership,
  findUser,
  findUserByEmail,
  type InvitationRow,
  type InvitationWithAccount,
  listInvitations,
  listMembers,
  lockMembers,
  type MemberRow,
  ownedSecrets,
  type Queries,
  type Role,
  renewInvitation,
  revokeInvitation,
  setEmailVerified,
  touchCredentialsOf,
  type UserRow,
  updateMember,
  usersWithSecondFactor,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { Client, SignedIn } from '../accounts/sessions.ts';
import type { SignIns } from '../accounts/sign-in.ts';
import type { Throttle } from '../accounts/throttle.ts';
import { type Actor, type AuditedChange, recordChange } from '../audit/audit-log.ts';
import type { ApiContext } from '../context.ts';
import type { Links } from '../identity/links.ts';
import { checkedEmail } from '../identity/people.ts';
import type { Mailer } from '../mail/mailer.ts';
import { invitationMail } from '../mail/messages.ts';
import { demand, type Rights, rolesBelow } from './permissions.ts';

export interface TeamParts {
  readonly context: Pick<ApiContext, 'changes' | 'config' | 'database' | 'log' | 'now'>;
  readonly signIns: SignIns;
  readonly throttle: Throttle;
  readonly links: Links;
  readonly mailer: Mailer;
}

/** A person who works in an account, and what they may there. */
export interface Member {
  readonly accountId: string;
  readonly user: UserRow;
  readonly rights: Rights;
  readonly actor: Actor;
  readonly client: Client;
}

const invitationsMax = 500;

/** Who belongs to an account: people, their roles, and those who are asked to join. */
export class Team {
  readonly #parts: TeamParts;
  readonly #endListeners = new Set<(accountId: string, userId: string) => void>();

  constructor(parts: TeamParts) {
    this.#parts = parts;
  }

  async people(accountId: string): Promise<Person[]> {
    const { queries } = this.#parts.context.database;
    const members = await listMembers(queries, accountId);
    const strong = await usersWithSecondFactor(
      queries,
      members.map((member) => member.userId),
    );
    return members.map((member) => personOf(member, strong.has(member.userId)));
  }

  async invitations(accountId: string): Promise<InvitationEntry[]> {
    const rows = await listInvitations(this.#parts.context.database.queries, accountId);
    return Promise.all(rows.map((row) => this.#entryOf(row)));
  }

  /** A person, and what dies with their membership. 404 for who is not in this account. */
  async person(accountId: string, userId: string) {
    const { queries } = this.#parts.context.database;
    const member = await findMember(queries, accountId, userId);
    if (member === null) throw noPerson(userId);
    const strong = await usersWithSecondFactor(queries, [userId]);
    return { person: personOf(member, strong.has(userId)), owns: await ownedSecrets(queries, accountId, userId) };
  }

  /** 4006 for a role above one's own · 409 who is here or was asked already · 4002 too much mail. */
  async invite(by: Member, wanted: { email: string; role: Role; mayInvite: boolean }): Promise<InvitationMade> {
    const { context, throttle } = this.#parts;
    demand(by.rights, 'team.invite');
    checkRole(by.rights, wanted.role);
    if (wanted.mayInvite) demand(by.rights, 'team.manage');
    const email = checkedEmail(wanted.email);
    await throttle.name('mail', email);
    const at = context.now();
    const invitation = await context.database.transaction(async (tx) => {
      await lockMembers(tx, by.accountId);
      const user = await findUserByEmail(tx, email);
      if (user !== null && (await findMembership(tx, by.accountId, user.id)) !== null) {
        throw new PorticoError(409, { reason: `${email} is in this account already` });
      }
      const before = await findInvitationFor(tx, by.accountId, email);
      if (before !== null && before.expiresAt > at) {
        throw new PorticoError(409, { reason: `${email} is invited already; send the invitation again` });
      }
      if (before !== null) await revokeInvitation(tx, by.accountId, before.id, at);
      if ((await listInvitations(tx, by.accountId)).length >= invitationsMax) {
        throw new PorticoError(409, { reason: `${invitationsMax} invitations are open; revoke some first` });
      }
      const invitation = await createInvitation(tx, by.accountId, {
        id: newId('inv', at.getTime()),
        email,
        role: wanted.role,
        mayInvite: wanted.mayInvite,
        invitedBy: by.user.id,
        createdAt: at,
        expiresAt: this.#lifeFrom(at),
      });
      await this.#record(tx, by, { what: 'created', before: null, after: invitation });
      return invitation;
    });
    return this.#send(invitation, by);
  }

  /** New links; those of before are worth nothing. */
  async sendAgain(by: Member, id: string): Promise<InvitationMade> {
    const { context, throttle } = this.#parts;
    demand(by.rights, 'team.invite');
    const at = context.now();
    const { queries } = context.database;
    const found = await findInvitation(queries, by.accountId, id);
    if (found === null) throw noInvitation(id);
    checkRole(by.rights, found.role);
    await throttle.name('mail', found.email);
    const invitation = await context.database.transaction(async (tx) => {
      await deleteInvitationLinks(tx, id);
      const times = { sentAt: at, expiresAt: this.#lifeFrom(at) };
      const after = await renewInvitation(tx, by.accountId, id, times);
      await this.#record(tx, by, { what: 'updated', before: found, after });
      return after;
    });
    return this.#send(invitation, by);
  }

  async revoke(by: Member, id: string): Promise<void> {
    const { context } = this.#parts;
    demand(by.rights, 'team.invite');
    await context.database.transaction(async (tx) => {
      const before = await findInvitation(tx, by.accountId, id);
      if (before === null) throw noInvitation(id);
      checkRole(by.rights, before.role);
      await revokeInvitation(tx, by.accountId, id, context.now());
      await deleteInvitationLinks(tx, id);
      await this.#record(tx, by, { what: 'deleted', before, after: null });
    });
  }

  /** What who holds a link may know before accepting. 4009 when it leads nowhere. */
  async look(token: string): Promise<InvitationFacts> {
    const { queries } = this.#parts.context.database;
    const { invitation, isExpired } = await this.#invitationOf(queries, token);
    const inviter = await findUser(queries, invitation.invitedBy);
    return {
      account: invitation.account.name,
      email: invitation.email,
      role: invitation.role,
      invitedBy: nameOf(inviter),
      state: isExpired ? 'link-expired' : 'open',
    };
  }

  /** Another link, by mail to the invited address and nowhere else. */
  async askFresh(token: string, client: Client): Promise<void> {
    const { context, throttle, links, mailer } = this.#parts;
    await throttle.address(client.ip);
    const { invitation } = await this.#invitationOf(context.database.queries, token);
    await throttle.name('mail', invitation.email);
    const facts = { email: invitation.email, invitationId: invitation.id, isMailed: true };
    const fresh = await links.make(context.database.queries, 'invitation', facts);
    const inviter = await findUser(context.database.queries, invitation.invitedBy);
    mailer.send({ to: invitation.email, ...this.#mailFor(invitation, nameOf(inviter), fresh, client) });
  }

  /**
   * Joins the account: whoever is signed in with the invited address, or somebody new with a password. 4009 the link
   * is not good · 4010 the invited address has a user who has to sign in · 215 a bad password.
   */
  async accept(
    { token, password, name }: { token: string; password: string | null; name: string },
    session: DashboardSessionRow | null,
    client: Client,
  ): Promise<{ readonly joined: string; readonly signedIn: SignedIn | null }> {
    const { context, signIns, throttle } = this.#parts;
    await throttle.address(client.ip);
    const { queries } = context.database;
    const { invitation, isExpired } = await this.#invitationOf(queries, token);
    if (isExpired) throw new PorticoError(4009);
    const { email, accountId } = invitation;
    if (session !== null && session.user.email !== email) throw new PorticoError(4010, { email });
    if (session !== null) {
      await this.#join(invitation, token, client, async () => session.user);
      return { joined: accountId, signedIn: null };
    }
    if ((await findUserByEmail(queries, email)) !== null || password === null) throw new PorticoError(4010, { email });
    const passwordHash = await signIns.hashNew(password, email);
    const at = context.now();
    const user = await this.#join(invitation, token, client, (tx, isMailed) =>
      createUser(tx, {
        id: newId('usr', at.getTime()),
        email,
        name: name.trim(),
        passwordHash,
        passwordChangedAt: at,
        emailVerifiedAt: isMailed ? at : null,
        createdAt: at,
      }),
    );
    const signedIn = await signIns.open(user, { method: 'link', isStrong: false, client });
    return { joined: accountId, signedIn };
  }

  /** Joins without a link, for an address that was proven otherwise. */
  async joinInvited(tx: Queries, invitation: InvitationRow, user: UserRow, client: Client): Promise<void> {
    const { context } = this.#parts;
    const at = context.now();
    const { accountId, role, mayInvite } = invitation;
    await lockMembers(tx, accountId);
    if (!(await acceptInvitation(tx, invitation.id, user.id, at))) throw new PorticoError(4009);
    await deleteInvitationLinks(tx, invitation.id);
    const id = newId('mb', at.getTime());
    await createMembership(tx, accountId, { id, userId: user.id, role, mayInvite, createdAt: at });
    const actor = {
      accountId,
      actorId: user.id,
      credentialId: invitation.id,
      address: client.ip,
      requestId: client.requestId,
    };
    const after = { id: user.id, email: user.email, role, may_invite: mayInvite, invited_by: invitation.invitedBy };
    const change = { object: 'membership', what: 'created', objectId: user.id, before: null, after } as const;
    await recordChange(tx, actor, change, at);
  }

  /** 4006 above one's own role · 4013 the last administrator · 409 oneself. */
  async changePerson(
    by: Member,
    userId: string,
    wanted: { role?: Role | undefined; mayInvite?: boolean | undefined; isDisabled?: boolean | undefined },
  ): Promise<void> {
    const { context } = this.#parts;
    demand(by.rights, 'team.manage');
    if (wanted.role !== undefined) checkRole(by.rights, wanted.role);
    if (wanted.isDisabled === true && userId === by.user.id) {
      throw new PorticoError(409, { reason: 'You cannot keep yourself out; ask another administrator' });
    }
    const credentialIds = await context.database.transaction(async (tx) => {
      const before = await this.#lockedMember(tx, by, userId);
      const disabledAt =
        wanted.isDisabled === undefined ? undefined : wanted.isDisabled ? (before.disabledAt ?? context.now()) : null;
      const after = await updateMember(tx, by.accountId, userId, {
        ...(wanted.role === undefined ? {} : { role: wanted.role }),
        ...(wanted.mayInvite === undefined ? {} : { mayInvite: wanted.mayInvite }),
        ...(disabledAt === undefined ? {} : { disabledAt }),
      });
      await this.#keepOneAdministrator(tx, before);
      await this.#recordMember(tx, by, { what: 'updated', before, after });
      // Edges ask for these grants anew, and hear that they are none while their owner is kept out.
      return disabledAt === undefined ? [] : touchCredentialsOf(tx, by.accountId, userId);
    });
    if (wanted.isDisabled !== true) return;
    for (const credentialId of credentialIds) context.changes.publish({ kind: 'grant-revoked', credentialId });
    this.#tellEnded(by.accountId, userId);
  }

  /** Takes a person out; what they own there is revoked. Everybody may take out themselves. */
  async remove(by: Member, userId: string): Promise<void> {
    const { context } = this.#parts;
    if (userId !== by.user.id) demand(by.rights, 'team.manage');
    const credentialIds = await context.database.transaction(async (tx) => {
      const before = await this.#lockedMember(tx, by, userId);
      const revoked = (await deleteMember(tx, by.accountId, userId, context.now())) ?? [];
      await this.#keepOneAdministrator(tx, before);
      await this.#recordMember(tx, by, { what: 'deleted', before, after: null });
      return revoked;
    });
    for (const credentialId of credentialIds) context.changes.publish({ kind: 'grant-revoked', credentialId });
    this.#tellEnded(by.accountId, userId);
  }

  /** Calls back when somebody is no more of an account, or kept out of it. Returns how to stop. */
  watchEnds(listener: (accountId: string, userId: string) => void): () => void {
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  #tellEnded(accountId: string, userId: string): void {
    for (const listener of this.#endListeners) listener(accountId, userId);
  }

  /** One at a time: two administrators who take each other out at once would leave none. */
  async #lockedMember(tx: Queries, by: Member, userId: string): Promise<MemberRow> {
    await lockMembers(tx, by.accountId);
    const member = await findMember(tx, by.accountId, userId);
    if (member === null) throw noPerson(userId);
    if (userId !== by.user.id) checkRole(by.rights, member.role);
    return member;
  }

  async #keepOneAdministrator(tx: Queries, before: MemberRow): Promise<void> {
    if (before.role !== 'administrator' || (await countAdministrators(tx, before.accountId)) > 0) return;
    throw new PorticoError(4013, { name: nameOf(before.user) });
  }

  async #join(
    invitation: InvitationWithAccount,
    token: string,
    client: Client,
    userFor: (tx: Queries, isMailed: boolean) => Promise<UserRow>,
  ): Promise<UserRow> {
    const { context, links } = this.#parts;
    try {
      return await context.database.transaction(async (tx) => {
        const { isMailed } = await links.take(tx, 'invitation', token);
        const user = await userFor(tx, isMailed);
        if (isMailed) await setEmailVerified(tx, user.id, context.now());
        await this.joinInvited(tx, invitation, user, client);
        return user;
      });
    } catch (error) {
      if (databaseFault(error) !== 'conflict') throw error;
      throw new PorticoError(409, { reason: `${invitation.email} is in this account already` });
    }
  }

  async #invitationOf(
    queries: Queries,
    token: string,
  ): Promise<{ invitation: InvitationWithAccount; isExpired: boolean }> {
    const { context, links } = this.#parts;
    const { invitationId, isExpired } = await links.look(queries, 'invitation', plainToken(token));
    const invitation = await findInvitationOfLink(queries, invitationId ?? '');
    if (invitation === null || invitation.expiresAt <= context.now()) throw new PorticoError(4009);
    return { invitation, isExpired };
  }

  /** One link for the mail, another to copy: only the first proves that its holder has the address. */
  async #send(invitation: InvitationRow, by: Member): Promise<InvitationMade> {
    const { context, links, mailer } = this.#parts;
    const { queries } = context.database;
    const facts = { email: invitation.email, invitationId: invitation.id };
    const copied = await links.make(queries, 'invitation', { ...facts, isMailed: false });
    const isMailed = mailer.kind !== 'none';
    if (isMailed) {
      const mailed = await links.make(queries, 'invitation', { ...facts, isMailed: true });
      const account = await findMembership(queries, by.accountId, by.user.id);
      const named = { ...invitation, account: { name: account?.account.name ?? 'Portico' } };
      mailer.send({ to: invitation.email, ...this.#mailFor(named, nameOf(by.user), mailed, by.client) });
    }
    const entry = await this.#entryOf(invitation);
    return { invitation: entry, link: `${by.client.trustedOrigin}/invitation#${copied}`, isMailed };
  }

  #mailFor(
    invitation: { readonly role: Role; readonly account: { readonly name: string } },
    from: string,
    token: string,
    { trustedOrigin: origin }: Client,
  ) {
    return invitationMail({
      origin,
      link: `${origin}/invitation#${token}`,
      account: invitation.account.name,
      from,
      role: invitation.role,
      lifeMs: this.#parts.links.lifeMs,
    });
  }

  #lifeFrom(at: Date): Date {
    return new Date(at.getTime() + this.#parts.context.config.limits.invitationLifeMs);
  }

  async #entryOf(row: InvitationRow): Promise<InvitationEntry> {
    const { context } = this.#parts;
    const inviter = await findUser(context.database.queries, row.invitedBy);
    return {
      id: row.id,
      email: row.email,
      role: row.role,
      mayInvite: row.mayInvite,
      invitedBy: nameOf(inviter),
      sentAt: row.sentAt.toISOString(),
      expiresAt: row.expiresAt.toISOString(),
      isExpired: row.expiresAt <= context.now(),
    };
  }

  #record(
    tx: Queries,
    by: Member,
    states: { what: AuditedChange['what']; before: InvitationRow | null; after: InvitationRow | null },
  ): Promise<void> {
    const shown = (row: InvitationRow | null) =>
      row === null
        ? null
        : {
            id: row.id,
            email: row.email,
            role: row.role,
            may_invite: row.mayInvite,
            expires_at: row.expiresAt.toISOString(),
          };
    const { what, before, after } = states;
    const objectId = (after ?? before)?.id ?? '';
    const change = { object: 'invitation', what, objectId, before: shown(before), after: shown(after) } as const;
    return recordChange(tx, by.actor, change, this.#parts.context.now());
  }

  #recordMember(
    tx: Queries,
    by: Member,
    states: { what: AuditedChange['what']; before: MemberRow; after: MemberRow | null },
  ): Promise<void> {
    const shown = (row: MemberRow | null) =>
      row === null
        ? null
        : {
            id: row.userId,
            email: row.user.email,
            role: row.role,
            may_invite: row.mayInvite,
            disabled: row.disabledAt !== null,
          };
    const { what, before, after } = states;
    const objectId = before.userId;
    const change = { object: 'membership', what, objectId, before: shown(before), after: shown(after) } as const;
    return recordChange(tx, by.actor, change, this.#parts.context.now());
  }
}

function personOf(member: MemberRow, hasSecondFactor: boolean): Person {
  const { user, role, mayInvite, disabledAt, createdAt } = member;
  return {
    id: user.id,
    name: user.name,
    email: user.email,
    role,
    mayInvite,
    isDisabled: disabledAt !== null,
    hasSecondFactor,
    joinedAt: createdAt.toISOString(),
    lastSeenAt: user.lastSeenAt?.toISOString() ?? null,
  };
}

function checkRole(rights: Rights, role: Role): void {
  if (!rolesBelow(rights).includes(role)) throw new PorticoError(4006, { role: rights.role });
}

function nameOf(user: Pick<UserRow, 'name' | 'email'> | null): string {
  if (user === null) return 'Somebody';
  return user.name === '' ? user.email : user.name;
}

function noPerson(id: string): PorticoError {
  return new PorticoError(404, { what: 'person', id: id.slice(0, 200) });
}

function noInvitation(id: string): PorticoError {
  return new PorticoError(404, { what: 'invitation', id: id.slice(0, 200) });
}

function plainToken(text: string): string {
  return text.trim();
}
