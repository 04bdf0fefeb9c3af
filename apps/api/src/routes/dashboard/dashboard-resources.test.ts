import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApi } from '../../testing/test-api.ts';

let test: TestApi;
let cookie: string;
let csrf: string;

beforeAll(async () => {
  test = await TestApi.start();
  const { email, password } = test.first;
  const answer = await test.browse('POST', '/dashboard/v1/session', { body: { email, password } });
  cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  csrf = String(answer.body.csrfToken);
});

afterAll(() => test.close());

function browse(method: string, path: string, body?: object, fields: Record<string, string> = {}) {
  const headers = { 'portico-account': test.first.accountId, 'portico-csrf': csrf, ...fields };
  return test.browse(method, `/dashboard/v1/api${path}`, { cookie, headers, ...(body === undefined ? {} : { body }) });
}

describe('the resources of the REST API in the dashboard', () => {
  it('are those of the account of the page, and changes are in the log under the person and the browser', async () => {
    const made = await browse('POST', '/ip_policies', { description: 'by hand' });
    expect(made.status).toBe(201);
    const { body } = await test.call('GET', `/ip_policies/${made.body.id}`);
    expect(body.description).toBe('by hand');
    const filter = encodeURIComponent('obj.type == "ip_policy_created.v0"');
    const events = await browse('GET', `/audit_events?filter=${filter}`);
    expect(events.body.audit_events).toEqual([
      expect.objectContaining({
        type: 'ip_policy_created.v0',
        actor: {
          id: expect.stringMatching(/^usr_/),
          credential_id: expect.stringMatching(/^session_[0-9a-f]{12}$/),
          address: '198.51.100.7',
        },
      }),
    ]);
  });

  it('are not changed without the token of the page, from another site, or without a session', async () => {
    const body = { description: 'forged' };
    expect((await browse('POST', '/ip_policies', body, { 'portico-csrf': 'x' })).status).toBe(403);
    expect((await browse('POST', '/ip_policies', body, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await test.browse('GET', '/dashboard/v1/api/ip_policies')).status).toBe(401);
    // An API key opens nothing here.
    const headers = { 'portico-account': test.first.accountId, 'x-api-key': test.first.apiKey };
    expect((await test.browse('GET', '/dashboard/v1/api/ip_policies', { headers })).status).toBe(401);
  });

  it('of an account that the person is no member of do not exist', async () => {
    const other = await test.newAccount();
    const answer = await browse('GET', '/credentials', undefined, { 'portico-account': other.accountId });
    expect(answer.status).toBe(404);
  });

  it('can be seen by a viewer and not be changed', async () => {
    const { queries } = test.database;
    const where = { accountId: test.first.accountId };
    await queries.membership.updateMany({ where, data: { role: 'viewer' } });
    expect((await browse('GET', '/ip_policies')).status).toBe(200);
    expect(await browse('POST', '/ip_policies', {})).toMatchObject({
      status: 403,
      body: { error_code: 'ERR_NGROK_4006' },
    });
    await queries.membership.updateMany({ where, data: { role: 'administrator' } });
  });

  it('are refused with 220 to addresses that an IP restriction keeps out', async () => {
    const policy = await browse('POST', '/ip_policies', {});
    await browse('POST', '/ip_policy_rules', { ip_policy_id: policy.body.id, cidr: '198.51.100.0/24', action: 'deny' });
    const restriction = { type: 'dashboard', enforced: true, ip_policy_ids: [policy.body.id] };
    expect((await browse('POST', '/ip_restrictions', restriction)).status).toBe(201);
    expect(await browse('GET', '/ip_policies')).toMatchObject({ status: 403, body: { error_code: 'ERR_NGROK_220' } });
    const elsewhere = await browse('GET', '/ip_policies', undefined, { 'x-forwarded-for': '203.0.113.9' });
    expect(elsewhere.status).toBe(200);
  });
});
