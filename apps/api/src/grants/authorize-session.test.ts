import { createHash } from 'node:crypto';
import { setSuspended } from '@portico/db';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeToken } from '../secrets/token.ts';
import { sessionOnline } from '../testing/online.ts';
import { TestApi } from '../testing/test-api.ts';

let test: TestApi;

beforeAll(async () => {
  test = await TestApi.start();
});

afterAll(() => test.close());

const authorize = (token: string) =>
  test.edge.authorizeSession({
    nodeId: 'edge-1',
    token,
    clientIp: '203.0.113.9',
    agent: { version: '3', os: 'linux', arch: 'x64', clientType: 'portico', userAgent: 'portico' },
  });

const refused = (code: number) => ({ kind: 'refused', error: { code } });

describe('an agent that shows a token', () => {
  it('gets a grant for a good one, under the hash that the edge keeps it by', async () => {
    const { authtoken, accountId, credentialId } = await test.newAccount({ acl: ['bind:a.portico.localhost'] });
    const answer = await authorize(authtoken);
    expect(answer).toMatchObject({
      kind: 'granted',
      grant: {
        credentialId,
        tokenHash: createHash('sha256').update(authtoken).digest('hex'),
        account: { id: accountId, name: 'Another', plan: 'self-hosted' },
        acl: ['bind:a.portico.localhost'],
        limits: { endpointsPerSession: 100, streamsPerSession: 1_000 },
      },
    });
    expect(JSON.stringify(answer)).not.toContain(authtoken);
  });

  it('is told that it is malformed: 105', async () => {
    for (const token of ['', 'x', '2abc_def', 'pat_', test.edgeCredential, `${test.first.authtoken} `]) {
      expect(await authorize(token)).toMatchObject(refused(105));
    }
  });

  it('is told that nobody has it: 107, also when only its secret part is wrong', async () => {
    expect(await authorize(makeToken('authtoken', newId('cr')))).toMatchObject(refused(107));
    const { credentialId } = await test.newAccount();
    expect(await authorize(makeToken('authtoken', credentialId))).toMatchObject(refused(107));
  });

  it('never gets the token back in full in a refusal', async () => {
    const token = makeToken('authtoken', newId('cr'));
    expect(JSON.stringify(await authorize(token))).not.toContain(token);
  });

  it('is told that it was revoked: 300, for good', async () => {
    const { authtoken, apiKey, credentialId } = await test.newAccount();
    expect((await authorize(authtoken)).kind).toBe('granted');
    expect((await test.call('DELETE', `/credentials/${credentialId}`, { key: apiKey })).status).toBe(204);
    expect(await authorize(authtoken)).toMatchObject(refused(300));
    await test.restart();
    expect(await authorize(authtoken)).toMatchObject(refused(300));
  });

  it('that was revoked is shown to its account, once a minute', async () => {
    const { authtoken, apiKey, accountId, credentialId } = await test.newAccount();
    await test.call('DELETE', `/credentials/${credentialId}`, { key: apiKey });
    for (let i = 0; i < 5; i += 1) await authorize(authtoken);
    const events = () => test.database.queries.lifecycleEvent.findMany({ where: { accountId } });
    await vi.waitFor(async () => expect(await events()).toHaveLength(1), 10_000);
    expect((await events())[0]).toMatchObject({
      type: 'agent_session_refused.v0',
      object: { ip: '203.0.113.9', errorCode: 300, credentialId },
    });
    expect(JSON.stringify(await events())).not.toContain(authtoken);
    test.advance(61_000);
    await authorize(authtoken);
    await vi.waitFor(async () => expect(await events()).toHaveLength(2), 10_000);
  });

  it('is told that it is an API key, or the id of one: 207', async () => {
    expect(await authorize(test.first.apiKey)).toMatchObject(refused(207));
    expect(await authorize(newId('ak'))).toMatchObject(refused(207));
  });

  it('is told that its account is suspended: 205', async () => {
    const { authtoken, accountId } = await test.newAccount();
    await setSuspended(test.database.queries, accountId, test.now());
    expect(await authorize(authtoken)).toMatchObject(refused(205));
  });

  it('is told that its account runs as many agents as it may: 108', async () => {
    const { authtoken, accountId } = await test.newAccount();
    await test.database.queries.account.update({ where: { id: accountId }, data: { sessionLimit: 1 } });
    expect((await authorize(authtoken)).kind).toBe('granted');
    const lease = await sessionOnline(test.registry(), { sessionId: newId('ts'), accountId });
    await vi.waitFor(async () => expect(await authorize(authtoken)).toMatchObject(refused(108)), 10_000);
    await lease.revoke();
    await vi.waitFor(async () => expect((await authorize(authtoken)).kind).toBe('granted'), 10_000);
  });

  it('leaves a note of when and from where the token was last used', async () => {
    const { authtoken, credentialId } = await test.newAccount();
    await authorize(authtoken);
    const lastUse = async () => {
      const row = await test.database.queries.credential.findUnique({ where: { id: credentialId } });
      return [row?.lastUsedAt?.getTime(), row?.lastUsedFrom];
    };
    await vi.waitFor(async () => expect(await lastUse()).toEqual([test.now().getTime(), '203.0.113.9']), 8_000);
  });
});

describe('reconciliation of grants', () => {
  const grantOf = async (token: string) => {
    const answer = await authorize(token);
    if (answer.kind !== 'granted') throw new Error('no grant');
    return answer.grant;
  };

  it('names what is gone and what is newer, and nothing else', async () => {
    const [same, changed, revoked, suspended] = [
      await test.newAccount(),
      await test.newAccount(),
      await test.newAccount(),
      await test.newAccount(),
    ];
    const held = await Promise.all([same, changed, revoked, suspended].map(({ authtoken }) => grantOf(authtoken)));
    await test.call('PATCH', `/credentials/${changed.credentialId}`, {
      key: changed.apiKey,
      body: { acl: ['bind:*'] },
    });
    await test.call('DELETE', `/credentials/${revoked.credentialId}`, { key: revoked.apiKey });
    await setSuspended(test.database.queries, suspended.accountId, test.now());
    const answer = await test.edge.reconcile({
      nodeId: 'edge-1',
      grants: [
        ...held.map(({ credentialId, version }) => ({ credentialId, version })),
        { credentialId: 'cr_x', version: 1 },
      ],
    });
    expect(new Set(answer.gone)).toEqual(new Set([revoked.credentialId, suspended.credentialId, 'cr_x']));
    expect(answer.changed).toEqual([await grantOf(changed.authtoken)]);
    expect(answer.changed[0]?.acl).toEqual(['bind:*']);
    expect(await test.edge.reconcile({ nodeId: 'edge-1', grants: [] })).toEqual({ gone: [], changed: [] });
  });
});
