/** Whether someone with this role of an account may change what it owns. The API decides; pages leave out what it would refuse. */
export function mayChange(role: string): boolean {
  return role !== 'viewer';
}

/** As roles are called on screen, with one sentence each. */
const roles = {
  administrator: { name: 'Administrator', about: 'May do everything, and names other administrators.' },
  manager: { name: 'Team manager', about: 'As a developer; also invites and removes people, and reads the audit log.' },
  developer: { name: 'Developer', about: 'Makes and changes endpoints, names, rules and their own authtokens.' },
  viewer: { name: 'Read-only', about: 'Looks at everything but keys and the audit log, and changes nothing.' },
} as const;

export type RoleName = keyof typeof roles;

export function isRole(text: string): text is RoleName {
  return Object.hasOwn(roles, text);
}

export function roleName(role: string): string {
  return isRole(role) ? roles[role].name : role;
}

export function roleAbout(role: string): string {
  return isRole(role) ? roles[role].about : '';
}
