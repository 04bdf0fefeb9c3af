import { PorticoError } from '@portico/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';

/**
 * Bodies are read as bytes and understood where they are used: some clients send a JSON content type with no body, or
 * with a body that is not JSON, on routes that want none.
 */
export function readBodiesAsBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

/** The body as this schema has it. 210 not JSON by its type · 213 not JSON · 214 unknown field · 215 invalid field. */
export function readBody<S extends z.ZodType>(request: FastifyRequest, schema: S): z.infer<S> {
  const type = request.headers['content-type'];
  if (type !== undefined && !/^application\/(json|[\w.-]+\+json)\s*(;|$)/i.test(type)) {
    throw new PorticoError(210, { type });
  }
  return checked(parseJson(bodyText(request)), schema);
}

/** Query parameters: only these, each at most once. 231 unknown · 232 repeated. */
export function readQuery(request: FastifyRequest, known: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  const start = request.url.indexOf('?');
  for (const [name, value] of new URLSearchParams(start < 0 ? '' : request.url.slice(start + 1))) {
    if (!known.includes(name)) throw new PorticoError(231, { name });
    if (values.has(name)) throw new PorticoError(232, { name });
    values.set(name, value);
  }
  return values;
}

function bodyText(request: FastifyRequest): string {
  return Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
}

function parseJson(text: string): unknown {
  if (text.trim() === '') throw new PorticoError(213, { reason: 'it is empty' });
  try {
    return JSON.parse(text, (field, value: unknown) => {
      // The database can store neither.
      if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())) {
        throw new PorticoError(215, { field, reason: 'it holds a character that is not allowed' });
      }
      return value;
    });
  } catch (error) {
    if (error instanceof PorticoError) throw error;
    throw new PorticoError(213, { reason: error instanceof Error ? error.message : 'not JSON' });
  }
}

function checked<S extends z.ZodType>(value: unknown, schema: S): z.infer<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues;
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown?.code === 'unrecognized_keys') {
    throw new PorticoError(214, {
      field: [...unknown.path, unknown.keys[0] ?? ''].join('.'),
      known: fieldsOf(schema).join(', '),
    });
  }
  const [issue] = issues;
  const field = issue === undefined || issue.path.length === 0 ? 'body' : issue.path.join('.');
  throw new PorticoError(215, { field, reason: issue?.message ?? 'invalid' });
}

function fieldsOf(schema: z.ZodType): string[] {
  return 'shape' in schema && typeof schema.shape === 'object' && schema.shape !== null
    ? Object.keys(schema.shape)
    : [];
}
