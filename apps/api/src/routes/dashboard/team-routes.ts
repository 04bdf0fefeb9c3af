import {
  type AccountFacts,
  accountChange,
  permissions as allPermissions,
  invitationCreate,
  personChange,
  type Team as TeamAnswer,
} from '@portico/api-contract/identity';
import { findAccount, updateAccount } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyRequest } from 'fastify';
import { recordChange } from '../../audit/audit-log.ts';
import type { ApiContext } from '../../context.ts';
import type { Identity } from '../../identity/identity.ts';
import { rolesBelow } from '../../memberships/permissions.ts';
import { readBody } from '../../plugins/json-input.ts';
import type { BrowserRoutes } from './browser-routes.ts';

/** The account itself, the people in it and those who are asked to join. */
export function teamRoutes(routes: BrowserRoutes, context: ApiContext, { team }: Identity): void {
  const { database, now } = context;

  routes.member('GET', '/dashboard/v1/account', null, async (_request, _reply, who): Promise<AccountFacts> => {
    const { membership, member } = who;
    const { id, name, plan, requireSecondFactor } = membership.account;
    const permissions = allPermissions.filter((permission) => member.rights.permissions.has(permission));
    return { id, name, plan, requireSecondFactor, role: membership.role, permissions };
  });

  routes.member('PATCH', '/dashboard/v1/account', 'account.manage', async (request, reply, who) => {
    const wanted = readBody(request, accountChange);
    const { accountId, actor } = who.member;
    // Else whoever turns it on is the first one who may not come in.
    if (wanted.requireSecondFactor === true && !who.session.isStrong) throw new PorticoError(4012);
    await database.transaction(async (tx) => {
      const before = await findAccount(tx, accountId);
      await updateAccount(tx, accountId, {
        ...(wanted.name ? { name: wanted.name } : {}),
        ...(typeof wanted.requireSecondFactor === 'boolean' ? { requireSecondFactor: wanted.requireSecondFactor } : {}),
      });
      const after = await findAccount(tx, accountId);
      const shown = (row: typeof after) =>
        row === null ? null : { id: row.id, name: row.name, require_second_factor: row.requireSecondFactor };
      const states = { before: shown(before), after: shown(after) };
      await recordChange(tx, actor, { object: 'account', what: 'updated', objectId: accountId, ...states }, now());
    });
    return reply.code(204).send();
  });

  routes.member('GET', '/dashboard/v1/team', 'team.read', async (_request, _reply, who): Promise<TeamAnswer> => {
    const { accountId, rights } = who.member;
    const mayInvite = rights.permissions.has('team.invite');
    return {
      people: await team.people(accountId),
      invitations: mayInvite ? await team.invitations(accountId) : [],
      roles: [...rolesBelow(rights)],
    };
  });

  routes.member('GET', '/dashboard/v1/team/people/:id', 'team.read', async (request, _reply, who) =>
    team.person(who.member.accountId, idOf(request)),
  );

  routes.member('PATCH', '/dashboard/v1/team/people/:id', 'team.manage', async (request, reply, who) => {
    const { role, mayInvite, isDisabled } = readBody(request, personChange);
    await team.changePerson(who.member, idOf(request), {
      role: role ?? undefined,
      mayInvite: mayInvite ?? undefined,
      isDisabled: isDisabled ?? undefined,
    });
    return reply.code(204).send();
  });

  // Everybody may leave; taking out others is asked of the role where it happens.
  routes.member('DELETE', '/dashboard/v1/team/people/:id', null, async (request, reply, who) => {
    await team.remove(who.member, idOf(request));
    return reply.code(204).send();
  });

  routes.member('POST', '/dashboard/v1/team/invitations', 'team.invite', async (request, reply, who) => {
    const { email, role, mayInvite } = readBody(request, invitationCreate);
    const made = await team.invite(who.member, { email, role, mayInvite: mayInvite ?? false });
    return reply.code(201).send(made);
  });

  routes.member('POST', '/dashboard/v1/team/invitations/:id/send', 'team.invite', async (request, _reply, who) =>
    team.sendAgain(who.member, idOf(request)),
  );

  routes.member('DELETE', '/dashboard/v1/team/invitations/:id', 'team.invite', async (request, reply, who) => {
    await team.revoke(who.member, idOf(request));
    return reply.code(204).send();
  });
}

function idOf(request: FastifyRequest): string {
  const { params } = request;
  const id = typeof params === 'object' && params !== null && 'id' in params ? params.id : '';
  return typeof id === 'string' ? id : '';
}
