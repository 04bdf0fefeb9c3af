import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { claimOnline, sessionOnline } from '../../testing/online.ts';
import { TestApi } from '../../testing/test-api.ts';

// reliability.md T3: whoever breaks this shows one customer's things to another.
let test: TestApi;
/** An id of the first account for each kind of thing. */
const ids = new Map<string, string>();

beforeAll(async () => {
  test = await TestApi.start();
  const registry = test.registry();
  const sessionId = newId('ts');
  const endpointId = newId('ep');
  const { accountId } = test.first;
  await sessionOnline(registry, { sessionId, accountId });
  await claimOnline(registry, { sessionId, accountId, endpointId, url: 'https://mine.portico.localhost' });
  const made = async (path: string, body: object) => String((await test.call('POST', path, { body })).body.id);
  ids.set('/credentials', await made('/credentials', {}));
  ids.set('/api_keys', await made('/api_keys', {}));
  ids.set('/reserved_domains', await made('/reserved_domains', { domain: 'kept.portico.localhost' }));
  ids.set('/endpoints', endpointId);
  ids.set('/tunnels', `tn_${endpointId.slice(3)}`);
  ids.set('/tunnel_sessions', sessionId);
  for (const path of [`/endpoints/${endpointId}`, `/tunnel_sessions/${sessionId}`]) {
    await vi.waitFor(async () => expect((await test.call('GET', path)).status).toBe(200));
  }
});

afterAll(() => test.close());

/** Every route of the public listener that names one thing. */
function routesWithId(): { method: string; path: string; collection: string }[] {
  return test.api.publicRoutes.flatMap((route) => {
    const [method = '', path = ''] = route.split(' ');
    if (!path.includes(':')) return [];
    return [{ method, path, collection: `/${path.split('/')[1]}` }];
  });
}

describe('the things of another account', () => {
  it('are looked for on every route that names one', () => {
    const routes = routesWithId();
    expect(routes.length).toBeGreaterThanOrEqual(13);
    for (const { collection } of routes) expect(ids.has(collection)).toBe(true);
  });

  it('are answered like things that do not exist, on every route and with the same body', async () => {
    const other = await test.newAccount();
    for (const { method, path, collection } of routesWithId()) {
      const id = ids.get(collection) ?? '';
      const missing = newId(prefixOf(id));
      const body = method === 'PATCH' ? {} : undefined;
      const ofOther = await test.call(method, path.replace(':id', id), { key: other.apiKey, body });
      const ofNobody = await test.call(method, path.replace(':id', missing), { key: other.apiKey, body });
      expect([method, path, ofOther.status]).toEqual([method, path, 404]);
      expect(masked(ofOther.text, id)).toBe(masked(ofNobody.text, missing));
    }
    // And they are all still there.
    for (const [collection, id] of ids) expect((await test.call('GET', `${collection}/${id}`)).status).toBe(200);
  });

  it('are in no list', async () => {
    const other = await test.newAccount();
    const lists = test.api.publicRoutes.filter((route) => /^GET \/\w+$/.test(route) && route !== 'GET /healthz');
    expect(lists.length).toBe(ids.size);
    for (const route of lists) {
      const answer = await test.call('GET', route.slice(4), { key: other.apiKey });
      expect(answer.status).toBe(200);
      for (const id of ids.values()) expect(answer.text).not.toContain(id);
      expect(answer.text).not.toContain(test.first.accountId);
    }
  });

  it('cannot be given to another account by naming its users', async () => {
    const other = await test.newAccount();
    const { body } = await test.call('GET', '/credentials');
    const [mine] = Array.isArray(body.credentials) ? body.credentials : [];
    const answer = await test.call('POST', '/credentials', { key: other.apiKey, body: { owner_id: mine.owner_id } });
    expect(answer).toMatchObject({ status: 400, body: { error_code: 'ERR_NGROK_215' } });
  });
});

function prefixOf(id: string) {
  for (const prefix of ['ak', 'cr', 'rd', 'ep', 'tn', 'ts'] as const) if (id.startsWith(`${prefix}_`)) return prefix;
  throw new Error(`no prefix: ${id}`);
}

function masked(text: string, id: string): string {
  return text.replaceAll(id, 'ID').replace(/op_[0-9A-Za-z]{27}/g, 'OP');
}
