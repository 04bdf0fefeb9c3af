import type { LiveEndpoint } from '@portico/api-contract/dashboard';

/**
 * The rows in an order that holds still: what fails stands first when the page opens; afterwards rows keep their place, new
 * ones come on top and gone ones leave. `before` is the order of ids so far.
 */
export function orderRows(endpoints: readonly LiveEndpoint[], before: readonly string[]): LiveEndpoint[] {
  const place = new Map(before.map((id, i) => [id, i]));
  const known = endpoints.filter((endpoint) => place.has(endpoint.id));
  const fresh = endpoints.filter((endpoint) => !place.has(endpoint.id));
  known.sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
  fresh.sort((a, b) => Number(fails(b)) - Number(fails(a)) || compare(a.url, b.url) || compare(a.id, b.id));
  return [...fresh, ...known];
}

export function fails(endpoint: LiveEndpoint): boolean {
  return endpoint.upstream.kind === 'fails';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
