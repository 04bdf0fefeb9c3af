import { setSuspended } from '@portico/db';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeToken } from '../../secrets/token.ts';
import { TestApi } from '../../testing/test-api.ts';

let test: TestApi;

beforeAll(async () => {
  test = await TestApi.start();
});

afterAll(() => test.close());

const refusal = (code: number, status: number) => ({
  status,
  body: {
    error_code: `ERR_NGROK_${code}`,
    status_code: status,
    msg: expect.any(String),
    details: { operation_id: expect.stringMatching(/^op_[0-9A-Za-z]{27}$/) },
  },
});

describe('an API key', () => {
  const withField = (authorization: string | null) =>
    test.call('GET', '/credentials', { key: null, headers: authorization === null ? {} : { authorization } });

  it('is missing: 200', async () => {
    expect(await withField(null)).toMatchObject(refusal(200, 401));
  });

  it('stands in a field that is neither Bearer nor Basic: 201', async () => {
    for (const text of ['Digest x', 'Bearer', 'Bearer a b', `Basic ${btoa('nocolon')}`]) {
      expect(await withField(text)).toMatchObject(refusal(201, 401));
    }
  });

  it('is malformed: 202', async () => {
    expect(await withField('Bearer x')).toMatchObject(refusal(202, 401));
    expect(await withField(`Bearer ${test.edgeCredential}`)).toMatchObject(refusal(202, 401));
  });

  it('is unknown, or has the id of a known one: 203', async () => {
    expect(await withField(`Bearer ${makeToken('api-key', newId('ak'))}`)).toMatchObject(refusal(203, 401));
    const [, id = ''] = test.first.apiKey.split('_');
    expect(await withField(`Bearer ${makeToken('api-key', `ak_${id}`)}`)).toMatchObject(refusal(203, 401));
  });

  it('is an authtoken: 206; the id of a key: 208', async () => {
    expect(await withField(`Bearer ${test.first.authtoken}`)).toMatchObject(refusal(206, 401));
    expect(await withField(`Bearer ${newId('ak')}`)).toMatchObject(refusal(208, 401));
  });

  it('is accepted as Bearer and in either place of Basic', async () => {
    const { apiKey } = test.first;
    for (const text of [`Bearer ${apiKey}`, `Basic ${btoa(`x:${apiKey}`)}`, `Basic ${btoa(`${apiKey}:`)}`]) {
      expect((await withField(text)).status).toBe(200);
    }
  });

  it('of a suspended account: 205, and works again afterwards', async () => {
    const { accountId, apiKey } = await test.newAccount();
    await setSuspended(test.database.queries, accountId, test.now());
    expect(await test.call('GET', '/credentials', { key: apiKey })).toMatchObject(refusal(205, 403));
    await setSuspended(test.database.queries, accountId, null);
    expect((await test.call('GET', '/credentials', { key: apiKey })).status).toBe(200);
  });

  it('works no more once it was deleted', async () => {
    const made = await test.call('POST', '/api_keys', { body: { description: 'short-lived' } });
    expect(made.status).toBe(201);
    const { token, id } = made.body;
    expect((await test.call('GET', '/', { key: String(token) })).status).toBe(200);
    expect((await test.call('DELETE', `/api_keys/${id}`)).status).toBe(204);
    expect(await test.call('GET', '/', { key: String(token) })).toMatchObject(refusal(203, 401));
  });
});

