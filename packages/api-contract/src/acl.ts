/**
 * The rules of an authtoken: which names it may bind. No rule at all allows everything; once there is one, only what
 * a rule names is allowed.
 *
 * - `*`, `bind:*` everything · `bind:shop.base` this host · `bind:*.base` every host under it, and the wildcard itself
 * - `bind:tcp.host:20017`, `bind:tcp://tcp.host:20017` this address · `bind:tcp.host:*` every port of it
 * - `bind:key=value` tunnels with this label, if a rule allows each of theirs · `bind:key=*` whatever its value
 */
export type BindTarget =
  | { readonly kind: 'host'; readonly host: string }
  /** Any one-label name under the base. */
  | { readonly kind: 'random-host'; readonly baseDomain: string }
  | { readonly kind: 'port'; readonly host: string; readonly port: number }
  | { readonly kind: 'any-port'; readonly host: string }
  | { readonly kind: 'label'; readonly key: string; readonly value: string };

export function isAllowed(acl: readonly string[], target: BindTarget): boolean {
  return acl.length === 0 || acl.some((rule) => matches(rule, target));
}

/** Null, or what is wrong with a rule somebody wants to store. */
export function ruleFault(rule: string): string | null {
  if (rule === '*' || rule === 'bind:*') return null;
  if (!rule.startsWith('bind:')) return `${JSON.stringify(rule)} does not begin with bind:`;
  const pattern = rule.slice('bind:'.length);
  if (/^[\w.-]{1,64}=[\x20-\x7e]{1,256}$/.test(pattern)) return null;
  if (/^(tcp:\/\/)?[a-z0-9.-]{1,253}:(\d{1,5}|\*)$/i.test(pattern)) return null;
  if (/^(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(pattern) && !pattern.includes('..')) return null;
  return `${JSON.stringify(rule)} is neither a host (bind:shop.example.com, bind:*.example.com) nor an address (bind:host:20017)`;
}

function matches(rule: string, target: BindTarget): boolean {
  if (rule === '*' || rule === 'bind:*') return true;
  if (!rule.startsWith('bind:')) return false;
  if (target.kind === 'label') {
    const { key, value } = target;
    return rule === `bind:${key}=${value}` || rule === `bind:${key}=*`;
  }
  const pattern = rule.slice('bind:'.length).toLowerCase();
  if (target.kind === 'host') {
    if (pattern === target.host) return true;
    return pattern.startsWith('*.') && target.host.endsWith(pattern.slice(1)) && target.host !== pattern.slice(2);
  }
  if (target.kind === 'random-host') {
    return pattern.startsWith('*.') && `.${target.baseDomain}`.endsWith(pattern.slice(1));
  }
  const address = pattern.replace(/^tcp:\/\//, '');
  if (address === `${target.host}:*`) return true;
  return target.kind === 'port' && address === `${target.host}:${target.port}`;
}
