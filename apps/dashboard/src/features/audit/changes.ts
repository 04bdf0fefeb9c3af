/** One value of an object that differs: `path` is its place, a null side means that there was none. */
export interface Change {
  readonly path: string;
  readonly was: string | null;
  readonly is: string | null;
}

const changesMax = 200;

/** What differs between two objects of JSON, by value; an object that came or went shows all it held. */
export function changesBetween(before: unknown, after: unknown): Change[] {
  const changes: Change[] = [];
  compare('', before ?? null, after ?? null, changes);
  return changes.slice(0, changesMax);
}

function compare(path: string, was: unknown, is: unknown, into: Change[]): void {
  if (into.length >= changesMax) return;
  const one = fieldsOf(was);
  const other = fieldsOf(is);
  if ((one !== null || other !== null) && (one !== null || was === null) && (other !== null || is === null)) {
    for (const name of new Set([...Object.keys(one ?? {}), ...Object.keys(other ?? {})])) {
      compare(path === '' ? name : `${path}.${name}`, one?.[name] ?? null, other?.[name] ?? null, into);
    }
    return;
  }
  const change = { path, was: textOf(was), is: textOf(is) };
  if (change.was !== change.is) into.push(change);
}

function fieldsOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}

function textOf(value: unknown): string | null {
  if (value === null || value === '') return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
