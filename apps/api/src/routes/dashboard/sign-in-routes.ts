import { BlockList, isIP } from 'node:net';
import { type SessionAnswer, signInRequest } from '@portico/api-contract/dashboard';
import {
  invitationAccept,
  linkRequest,
  oidcFinish,
  oidcStart,
  passkeyAssertion,
  resetFinish,
  resetRequest,
  type SignInOptions,
  secondFactorRequest,
  signUpRequest,
} from '@portico/api-contract/identity';
import { type AccountRow, listMemberships, type UserRow } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SignedIn } from '../../accounts/sessions.ts';
import type { SignInOutcome } from '../../accounts/sign-in.ts';
import type { ApiContext } from '../../context.ts';
import type { Identity } from '../../identity/identity.ts';
import { takesPasskeys } from '../../identity/passkeys.ts';
import { rightsOf } from '../../memberships/permissions.ts';
import { readBody } from '../../plugins/json-input.ts';
import { type BrowserRoutes, isLoopbackOrigin, readCookie, setCookie, type Visitor } from './browser-routes.ts';

/** Everything for who is not signed in yet. */
export function signInRoutes(routes: BrowserRoutes, context: ApiContext, identity: Identity): void {
  const { database, config } = context;
  const { sessions, throttle, signIns, steps, passkeys, people, oidc, team, mailer } = identity;

  routes.open('GET', '/dashboard/v1/sign-in-options', async (_request, _reply, { client }): Promise<SignInOptions> => {
    return {
      signUp: config.signUp,
      mail: mailer.kind,
      passkeys: takesPasskeys(client.origin),
      providers: [...oidc.providers],
    };
  });

  routes.open('POST', '/dashboard/v1/session', async (request, reply, who) => {
    const outcome = await signIns.withPassword(readBody(request, signInRequest), who.client);
    return answer(request, reply, who, outcome);
  });

  routes.open('POST', '/dashboard/v1/session/second-factor', async (request, reply, who) => {
    const { code } = readBody(request, secondFactorRequest);
    const signedIn = await signIns.withCode(readCookie(request, 'step'), code, who.client);
    return answer(request, reply, who, { kind: 'signed-in', signedIn });
  });

  routes.open('POST', '/dashboard/v1/passkey-sign-in/options', async (request, reply, { client }) => {
    // What is begun is kept: nobody may have much of it.
    await throttle.address(client.ip);
    const { options, step } = await passkeys.beginSignIn(client);
    setCookie(request, reply, 'step', { value: step, lifeMs: steps.lifeMs });
    return options;
  });

  routes.open('POST', '/dashboard/v1/passkey-sign-in', async (request, reply, who) => {
    const assertion = readBody(request, passkeyAssertion);
    const user = await passkeys.finishSignIn(readCookie(request, 'step'), assertion, who.client);
    const signedIn = await signIns.open(user, { method: 'passkey', isStrong: true, client: who.client });
    return answer(request, reply, who, { kind: 'signed-in', signedIn });
  });

  routes.open('POST', '/dashboard/v1/oidc/start', async (request, reply, { client }) => {
    const { provider, next } = readBody(request, oidcStart);
    await throttle.address(client.ip);
    const { url, step } = await oidc.begin(provider, ownPath(next ?? '/'), client);
    setCookie(request, reply, 'step', { value: step, lifeMs: steps.lifeMs });
    return { url };
  });

  routes.open('POST', '/dashboard/v1/oidc/finish', async (request, reply, who) => {
    const { provider: providerId, query } = readBody(request, oidcFinish);
    const step = readCookie(request, 'step');
    const { outcome, next } = await oidc.finish(step, { providerId, query }, who.client);
    await answer(request, reply, who, outcome);
    return reply.code(200).send({ next, secondFactor: outcome.kind === 'second-factor' });
  });

  routes.open('POST', '/dashboard/v1/sign-up', async (request, reply, { client }) => {
    const { email, password, name } = readBody(request, signUpRequest);
    await people.signUp({ email, password, name: name ?? '' }, client);
    return reply.code(202).send({});
  });

  routes.open('POST', '/dashboard/v1/sign-up/verify', async (request, reply, who) => {
    const signedIn = await people.finishSignUp(readBody(request, linkRequest).token, who.client);
    return answer(request, reply, who, { kind: 'signed-in', signedIn });
  });

  routes.open('POST', '/dashboard/v1/password-reset', async (request, reply, { client }) => {
    await people.askReset(readBody(request, resetRequest).email, client);
    return reply.code(202).send({});
  });

  routes.open('POST', '/dashboard/v1/password-reset/finish', async (request, reply, { client }) => {
    const { token, password } = readBody(request, resetFinish);
    await people.finishReset(token, password, client);
    return reply.code(204).send();
  });

  routes.open('POST', '/dashboard/v1/email/finish', async (request, reply, { client }) => {
    await people.finishEmail(readBody(request, linkRequest).token, client);
    return reply.code(204).send();
  });

  routes.open('POST', '/dashboard/v1/invitation/look', async (request) =>
    team.look(readBody(request, linkRequest).token),
  );

  routes.open('POST', '/dashboard/v1/invitation/fresh', async (request, reply, { client }) => {
    await team.askFresh(readBody(request, linkRequest).token, client);
    return reply.code(202).send({});
  });

  routes.open('POST', '/dashboard/v1/invitation/accept', async (request, reply, who) => {
    const { token, password, name } = readBody(request, invitationAccept);
    const wanted = { token, password: password ?? null, name: name ?? '' };
    // Somebody new needs no session; who has one accepts with it, as every other change.
    const session = password ? null : who.session;
    if (session !== null && !routes.hasToken(request, session)) throw new PorticoError(4004);
    const { signedIn } = await team.accept(wanted, session, who.client);
    if (signedIn !== null) return answer(request, reply, who, { kind: 'signed-in', signedIn });
    if (session === null) throw new PorticoError(4003);
    return sessionAnswer(session.user, session);
  });

  // What would have been mailed: for the operator, at this machine. The address alone would not do: behind a proxy
  // everybody seems to be here.
  routes.person('GET', '/dashboard/v1/mailbox', async (_request, _reply, { client, session }) => {
    const isHere = isLoopbackOrigin(client.origin) && isLoopback(client.ip);
    if (mailer.kind !== 'mailbox' || !isHere || !session.user.isOperator) {
      throw new PorticoError(404, { what: 'page', id: 'mailbox' });
    }
    const mails = mailer.kept.map(({ id, at, to, subject, text }) => ({ id, at: at.toISOString(), to, subject, text }));
    return { mails };
  });

  routes.person('GET', '/dashboard/v1/session', async (_request, _reply, { session }) =>
    sessionAnswer(session.user, session),
  );

  routes.person('DELETE', '/dashboard/v1/session', async (request, reply, { session, client }) => {
    await signIns.signOut(session, client);
    setCookie(request, reply, 'session', { value: '', lifeMs: 0 });
    return reply.code(204).send();
  });

  async function answer(request: FastifyRequest, reply: FastifyReply, who: Visitor, outcome: SignInOutcome) {
    if (outcome.kind === 'second-factor') {
      setCookie(request, reply, 'step', { value: outcome.step, lifeMs: steps.lifeMs });
      reply.code(202);
      return { secondFactor: 'code' } as const;
    }
    const { signedIn } = outcome;
    // A new reference at each sign-in; the browser forgets the old one, so it must not live on.
    if (who.session !== null) await sessions.end(who.session.id);
    setCookie(request, reply, 'session', { value: signedIn.reference, lifeMs: config.limits.sessionLifeMs });
    if (readCookie(request, 'step') !== null) setCookie(request, reply, 'step', { value: '', lifeMs: 0 });
    return sessionAnswer(signedIn.user, signedIn.session);
  }

  async function sessionAnswer(user: UserRow, session: SignedIn['session']): Promise<SessionAnswer> {
    const memberships = await listMemberships(database.queries, user.id);
    return {
      user: { id: user.id, email: user.email, name: user.name, isOperator: user.isOperator },
      accounts: memberships.map((membership) => ({
        id: membership.account.id,
        name: membership.account.name,
        role: membership.role,
        permissions: [...rightsOf(membership).permissions],
        suspended: suspensionOf(membership.account),
        wantsSecondFactor: membership.account.requireSecondFactor && !session.isStrong,
      })),
      csrfToken: sessions.csrfToken(session.id),
      expiresAt: session.expiresAt.toISOString(),
    };
  }
}

function suspensionOf({ suspendedAt, suspensionReason }: AccountRow): { since: string; reason: string } | null {
  return suspendedAt === null ? null : { since: suspendedAt.toISOString(), reason: suspensionReason ?? '' };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(ip: string): boolean {
  const plain = ip.startsWith('::ffff:') ? ip.slice(7) : ip;
  const family = isIP(plain);
  return family !== 0 && loopback.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

/** Only ever back to a path of the dashboard itself. */
function ownPath(text: string): string {
  return text.length <= 1024 && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text) ? text : '/';
}