describe('requests', () => {
  it('may name version 2 or none: 217', async () => {
    const version = (text: string) => test.call('GET', '/credentials', { headers: { 'ngrok-version': text } });
    expect((await version('2')).status).toBe(200);
    expect(await version('1')).toMatchObject(refusal(217, 400));
  });

  it('have JSON bodies: 210, 213', async () => {
    const text = await test.call('POST', '/credentials', { body: 'x', headers: { 'content-type': 'text/plain' } });
    expect(text).toMatchObject(refusal(210, 415));
    expect(await test.call('POST', '/credentials', { body: '{' })).toMatchObject(refusal(213, 400));
    expect(await test.call('POST', '/credentials', { body: '' })).toMatchObject(refusal(213, 400));
  });

  it('have known and valid fields: 214, 215', async () => {
    const unknown = await test.call('POST', '/credentials', { body: { descripton: 'x' } });
    expect(unknown).toMatchObject(refusal(214, 400));
    expect(unknown.body.msg).toContain('descripton');
    expect(unknown.body.msg).toContain('description');
    for (const body of [{ description: 5 }, { description: 'é'.repeat(128) }, { acl: ['nonsense'] }, [], 'x', null]) {
      expect(await test.call('POST', '/credentials', { body: JSON.stringify(body) })).toMatchObject(refusal(215, 400));
    }
    expect((await test.call('POST', '/credentials', { body: { description: 'é'.repeat(127) } })).status).toBe(201);
  });

  it('have known query parameters, once each, and a limit from 1 to 100: 231, 232, 233, 250', async () => {
    expect(await test.call('GET', '/credentials?x=1')).toMatchObject(refusal(231, 400));
    expect(await test.call('GET', '/credentials?limit=1&limit=2')).toMatchObject(refusal(232, 400));
    for (const limit of ['0', '101', 'x', '1.5', '-1']) {
      expect(await test.call('GET', `/credentials?limit=${limit}`)).toMatchObject(refusal(233, 400));
    }
    expect(await test.call('GET', '/credentials?filter=obj.secret')).toMatchObject(refusal(250, 400));
  });

  it('larger than 1 MiB are refused in the same shape', async () => {
    const answer = await test.call('POST', '/credentials', { body: { description: 'x'.repeat(1_100_000) } });
    expect(answer).toMatchObject(refusal(215, 413));
  });

  it('to unknown routes get JSON too: 404, whatever the method', async () => {
    expect(await test.call('GET', '/nothing')).toMatchObject(refusal(404, 404));
    expect(await test.call('PUT', '/credentials')).toMatchObject(refusal(404, 404));
    expect(await test.call('GET', '/internal/v1/nodes/hello')).toMatchObject(refusal(404, 404));
    expect(await test.call('POST', '/dashboard/v1/session')).toMatchObject(refusal(404, 404));
  });

  it('are answered with an operation id in the field and, when refused, in the body', async () => {
    const answer = await test.call('GET', '/nothing');
    expect(answer.body.details).toEqual({ operation_id: answer.headers.get('ngrok-operation-id') });
  });

  it('from other origins are allowed without credentials', async () => {
    const headers = { origin: 'https://tools.example', 'access-control-request-method': 'POST' };
    const preflight = await test.call('OPTIONS', '/credentials', { key: null, headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://tools.example');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(preflight.headers.get('access-control-max-age')).toBe('600');
    const answer = await test.call('GET', '/credentials', { headers: { origin: 'https://tools.example' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://tools.example');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('beyond the rate of a key wait: 226, others do not', async () => {
    const slow = await TestApi.start({ limits: { requestsAMinute: 5 } });
    const other = await slow.newAccount();
    for (let i = 0; i < 5; i += 1) expect((await slow.call('GET', '/')).status).toBe(200);
    const refused = await slow.call('GET', '/');
    expect(refused).toMatchObject(refusal(226, 429));
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await slow.call('GET', '/', { key: other.apiKey })).status).toBe(200);
    await slow.close();
  });
});

describe('lists', () => {
  it('are paged newest first, and end without a next page', async () => {
    const { apiKey: key } = await test.newAccount();
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      test.advance(1_000);
      const made = await test.call('POST', '/credentials', { key, body: { description: String(i) } });
      ids.unshift(String(made.body.id));
    }
    const seen: unknown[] = [];
    let path: string | null = '/credentials?limit=2';
    let pages = 0;
    while (path !== null) {
      const answer = await test.call('GET', path, { key });
      const items = answer.body.credentials;
      expect(answer.body.uri).toBe(`${test.api.publicUrl}/credentials`);
      seen.push(...(Array.isArray(items) ? items.map((item: { id: string }) => item.id) : []));
      const next: unknown = answer.body.next_page_uri;
      // Absolute, so that clients may follow it word for word.
      if (next !== null) expect(String(next).startsWith(`${test.api.publicUrl}/credentials?`)).toBe(true);
      path = next === null ? null : String(next).slice(test.api.publicUrl.length);
      pages += 1;
    }
    expect(seen.slice(0, 5)).toEqual(ids);
    expect(seen).toHaveLength(6);
    expect(pages).toBe(3);
  });

  it('take beforeId for before_id, and name no next page when a page is empty', async () => {
    const { body } = await test.call('GET', '/credentials?limit=1');
    const [first] = Array.isArray(body.credentials) ? body.credentials : [];
    const next = await test.call('GET', `/credentials?limit=1&beforeId=${first.id}`);
    expect(next.text).not.toContain(`"id":"${first.id}"`);
    const empty = await test.call('GET', '/credentials?before_id=cr_000000000000000000000000000');
    expect(empty.body).toMatchObject({ credentials: [], next_page_uri: null });
  });
});

describe('clients with habits of their own', () => {
  it('that read JSON from every success get an empty object where others get 204', async () => {
    const headers = { 'user-agent': 'ngrok-api-typescript/0.11.0' };
    const made = await test.call('POST', '/credentials', { body: {} });
    const deleted = await test.call('DELETE', `/credentials/${made.body.id}`, { headers });
    expect(deleted).toMatchObject({ status: 200, text: '{}' });
  });

  it('may say JSON and send no body with GET and DELETE', async () => {
    const headers = { 'content-type': 'application/json' };
    const made = await test.call('POST', '/credentials', { body: {} });
    expect((await test.call('GET', `/credentials/${made.body.id}`, { headers })).status).toBe(200);
    expect((await test.call('DELETE', `/credentials/${made.body.id}`, { headers })).status).toBe(204);
  });

  it('may repeat the id of the path in the body of an update', async () => {
    const made = await test.call('POST', '/credentials', {
      body: { description: 'a', metadata: 'm', acl: ['bind:*'] },
    });
    const { id } = made.body;
    const updated = await test.call('PATCH', `/credentials/${id}`, { body: { id, description: '' } });
    expect(updated).toMatchObject({ status: 200, body: { id, description: '', metadata: 'm', acl: ['bind:*'] } });
  });

  it('may send null for what stays as it is', async () => {
    const made = await test.call('POST', '/credentials', { body: { description: 'a', acl: null, metadata: null } });
    const updated = await test.call('PATCH', `/credentials/${made.body.id}`, {
      body: { description: null, acl: null },
    });
    expect(updated.body).toMatchObject({ description: 'a', acl: [], token: null });
  });
});
