import { eventSourceFields } from '@portico/api-contract/public';
import { type FilteredSource, filteredSources, type NewEvent, type Queries, type RefusedEvent } from '@portico/db';
import { PorticoError } from '@portico/errors';
import { type Filter, parseEventFilter } from '../filters/filter.ts';

/** What a source chooses of its events. Throws 215 for a field that there is not, 250 for a filter that says nothing. */
export function checkEventChoice(
  { type, filter, fields }: { readonly type: string; readonly filter: string; readonly fields: readonly string[] },
  now: Date,
): void {
  const known = eventSourceFields(type);
  if (known.length === 0) {
    const field = filter !== '' ? 'filter' : fields.length > 0 ? 'fields' : null;
    if (field !== null) throw new PorticoError(215, { field, reason: `${type} has none; events of traffic do` });
    return;
  }
  for (const wanted of fields) {
    if (known.some((path) => path === wanted || path.startsWith(`${wanted}.`))) continue;
    const reason = `${JSON.stringify(wanted)} is no field of ${type}; there are ${known.join(', ')}`;
    throw new PorticoError(215, { field: 'fields', reason });
  }
  if (filter !== '') filterOf(type, filter, now);
}

/** Which of these events the filters of their sources do not accept. */
export async function refusedByFilters(
  queries: Queries,
  events: readonly NewEvent[],
  now: Date,
): Promise<RefusedEvent[]> {
  const choosable = events.filter(({ type }) => eventSourceFields(type).length > 0);
  if (choosable.length === 0) return [];
  const accounts = [...new Set(choosable.map(({ accountId }) => accountId))];
  const types = [...new Set(choosable.map(({ type }) => type))];
  const sources = await filteredSources(queries, accounts, types);
  return sources.flatMap((source) => refusedBy(source, choosable, now));
}

function refusedBy(source: FilteredSource, events: readonly NewEvent[], now: Date): RefusedEvent[] {
  const { accountId, subscriptionId, type } = source;
  const accepts = filterOf(type, source.filter, now);
  return events
    .filter((event) => event.accountId === accountId && event.type === type && !accepts(event.object))
    .map(({ id }) => ({ eventId: id, subscriptionId }));
}

/** The parts of an object that the paths lead to; the whole of it without any. */
export function chosenFields(object: unknown, paths: readonly string[]): unknown {
  if (paths.length === 0) return object;
  return chosen(
    object,
    paths.map((path) => path.split('.')),
  );
}

function chosen(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (typeof value !== 'object' || value === null || paths.some(({ length }) => length === 0)) return value;
  const names = new Set(paths.map(([name = '']) => name));
  const inner = (name: string) => paths.filter((path) => path[0] === name).map((path) => path.slice(1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => names.has(name))
      .map(([name, part]) => [name, chosen(part, inner(name))]),
  );
}

/** Lists and maps are not compared. */
function filterOf(type: string, text: string, now: Date): Filter {
  const fields = eventSourceFields(type).filter((path) => !/(headers|logs)$/.test(path));
  return parseEventFilter(text, fields, now);
}
