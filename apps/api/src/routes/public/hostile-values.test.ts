import { openApiDocument } from '@portico/api-contract/openapi';
import { apiError, publicRoutes } from '@portico/api-contract/public';
import { newId } from '@portico/service';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TestApi } from '../../testing/test-api.ts';

const isLong = process.env.PORTICO_LONG === '1';
const runs = isLong ? 300 : 12;

let test: TestApi;
beforeAll(async () => {
  test = await TestApi.start({ limits: { requestsAMinute: 10_000_000 } });
});
afterAll(() => test.close());

const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '\0',
    '\ud800',
    '../../etc',
    "'; DROP TABLE account; --",
    '%00',
    '{}',
    '1e999',
    '*',
    '_'.repeat(70_000),
  ),
);
const values: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: texts },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(null, true, -1, 2 ** 53, 1e308, [], {}, [[[]]], [null]) },
);

/** Bodies with the fields of the route, some right in kind and all wrong in value, and some of no form at all. */
function bodies(schema: z.ZodType): fc.Arbitrary<unknown> {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' });
  const fields = fc.record(Object.fromEntries(Object.keys(properties).map((name) => [name, values])), {
    requiredKeys: [],
  });
  return fc.oneof({ weight: 4, arbitrary: fields }, { weight: 1, arbitrary: values });
}

const segments = fc.oneof(
  fc.constantFrom('%00', '..', '%2e%2e', '%', 'a%20b', '%ff', '%F0%9F%92%A9', newId('cr'), `cr_${'0'.repeat(5_000)}`),
  fc.string({ maxLength: 30 }).map((text) => encodeURIComponent(text.toWellFormed()) || '_'),
);

describe('every route of the document', () => {
  it.each(publicRoutes.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s answers hostile values with a success or an error in its one shape, never with a 500',
    async (_name, route) => {
      const parts = fc.record({
        body: route.body === null ? fc.constant(undefined) : bodies(route.body),
        segments: fc.array(segments, { minLength: 2, maxLength: 2 }),
        query: fc.dictionary(
          fc.constantFrom('limit', 'before_id', 'filter', 'x', ...route.query.map(({ name }) => name)),
          texts.map((text) => text.slice(0, 2_000)),
          { maxKeys: 2 },
        ),
      });
      await fc.assert(
        fc.asyncProperty(parts, async ({ body, segments: given, query }) => {
          let next = 0;
          const path = route.path.replace(/\{\w+\}/g, () => given[next++] ?? '_');
          const search = new URLSearchParams(Object.entries(query)).toString();
          const answer = await test.call(route.method, `${path}${search === '' ? '' : `?${search}`}`, { body });
          expect([answer.status < 500, answer.text]).toEqual([true, answer.text]);
          if (answer.status >= 400)
            expect([answer.text, apiError.safeParse(answer.body).success]).toEqual([answer.text, true]);
        }),
        { numRuns: runs },
      );
    },
    600_000,
  );

  it('is described by a document whose references all lead somewhere', () => {
    const text = JSON.stringify(openApiDocument({ serverUrl: 'http://localhost', version: '0' }));
    const { components } = z
      .object({ components: z.object({ schemas: z.record(z.string(), z.unknown()) }) })
      .parse(JSON.parse(text));
    const references = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name = '']) => name);
    expect(references.length).toBeGreaterThan(100);
    for (const name of references) expect(Object.keys(components.schemas)).toContain(name);
  });
});
