import { type Permission, permissions } from '@portico/api-contract/identity';
import type { Role } from '@portico/db';
import { PorticoError } from '@portico/errors';

/** What somebody may in one account, and under which name they are told that they may not. */
export interface Rights {
  /** The role, or what else they are here. */
  readonly role: string;
  readonly permissions: ReadonlySet<Permission>;
}

const byRole: Readonly<Record<Role, readonly Permission[]>> = {
  administrator: permissions,
  manager: ['resources.read', 'resources.write', 'team.read', 'team.invite', 'team.manage', 'audit.read'],
  developer: ['resources.read', 'resources.write', 'team.read'],
  viewer: ['resources.read', 'team.read'],
};

/** The roles in the order of what they may, most first. */
const ranks: readonly Role[] = ['administrator', 'manager', 'developer', 'viewer'];

/** Of a member. The one place that says what a role means. */
export function rightsOf(membership: { readonly role: Role; readonly mayInvite: boolean }): Rights {
  const { role, mayInvite } = membership;
  return { role, permissions: new Set([...byRole[role], ...(mayInvite ? (['team.invite'] as const) : [])]) };
}

/** Of a key that no person owns: a service user's, or the account's own. */
export const machineRights: Rights = { role: 'service', permissions: new Set(permissions) };

/** 4006 when these rights do not hold it. */
export function demand({ role, permissions: held }: Rights, permission: Permission): void {
  if (!held.has(permission)) throw new PorticoError(4006, { role });
}

/** Roles that a holder of this one may give and take: never more than their own. */
export function rolesBelow(rights: Rights): readonly Role[] {
  if (!rights.permissions.has('team.invite')) return [];
  const own = ranks.find((role) => role === rights.role);
  return own === undefined ? ranks : ranks.slice(ranks.indexOf(own));
}

/** Collections that want more than `resources.read` and `resources.write`. Null: no permission, everybody has their own. */
const special: Readonly<Record<string, { readonly read: Permission; readonly change: Permission } | null>> = {
  api_keys: { read: 'keys.manage', change: 'keys.manage' },
  audit_events: { read: 'audit.read', change: 'audit.read' },
  bot_users: { read: 'resources.read', change: 'keys.manage' },
  ip_restrictions: { read: 'resources.read', change: 'account.manage' },
  personal_access_tokens: null,
  // Nothing is changed by them.
  policy_surveys: { read: 'resources.read', change: 'resources.read' },
  policy_trials: { read: 'resources.read', change: 'resources.read' },
  service_users: { read: 'resources.read', change: 'keys.manage' },
};

/**
 * What a route of the REST API wants; for API keys of people and for the dashboard alike.
 * @param path of the API, such as `/api_keys/:id`.
 */
export function permissionFor(method: string, path: string): Permission | null {
  const isRead = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  const [, collection = ''] = path.split('/');
  const wanted = Object.hasOwn(special, collection) ? special[collection] : undefined;
  if (wanted === null) return null;
  if (wanted !== undefined) return isRead ? wanted.read : wanted.change;
  return isRead ? 'resources.read' : 'resources.write';
}
