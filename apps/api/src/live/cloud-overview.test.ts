import { overview } from '@portico/api-contract/dashboard';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../testing/browser.ts';
import { TestApi } from '../testing/test-api.ts';

let test: TestApi;
let browser: TestBrowser;

beforeAll(async () => {
  test = await TestApi.start();
  browser = new TestBrowser(test);
  await browser.signIn();
});
afterAll(() => test.close());

const look = async () => overview.parse((await browser.get('/overview')).body);

describe('the overview of an account', () => {
  it('has its cloud endpoints, and none of another account', async () => {
    const host = `soon.${test.config.baseDomain}`;
    const policy = 'on_http_request: [{actions: [{type: custom-response, config: {body: soon}}]}]';
    const wanted = { type: 'cloud', url: `https://${host}`, traffic_policy: policy, description: 'Soon' };
    const made = await browser.post('/api/endpoints', wanted);
    expect(made.status).toBe(201);
    const { endpoints, endpointCount, hadTunnel } = await look();
    expect(endpoints).toMatchObject([
      { id: made.body.id, kind: 'cloud', url: made.body.url, name: 'Soon', sessionId: '', requests: 0 },
    ]);
    expect(endpointCount).toBe(1);
    // It came without an agent: nobody's first tunnel.
    expect(hadTunnel).toBe(false);

    const { accountId } = await test.newAccount();
    const { queries } = test.database;
    await queries.membership.create({ data: { id: 'mb_x', accountId, userId: browser.userId, role: 'viewer' } });
    const other = new TestBrowser(test);
    other.accountId = accountId;
    await other.signIn();
    expect(overview.parse((await other.get('/overview')).body)).toMatchObject({ endpoints: [], endpointCount: 0 });

    expect((await browser.delete(`/api/endpoints/${made.body.id}`)).status).toBe(204);
    expect((await look()).endpoints).toEqual([]);
  });

  it('remembers a tunnel that was, but not the welcome page', async () => {
    const add = (host: string) =>
      test.database.queries.lifecycleEvent.create({
        data: {
          id: `ev_${host}`,
          type: 'endpoint_start.v0',
          at: test.now(),
          accountId: browser.accountId,
          nodeId: 'edge-1',
          object: { url: `https://${host}.${test.config.baseDomain}:8443` },
        },
      });
    await add('welcome');
    expect((await look()).hadTunnel).toBe(false);
    await add('shop');
    expect((await look()).hadTunnel).toBe(true);
  });
});
