/** The document of the REST API, OpenAPI 3.1, made from the schemas that the API reads and answers with. */
import { z } from 'zod';
import { collections } from './public/collection.ts';
import { apiError } from './public/common.ts';
import { type PublicRoute, publicRoutes } from './public/route.ts';

type Json = { readonly [name: string]: unknown };

/** @param serverUrl origin of the API, as its callers reach it. */
export function openApiDocument({ serverUrl, version }: { serverUrl: string; version: string }): Json {
  const schemas: Record<string, Json> = { Error: schemaOf(apiError) };
  for (const { schema, resource } of Object.values(collections)) schemas[schema] = schemaOf(resource);
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of publicRoutes) {
    const operations = paths[route.path] ?? {};
    operations[route.method.toLowerCase()] = operationOf(route);
    paths[route.path] = operations;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Portico API',
      version,
      description:
        'Everything an account owns. Send an API key as `authorization: Bearer …` and, if you like, `ngrok-version: 2`.',
    },
    servers: [{ url: serverUrl }],
    security: [{ apiKey: [] }],
    tags: Object.values(collections).map(({ path, about }) => ({ name: path.slice(1), description: about })),
    paths,
    components: { schemas, securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
  };
}

function operationOf(route: PublicRoute): Json {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = route.query.map(({ name, about, type }) => ({
    name,
    in: 'query',
    description: about,
    schema: { type },
  }));
  return {
    operationId: `${route.collection}.${route.verb}`,
    tags: [route.collection],
    summary: route.summary,
    parameters: [...inPath, ...inQuery],
    ...(route.body === null ? {} : { requestBody: { required: true, content: json(schemaOf(route.body, 'input')) } }),
    responses: { ...answerOf(route), default: { description: 'A failure.', content: json(reference('Error')) } },
  };
}

function answerOf({ answer }: PublicRoute): Json {
  switch (answer.kind) {
    case 'one':
      return { [answer.status]: { description: 'Done.', content: json(reference(answer.schema)) } };
    case 'object':
      return { 200: { description: 'Done.', content: json(schemaOf(answer.schema)) } };
    case 'nothing':
      return { 204: { description: 'Done.' } };
    case 'list': {
      const properties = {
        [answer.key]: { type: 'array', items: reference(answer.schema) },
        uri: { type: 'string' },
        next_page_uri: { type: ['string', 'null'], description: 'Null at the end.' },
      };
      const required = [answer.key, 'uri', 'next_page_uri'];
      return { 200: { description: 'One page.', content: json({ type: 'object', properties, required }) } };
    }
  }
}

function json(schema: Json): Json {
  return { 'application/json': { schema } };
}

function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

/** OpenAPI 3.1 takes JSON Schema 2020-12 as it is. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output'): Json {
  const { $schema: _version, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return rest;
}
