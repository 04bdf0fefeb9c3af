/** Whether someone with this role of an account may change what it owns. The API decides; pages leave out what it would refuse. */
export function mayChange(role: string): boolean {
  return role !== 'viewer';
}
