import { createHash } from 'node:crypto';
import {
  confirmRequest,
  emailChange,
  passkeyChange,
  passkeyRegistration,
  passwordChange,
  profileChange,
  type Security,
  totpFinish,
} from '@portico/api-contract/identity';
import {
  type DashboardSessionRow,
  deletePasskey,
  findUser,
  listDashboardSessions,
  listPasskeys,
  listUserIdentities,
  renamePasskey,
  unlinkUserIdentity,
  updateUser,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { sessionName } from '../../audit/person-events.ts';
import type { ApiContext } from '../../context.ts';
import type { Identity } from '../../identity/identity.ts';
import { readBody } from '../../plugins/json-input.ts';
import { type BrowserRoutes, readCookie, setCookie } from './browser-routes.ts';

/** A person's own settings: how they are called, how they sign in, and where they are signed in. */
export function personRoutes(routes: BrowserRoutes, context: ApiContext, identity: Identity): void {
  const { database, config } = context;
  const { sessions, signIns, steps, secondFactors, passkeys, people } = identity;

  routes.person('GET', '/dashboard/v1/security', async (_request, _reply, { session }): Promise<Security> => {
    const { user } = session;
    const { queries } = database;
    const recoveryCodes = await secondFactors.recoveryCodesLeft(user.id);
    const open = await listDashboardSessions(queries, user.id);
    return {
      user: { id: user.id, email: user.email, name: user.name },
      emailVerified: user.emailVerifiedAt !== null,
      hasPassword: user.passwordHash !== null,
      confirmedUntil: sessions.confirmedUntil(session)?.toISOString() ?? null,
      totp: user.totpSince === null ? null : { since: user.totpSince.toISOString(), recoveryCodes },
      passkeys: (await listPasskeys(queries, user.id)).map((passkey) => ({
        id: passkey.id,
        name: passkey.name,
        createdAt: passkey.createdAt.toISOString(),
        lastUsedAt: passkey.lastUsedAt?.toISOString() ?? null,
        isBackedUp: passkey.isBackedUp,
      })),
      identities: (await listUserIdentities(queries, user.id)).map((row) => ({
        id: identityId(row),
        provider: config.oidc.find(({ issuer }) => issuer === row.issuer)?.name ?? row.issuer,
        email: row.email,
        lastUsedAt: row.lastUsedAt.toISOString(),
      })),
      sessions: open.map((row) => ({
        id: sessionName(row.id),
        isThis: row.id === session.id,
        ip: row.ip,
        userAgent: row.userAgent,
        method: row.method,
        createdAt: row.createdAt.toISOString(),
        lastSeenAt: row.lastSeenAt.toISOString(),
      })),
    };
  });

  routes.person('POST', '/dashboard/v1/session/confirm/options', async (request, reply, { session, client }) => {
    const { options, step } = await passkeys.beginConfirm(session.user, client);
    setCookie(request, reply, 'step', { value: step, lifeMs: steps.lifeMs });
    return options;
  });

  routes.person('POST', '/dashboard/v1/session/confirm', async (request, reply, { session, client }) => {
    const { password, assertion } = readBody(request, confirmRequest);
    if (assertion) await passkeys.finishConfirm(readCookie(request, 'step'), assertion, session.user, client);
    else await signIns.checkPassword(session.user, password ?? '', client);
    await sessions.confirm(database.queries, session.id, { isStrong: Boolean(assertion) });
    return reply.code(204).send();
  });

  routes.person('PATCH', '/dashboard/v1/profile', async (request, reply, { session, client }) => {
    const { name } = readBody(request, profileChange);
    await signIns.changeSecurity(session, client, {
      what: 'The name was changed',
      fields: { name },
      work: (tx) => updateUser(tx, session.userId, { name }),
      keepOthers: true,
      tell: [],
    });
    return reply.code(204).send();
  });

  routes.person('POST', '/dashboard/v1/password', async (request, reply, { session, client }) => {
    const { current, password } = readBody(request, passwordChange);
    if (session.user.passwordHash === null) routes.demandConfirmed(session);
    else await signIns.checkPassword(session.user, current ?? '', client);
    await signIns.changePassword(session, password, client);
    return reply.code(204).send();
  });

  routes.confirmed('POST', '/dashboard/v1/email', async (request, reply, { session, client }) => {
    await people.askEmailChange(session, readBody(request, emailChange).email, client);
    return reply.code(202).send({});
  });

  routes.person('POST', '/dashboard/v1/email/verify', async (_request, reply, { session, client }) => {
    if (session.user.emailVerifiedAt === null) await people.askVerification(session, client);
    return reply.code(202).send({});
  });

  routes.confirmed('POST', '/dashboard/v1/totp', async (_request, _reply, { session }) =>
    secondFactors.begin(session.user),
  );

  routes.confirmed('POST', '/dashboard/v1/totp/finish', async (request, _reply, { session, client }) => {
    const { code } = readBody(request, totpFinish);
    const codes = await signIns.changeSecurity(session, client, {
      what: 'One-time codes were turned on',
      fields: { one_time_codes: 'on' },
      work: async (tx) => {
        const codes = await secondFactors.finish(tx, await fresh(session), code);
        await sessions.confirm(tx, session.id, { isStrong: true });
        return codes;
      },
    });
    return { codes };
  });

  routes.confirmed('DELETE', '/dashboard/v1/totp', async (_request, reply, { session, client }) => {
    if (session.user.totpSince === null) throw new PorticoError(404, { what: 'second factor', id: 'totp' });
    await signIns.changeSecurity(session, client, {
      what: 'One-time codes were turned off',
      fields: { one_time_codes: 'off' },
      work: (tx) => secondFactors.turnOff(tx, session.user),
    });
    return reply.code(204).send();
  });

  routes.confirmed('POST', '/dashboard/v1/recovery-codes', async (_request, _reply, { session, client }) => {
    if (session.user.totpSince === null) throw new PorticoError(404, { what: 'second factor', id: 'totp' });
    const codes = await signIns.changeSecurity(session, client, {
      what: 'New recovery codes were made',
      fields: { recovery_codes: 'new' },
      work: (tx) => secondFactors.renewRecoveryCodes(tx, session.user),
      keepOthers: true,
    });
    return { codes };
  });

  routes.confirmed('POST', '/dashboard/v1/passkeys/options', async (request, reply, { session, client }) => {
    const { options, step } = await passkeys.beginNew(session.user, client);
    setCookie(request, reply, 'step', { value: step, lifeMs: steps.lifeMs });
    return options;
  });

  routes.confirmed('POST', '/dashboard/v1/passkeys', async (request, reply, { session, client }) => {
    const wanted = readBody(request, passkeyRegistration);
    const store = await passkeys.finishNew(readCookie(request, 'step'), wanted, session.user, client);
    await signIns.changeSecurity(session, client, {
      what: `The passkey “${wanted.name}” was added`,
      fields: { passkey: `added ${wanted.name}` },
      work: async (tx) => {
        await store(tx);
        // The person was verified by it a moment ago.
        await sessions.confirm(tx, session.id, { isStrong: true });
      },
      keepOthers: true,
    });
    return reply.code(201).send({});
  });

  routes.person('PATCH', '/dashboard/v1/passkeys/:id', async (request, reply, { session }) => {
    const { name } = readBody(request, passkeyChange);
    const id = idOf(request.params);
    if (!(await renamePasskey(database.queries, session.userId, id, name))) throw noPasskey(id);
    return reply.code(204).send();
  });

  routes.confirmed('DELETE', '/dashboard/v1/passkeys/:id', async (request, reply, { session, client }) => {
    const id = idOf(request.params);
    await signIns.changeSecurity(session, client, {
      what: 'A passkey was removed',
      fields: { passkey: 'removed' },
      work: async (tx) => {
        if (session.user.passwordHash === null && (await listPasskeys(tx, session.userId)).length <= 1) {
          const others = await listUserIdentities(tx, session.userId);
          if (others.length === 0)
            throw new PorticoError(409, { reason: 'It is the only way in; set a password first' });
        }
        if (!(await deletePasskey(tx, session.userId, id))) throw noPasskey(id);
      },
    });
    return reply.code(204).send();
  });

  routes.confirmed('DELETE', '/dashboard/v1/identities/:id', async (request, reply, { session, client }) => {
    const id = idOf(request.params);
    await signIns.changeSecurity(session, client, {
      what: 'An identity provider was disconnected',
      fields: { identity_provider: 'disconnected' },
      work: async (tx) => {
        const rows = await listUserIdentities(tx, session.userId);
        const row = rows.find((one) => identityId(one) === id);
        if (row === undefined) throw new PorticoError(404, { what: 'identity', id: id.slice(0, 200) });
        const hasOther = rows.length > 1 || (await listPasskeys(tx, session.userId)).length > 0;
        if (session.user.passwordHash === null && !hasOther) {
          throw new PorticoError(409, { reason: 'It is the only way in; set a password first' });
        }
        await unlinkUserIdentity(tx, session.userId, row.issuer, row.subject);
      },
    });
    return reply.code(204).send();
  });

  routes.person('DELETE', '/dashboard/v1/sessions', async (_request, reply, { session, client }) => {
    await signIns.changeSecurity(session, client, {
      what: 'Other sessions were ended',
      fields: { sessions: 'others ended' },
      work: async () => {},
      tell: [],
    });
    return reply.code(204).send();
  });

  routes.person('DELETE', '/dashboard/v1/sessions/:id', async (request, reply, { session, client }) => {
    const id = idOf(request.params);
    const rows = await listDashboardSessions(database.queries, session.userId);
    const row = rows.find((one) => sessionName(one.id) === id);
    if (row === undefined) throw new PorticoError(404, { what: 'session', id: id.slice(0, 200) });
    await signIns.signOut({ ...row, user: session.user }, client);
    return reply.code(204).send();
  });

  /** The person as they are now: an earlier step of this page may have changed them. */
  async function fresh(session: DashboardSessionRow) {
    const user = await findUser(database.queries, session.userId);
    if (user === null) throw new PorticoError(4003);
    return user;
  }
}

function idOf(params: unknown): string {
  const id = typeof params === 'object' && params !== null && 'id' in params ? params.id : '';
  return typeof id === 'string' ? id : '';
}

/** Issuers and subjects are long, and of no use to a page. */
function identityId({ issuer, subject }: { issuer: string; subject: string }): string {
  return createHash('sha256').update(`${issuer}\n${subject}`).digest('hex').slice(0, 24);
}

function noPasskey(id: string): PorticoError {
  return new PorticoError(404, { what: 'passkey', id: id.slice(0, 200) });
}
