import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApi } from '../../testing/test-api.ts';

let test: TestApi;
const ids = { cart: newId('req'), admin: newId('req') };

beforeAll(async () => {
  test = await TestApi.start();
  const exchange = (id: string, target: string) => ({
    id,
    accountId: test.first.accountId,
    endpointId: 'ep_1',
    url: 'https://shop.portico.localhost',
    at: test.now().toISOString(),
    clientIp: '203.0.113.5',
    httpVersion: '1.1' as const,
    method: 'GET',
    host: 'shop.portico.localhost',
    target,
    status: 200,
    errorCode: null,
    end: 'complete' as const,
    timing: { policyMs: null, tunnelMs: 1, waitMs: 2, totalMs: 3 },
    requestBytes: 0,
    responseBytes: 0,
    agent: null,
    region: 'local',
    policy: null,
    replayOf: null,
    request: {
      fields: ['Host', 'shop.portico.localhost', 'X-Role', 'guest'],
      trailers: [],
      body: '',
      truncated: false,
    },
    response: { fields: ['Content-Type', 'text/plain'], trailers: [], body: '', truncated: false },
  });
  const exchanges = [exchange(ids.cart, '/cart'), exchange(ids.admin, '/admin?x=1')];
  await test.edge.reportExchanges({ nodeId: 'edge-1', epoch: 'e', seq: 1, exchanges, dropped: 0 });
});
afterAll(() => test.close());

const policy = `on_http_request:
  - name: no admin
    expressions: ["req.url.path.startsWith('/admin') && req.headers['x-role'][0] == 'guest'"]
    actions: [{type: deny, config: {status_code: 404}}]
  - actions: [{type: add-headers, config: {headers: {x-seen: 'yes'}}}]
`;

describe('a policy that is tried', () => {
  it('tells which rules fire for a recorded request, and why', async () => {
    const admin = await test.call('POST', '/policy_trials', {
      body: { traffic_policy: policy, exchange_id: ids.admin },
    });
    expect(admin.status).toBe(200);
    expect(admin.body).toMatchObject({ problems: [], conclusion: expect.stringContaining('404') });
    const [, request] = JSON.parse(admin.text).phases;
    expect(request).toMatchObject({
      phase: 'on_http_request',
      end: 'answered',
      rules: [
        { name: 'no admin', verdict: 'fires', expressions: [{ value: true }], actions: [{ type: 'deny' }] },
        { verdict: 'not-reached' },
      ],
    });
    const cart = await test.call('POST', '/policy_trials', {
      body: { traffic_policy: policy, exchange_id: ids.cart },
    });
    expect(JSON.parse(cart.text).phases[1].rules).toMatchObject([{ verdict: 'skipped' }, { verdict: 'fires' }]);
  });

  it('takes a request that is made up', async () => {
    const request = { url: 'https://a.example/admin', headers: [['X-Role', 'guest']], client_ip: '198.51.100.7' };
    const answer = await test.call('POST', '/policy_trials', { body: { traffic_policy: policy, request } });
    expect(JSON.parse(answer.text).phases[1].end).toBe('answered');
  });

  it('says where a document is wrong, and runs nothing of it', async () => {
    const wrong = 'on_http_request:\n  - actions: [{type: add-heders, config: {}}]\n';
    const answer = await test.call('POST', '/policy_trials', {
      body: { traffic_policy: wrong, exchange_id: ids.cart },
    });
    expect(answer.body).toMatchObject({
      conclusion: null,
      phases: [],
      problems: [
        { line: 2, code: expect.stringMatching(/^ERR_NGROK_22/), hint: expect.stringContaining('add-headers') },
      ],
    });
  });

  it('is asked for something, of the own account', async () => {
    expect((await test.call('POST', '/policy_trials', { body: { traffic_policy: policy } })).status).toBe(400);
    const other = await test.newAccount();
    const body = { traffic_policy: policy, exchange_id: ids.cart };
    expect((await test.call('POST', '/policy_trials', { body, key: other.apiKey })).status).toBe(404);
  });
});

describe('a survey of recorded requests', () => {
  it('counts how they would end, and names those that would be stopped', async () => {
    const answer = await test.call('POST', '/policy_surveys', { body: { traffic_policy: policy } });
    expect(answer.body).toMatchObject({
      problems: [],
      exchanges: 2,
      ends: { forwarded: 1, answered: 1 },
      stopped: [{ id: ids.admin, path: '/admin?x=1', conclusion: expect.stringContaining('404') }],
    });
    const none = await test.call('POST', '/policy_surveys', {
      body: { traffic_policy: policy, endpoint_id: 'ep_2' },
    });
    expect(none.body).toMatchObject({ exchanges: 0, ends: {} });
  });
});
