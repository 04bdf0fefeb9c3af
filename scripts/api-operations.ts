import { z } from '../packages/api-contract/node_modules/zod/index.js';
import type { ApiField, ApiOperation } from '../packages/api-contract/src/operations.ts';
import { type PublicRoute, publicRoutes } from '../packages/api-contract/src/public.ts';

/** `packages/api-contract/src/operations.json`: the routes of the REST API as `portico api` needs them, without zod. */
export function apiOperations(): string {
  const operations = publicRoutes.map((route): ApiOperation => {
    const parts = route.path.split('/').slice(1);
    return {
      resource: kebab(parts[0] ?? ''),
      verb: kebab(route.verb),
      method: route.method,
      path: route.path,
      summary: route.summary,
      query: route.query.map(({ name, about }) => ({ name, about })),
      fields: fieldsOf(route),
    };
  });
  return `${JSON.stringify(operations, null, 2)}\n`;
}

function fieldsOf({ body }: PublicRoute): ApiField[] {
  if (body === null) return [];
  const schema = shape.parse(z.toJSONSchema(body, { io: 'input' }));
  return Object.entries(schema.properties)
    .map(([name, property]) => ({ name, kind: kindOf(property), required: schema.required.includes(name) }))
    .filter(({ name, kind }) => kind !== null && !repeated.includes(name))
    .map(({ name, kind, required }) => ({ name, kind: kind ?? 'json', required }));
}

/** What one client library repeats from the path. */
const repeated = ['id', 'subscription_id'];
const shape = z.object({
  properties: z.record(z.string(), z.unknown()).default({}),
  required: z.array(z.string()).default([]),
});
const property = z.object({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  anyOf: z.array(z.unknown()).optional(),
  items: z.object({ type: z.string().optional() }).loose().optional(),
});

function kindOf(given: unknown): ApiField['kind'] | null {
  const parsed = property.safeParse(given);
  if (!parsed.success) return 'json';
  const { type, anyOf, items } = parsed.data;
  const kinds = (anyOf ?? []).map(kindOf).filter((kind) => kind !== null);
  if (anyOf !== undefined) return kinds.length === 1 ? (kinds[0] ?? 'json') : kinds.length === 0 ? null : 'json';
  const [only] = [type ?? []].flat().filter((name) => name !== 'null');
  switch (only) {
    case 'string':
      return 'text';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'array':
      return items?.type === 'string' ? 'texts' : 'json';
    case undefined:
      return type === 'null' ? null : 'json';
    default:
      return 'json';
  }
}

function kebab(name: string): string {
  return name.replaceAll('_', '-');
}
