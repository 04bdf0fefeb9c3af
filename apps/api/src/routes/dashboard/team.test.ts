import { invitationMade, personFacts, team as teamAnswer } from '@portico/api-contract/identity';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { mailsTo, TestBrowser, tokenIn } from '../../testing/browser.ts';
import { TestApi } from '../../testing/test-api.ts';

// ngrok-surface.md, section 7: who belongs to an account and may do what.
let test: TestApi;
let admin: TestBrowser;
const password = 'tower of nine herons';

beforeAll(async () => {
  test = await TestApi.start({
    limits: {
      signIn: { accountTries: 50, addressTries: 1_000, windowMs: 60_000 },
      sessionIdleMs: 86_400_000 * 365,
      sessionLifeMs: 86_400_000 * 365,
    },
  });
  admin = new TestBrowser(test);
  await admin.signIn();
});
afterAll(() => test.close());
beforeEach(() => test.advance(61_000));

let names = 0;
async function joined(role: string, by = admin): Promise<{ browser: TestBrowser; email: string; id: string }> {
  names += 1;
  const email = `${role}${names}@harbor.example`;
  expect((await by.post('/team/invitations', { email, role })).status).toBe(201);
  const token = tokenIn((await mailsTo(test, email))[0]?.text);
  const browser = new TestBrowser(test);
  expect((await browser.post('/invitation/accept', { token, password, name: role })).status).toBe(200);
  browser.accountId = admin.accountId;
  return { browser, email, id: browser.userId };
}

const people = async () => teamAnswer.parse((await admin.get('/team')).body).people;

describe('an invitation', () => {
  it('is looked at and accepted by its link, once, and makes a member', async () => {
    const made = await admin.post('/team/invitations', { email: 'Jonas@harbor.example', role: 'developer' });
    const { invitation, link, isMailed } = invitationMade.parse(made.body);
    expect([made.status, isMailed, invitation.email]).toEqual([201, true, 'jonas@harbor.example']);
    expect(link).toMatch(/^http:\/\/localhost:4020\/invitation#[\w-]{43}$/);
    const token = tokenIn((await mailsTo(test, 'jonas@harbor.example'))[0]?.text);
    expect(tokenIn(link)).not.toBe(token);
    const guest = new TestBrowser(test);
    expect((await guest.post('/invitation/look', { token })).body).toEqual({
      account: 'Portico',
      email: 'jonas@harbor.example',
      role: 'developer',
      invitedBy: 'Owner',
      state: 'open',
    });
    const accepted = await guest.post('/invitation/accept', { token, password, name: 'Jonas' });
    expect(accepted).toMatchObject({ status: 200, body: { accounts: [{ id: admin.accountId, role: 'developer' }] } });
    const [member] = (await people()).filter(({ email }) => email === 'jonas@harbor.example');
    expect(member).toMatchObject({ name: 'Jonas', role: 'developer', isDisabled: false, hasSecondFactor: false });
    // Neither link works any more.
    for (const used of [token, tokenIn(link)]) {
      expect((await guest.post('/invitation/look', { token: used })).body.error_code).toBe('ERR_NGROK_4009');
    }
    const user = await test.database.queries.user.findUnique({ where: { email: 'jonas@harbor.example' } });
    expect(user?.emailVerifiedAt).not.toBeNull();
  });

  it('whose link was copied proves no address', async () => {
    const made = await admin.post('/team/invitations', { email: 'copied@harbor.example', role: 'viewer' });
    const token = tokenIn(invitationMade.parse(made.body).link);
    const guest = new TestBrowser(test);
    expect((await guest.post('/invitation/accept', { token, password })).status).toBe(200);
    const user = await test.database.queries.user.findUnique({ where: { email: 'copied@harbor.example' } });
    expect(user?.emailVerifiedAt).toBeNull();
  });

  it('for somebody who is here wants them signed in', async () => {
    const { browser, email } = await joined('viewer');
    await admin.delete(`/team/people/${browser.userId}`);
    await admin.post('/team/invitations', { email, role: 'developer' });
    const token = tokenIn((await mailsTo(test, email))[0]?.text);
    const stranger = new TestBrowser(test);
    const refused = await stranger.post('/invitation/accept', { token, password });
    expect(refused).toMatchObject({ status: 409, body: { error_code: 'ERR_NGROK_4010' } });
    expect((await admin.post('/invitation/accept', { token })).body.error_code).toBe('ERR_NGROK_4010');
    const forged = await browser.post('/invitation/accept', { token }, { 'portico-csrf': 'forged' });
    expect(forged.body.error_code).toBe('ERR_NGROK_4004');
    expect(await browser.post('/invitation/accept', { token })).toMatchObject({
      status: 200,
      body: { accounts: [{ id: admin.accountId, role: 'developer' }] },
    });
  });

  it('has links for half an hour; its page sends another one to the invited address only', async () => {
    const email = 'late@harbor.example';
    await admin.post('/team/invitations', { email, role: 'viewer' });
    const token = tokenIn((await mailsTo(test, email))[0]?.text);
    test.advance(1_801_000);
    const guest = new TestBrowser(test);
    expect((await guest.post('/invitation/look', { token })).body.state).toBe('link-expired');
    expect((await guest.post('/invitation/accept', { token, password })).body.error_code).toBe('ERR_NGROK_4009');
    const asked = await guest.post('/invitation/fresh', { token });
    expect([asked.status, asked.text]).toEqual([202, '{}']);
    const fresh = tokenIn((await mailsTo(test, email))[0]?.text);
    expect(fresh).not.toBe(token);
    expect((await guest.post('/invitation/accept', { token: fresh, password })).status).toBe(200);
  });

  it('ends after seven days, when it is revoked, and by its older links when it is sent again', async () => {
    const guest = new TestBrowser(test);
    const look = async (token: string) => (await guest.post('/invitation/look', { token })).status;
    const email = 'gone@harbor.example';
    const made = await admin.post('/team/invitations', { email, role: 'viewer' });
    const { id } = invitationMade.parse(made.body).invitation;
    const first = tokenIn((await mailsTo(test, email))[0]?.text);
    expect((await admin.post('/team/invitations', { email, role: 'viewer' })).status).toBe(409);
    expect((await admin.post(`/team/invitations/${id}/send`)).status).toBe(200);
    const second = tokenIn((await mailsTo(test, email))[0]?.text);
    expect(await look(first)).toBe(400);
    expect(await look(second)).toBe(200);
    test.advance(8 * 86_400_000);
    expect(await look(second)).toBe(400);
    const { invitations } = teamAnswer.parse((await admin.get('/team')).body);
    expect(invitations).toMatchObject([{ id, isExpired: true }]);
    await admin.post(`/team/invitations/${id}/send`);
    const third = tokenIn((await mailsTo(test, email))[0]?.text);
    expect(await look(third)).toBe(200);
    expect((await admin.delete(`/team/invitations/${id}`)).status).toBe(204);
    expect(await look(third)).toBe(400);
  });

  it('of another account does not exist', async () => {
    const made = await admin.post('/team/invitations', { email: 'kept@harbor.example', role: 'viewer' });
    const { id } = invitationMade.parse(made.body).invitation;
    const other = await test.newAccount();
    await test.database.queries.membership.create({
      data: { id: 'mb_other', accountId: other.accountId, userId: admin.userId, role: 'administrator' },
    });
    const elsewhere = new TestBrowser(test);
    await elsewhere.signIn();
    elsewhere.accountId = other.accountId;
    expect((await elsewhere.post(`/team/invitations/${id}/send`)).status).toBe(404);
    expect((await elsewhere.delete(`/team/invitations/${id}`)).status).toBe(404);
    const { id: stranger } = await joined('viewer');
    expect((await elsewhere.get(`/team/people/${stranger}`)).status).toBe(404);
    expect((await elsewhere.patch(`/team/people/${stranger}`, { role: 'viewer' })).status).toBe(404);
    expect((await elsewhere.delete(`/team/people/${stranger}`)).status).toBe(404);
  });
});

describe('a role', () => {
  const bodies: Readonly<Record<string, object>> = {
    'PATCH /dashboard/v1/account': { name: 'Taken over' },
    'PATCH /dashboard/v1/team/people/:id': { role: 'administrator' },
    'POST /dashboard/v1/team/invitations': { email: 'x@harbor.example', role: 'viewer' },
  };

  it('opens of all routes those that it may use, and no other', async () => {
    const { browser: viewer, id } = await joined('viewer');
    const { browser: developer } = await joined('developer');
    const { browser: manager } = await joined('manager');
    const allowed = {
      viewer: ['resources.read', 'team.read'],
      developer: ['resources.read', 'resources.write', 'team.read'],
      manager: ['resources.read', 'resources.write', 'team.read', 'team.invite', 'team.manage', 'audit.read'],
    };
    const browsers = { viewer, developer, manager };
    for (const { method, url, needs } of test.api.dashboardRoutes) {
      if (typeof needs !== 'object' || needs.permission === null || url.endsWith('/live')) continue;
      for (const role of ['viewer', 'developer', 'manager'] as const) {
        const may = allowed[role].includes(needs.permission);
        // What is allowed and changes something is shown by the other tests.
        if (may && method !== 'GET') continue;
        const path = url.replace('/dashboard/v1', '').replace(':id', id);
        const answer = await browsers[role].send(
          method,
          path,
          bodies[`${method} ${url}`] ?? (method === 'GET' ? undefined : {}),
        );
        expect([role, method, url, answer.status]).toEqual([role, method, url, may ? 200 : 403]);
        if (!may) expect(answer.body.error_code).toBe('ERR_NGROK_4006');
      }
    }
  });

  it('holds for the resources of the REST API as well', async () => {
    const { browser: viewer } = await joined('viewer');
    const { browser: developer } = await joined('developer');
    const status = async (who: TestBrowser, method: string, path: string, body?: object) =>
      (await who.send(method, `/api${path}`, body)).status;
    expect(await status(viewer, 'GET', '/ip_policies')).toBe(200);
    expect(await status(viewer, 'POST', '/ip_policies', {})).toBe(403);
    expect(await status(developer, 'POST', '/ip_policies', {})).toBe(201);
    for (const who of [viewer, developer]) {
      expect(await status(who, 'GET', '/api_keys')).toBe(403);
      expect(await status(who, 'POST', '/api_keys', {})).toBe(403);
      expect(await status(who, 'GET', '/audit_events')).toBe(403);
      expect(await status(who, 'POST', '/service_users', { name: 'x' })).toBe(403);
      expect(await status(who, 'POST', '/ip_restrictions', { type: 'api', ip_policy_ids: [] })).toBe(403);
      expect(await status(who, 'POST', '/personal_access_tokens', {})).toBe(201);
    }
  });

  it('of a developer leaves authtokens of others alone', async () => {
    const { browser } = await joined('developer');
    const own = await browser.post('/api/credentials', {});
    const foreign = await admin.post('/api/credentials', {});
    expect((await browser.patch(`/api/credentials/${own.body.id}`, { description: 'mine' })).status).toBe(200);
    expect((await browser.patch(`/api/credentials/${foreign.body.id}`, { acl: [] })).status).toBe(403);
    expect((await browser.delete(`/api/credentials/${foreign.body.id}`)).status).toBe(403);
    expect((await browser.post('/api/credentials', { owner_id: admin.userId })).status).toBe(403);
    expect((await admin.delete(`/api/credentials/${own.body.id}`)).status).toBe(204);
  });

  it('holds for a person’s API keys and tokens too, and changes with the person', async () => {
    const { browser, id } = await joined('developer');
    const key = await admin.post('/api/api_keys', { owner_id: id });
    const token = await browser.post('/api/personal_access_tokens', {});
    for (const secret of [key, token].map((answer) => String(answer.body.token))) {
      const status = async (method: string, path: string) =>
        (await test.call(method, path, { key: secret, ...(method === 'POST' ? { body: {} } : {}) })).status;
      await admin.patch(`/team/people/${id}`, { role: 'developer' });
      expect(await status('POST', '/ip_policies')).toBe(201);
      expect(await status('GET', '/api_keys')).toBe(403);
      await admin.patch(`/team/people/${id}`, { role: 'viewer' });
      expect(await status('POST', '/ip_policies')).toBe(403);
      expect(await status('GET', '/ip_policies')).toBe(200);
      await admin.patch(`/team/people/${id}`, { isDisabled: true });
      expect(await status('GET', '/ip_policies')).toBe(403);
      await admin.patch(`/team/people/${id}`, { isDisabled: false });
    }
  });

  it('is never given above one’s own', async () => {
    const { browser: manager } = await joined('manager');
    const { id: developer } = await joined('developer');
    expect((await manager.post('/team/invitations', { email: 'a@harbor.example', role: 'administrator' })).status).toBe(
      403,
    );
    expect((await manager.post('/team/invitations', { email: 'a@harbor.example', role: 'manager' })).status).toBe(201);
    expect((await manager.patch(`/team/people/${developer}`, { role: 'administrator' })).status).toBe(403);
    expect((await manager.patch(`/team/people/${admin.userId}`, { role: 'viewer' })).status).toBe(403);
    expect((await manager.delete(`/team/people/${admin.userId}`)).status).toBe(403);
    expect(teamAnswer.parse((await manager.get('/team')).body).roles).toEqual(['manager', 'developer', 'viewer']);
    expect((await manager.patch(`/team/people/${developer}`, { role: 'viewer' })).status).toBe(204);
  });

  it('may be widened by inviting', async () => {
    const { browser, id } = await joined('viewer');
    const invite = () => browser.post('/team/invitations', { email: 'friend@harbor.example', role: 'viewer' });
    expect((await invite()).status).toBe(403);
    await admin.patch(`/team/people/${id}`, { mayInvite: true });
    expect((await invite()).status).toBe(201);
    expect((await browser.post('/team/invitations', { email: 'b@harbor.example', role: 'developer' })).status).toBe(
      403,
    );
    const wide = { email: 'b@harbor.example', role: 'viewer', mayInvite: true };
    expect((await browser.post('/team/invitations', wide)).status).toBe(403);
  });
});

describe('the last administrator', () => {
  it('stays one: 4013', async () => {
    const before = (await people()).filter(({ role }) => role === 'administrator');
    expect(before).toHaveLength(1);
    for (const answer of [
      await admin.patch(`/team/people/${admin.userId}`, { role: 'viewer' }),
      await admin.delete(`/team/people/${admin.userId}`),
    ]) {
      expect(answer).toMatchObject({ status: 409, body: { error_code: 'ERR_NGROK_4013' } });
    }
    expect((await admin.patch(`/team/people/${admin.userId}`, { isDisabled: true })).status).toBe(409);
  });

  it('stays one when two take each other out at once', async () => {
    const { browser: second, id } = await joined('administrator');
    const answers = await Promise.all([
      admin.patch(`/team/people/${id}`, { role: 'viewer' }),
      second.patch(`/team/people/${admin.userId}`, { role: 'viewer' }),
    ]);
    expect(answers.map(({ status }) => status).sort()).not.toEqual([204, 204]);
    const rows = await test.database.queries.membership.findMany({ where: { accountId: admin.accountId } });
    expect(rows.some(({ role, userId }) => role === 'administrator' && [id, admin.userId].includes(userId))).toBe(true);
    await test.database.queries.membership.updateMany({
      where: { accountId: admin.accountId, userId: admin.userId },
      data: { role: 'administrator' },
    });
    await admin.patch(`/team/people/${id}`, { role: 'viewer' });
  });
});

describe('taking somebody out', () => {
  it('revokes what they own there, ends their pages, and leaves them elsewhere', async () => {
    const { browser, id } = await joined('developer');
    const authtoken = String((await browser.post('/api/credentials', {})).body.token);
    const pat = String((await browser.post('/api/personal_access_tokens', {})).body.token);
    const key = String((await admin.post('/api/api_keys', { owner_id: id })).body.token);
    const { owns } = personFacts.parse((await admin.get(`/team/people/${id}`)).body);
    expect(owns).toEqual({ credentials: 1, apiKeys: 1, personalAccessTokens: 1 });
    const agent = { version: '1', os: 'linux', arch: 'x64', clientType: 'x', userAgent: 'x' };
    const authorize = () =>
      test.edge.authorizeSession({ nodeId: 'edge-1', token: authtoken, clientIp: '203.0.113.9', agent });
    expect((await authorize()).kind).toBe('granted');

    const leaving = new AbortController();
    const live = await fetch(`${test.api.internalUrl}/dashboard/v1/live?account=${browser.accountId}`, {
      headers: { authorization: `Bearer ${test.dashboardCredential}`, cookie: browser.cookie },
      signal: leaving.signal,
    });
    let text = '';
    const reading = (async () => {
      for await (const chunk of live.body ?? []) text += Buffer.from(chunk).toString('utf8');
    })();
    await vi.waitFor(() => expect(text).toContain('overview'), 10_000);

    expect((await admin.delete(`/team/people/${id}`)).status).toBe(204);
    await reading;
    expect(text).toContain('signed-out');
    expect(await authorize()).toMatchObject({ kind: 'refused', error: { code: 300 } });
    for (const secret of [pat, key]) expect((await test.call('GET', '/ip_policies', { key: secret })).status).toBe(401);
    expect((await browser.get('/team')).status).toBe(404);
    expect((await browser.get('/session')).status).toBe(200);
  });

  it('for a while keeps authtokens and keys from working, and gives them back', async () => {
    const { browser, id } = await joined('developer');
    const token = String((await browser.post('/api/credentials', {})).body.token);
    const agent = { version: '1', os: 'linux', arch: 'x64', clientType: 'x', userAgent: 'x' };
    const authorize = async () =>
      (await test.edge.authorizeSession({ nodeId: 'edge-1', token, clientIp: '203.0.113.9', agent })).kind;
    const granted = await test.edge.authorizeSession({ nodeId: 'edge-1', token, clientIp: '203.0.113.9', agent });
    if (granted.kind !== 'granted') throw new Error('refused');
    const { credentialId, version } = granted.grant;
    await admin.patch(`/team/people/${id}`, { isDisabled: true });
    expect(await authorize()).toBe('refused');
    const grants = [{ credentialId, version }];
    expect((await test.edge.reconcile({ nodeId: 'edge-1', grants })).gone).toEqual([credentialId]);
    expect((await browser.get('/overview')).status).toBe(404);
    await admin.patch(`/team/people/${id}`, { isDisabled: false });
    expect(await authorize()).toBe('granted');
    expect((await browser.get('/overview')).status).toBe(200);
  });

  it('is open to everybody for themselves', async () => {
    const { browser, id } = await joined('viewer');
    const { id: other } = await joined('viewer');
    expect((await browser.delete(`/team/people/${other}`)).status).toBe(403);
    expect((await browser.delete(`/team/people/${id}`)).status).toBe(204);
    expect((await browser.get('/team')).status).toBe(404);
  });
});

describe('an account that wants a second factor', () => {
  it('lets nobody in without one: 4012', async () => {
    const { browser } = await joined('developer');
    expect((await admin.patch('/account', { requireSecondFactor: true })).body.error_code).toBe('ERR_NGROK_4012');
    await test.database.queries.account.updateMany({
      where: { id: admin.accountId },
      data: { requireSecondFactor: true },
    });
    for (const path of ['/team', '/api/ip_policies', '/overview']) {
      expect((await browser.get(path)).body.error_code).toBe('ERR_NGROK_4012');
    }
    const { totpCode } = await import('../../identity/totp.ts');
    const secret = String((await browser.post('/totp')).body.secret);
    const code = totpCode(secret, BigInt(Math.floor(test.now().getTime() / 30_000)));
    expect((await browser.post('/totp/finish', { code })).status).toBe(200);
    expect((await browser.get('/team')).status).toBe(200);
    await test.database.queries.account.updateMany({
      where: { id: admin.accountId },
      data: { requireSecondFactor: false },
    });
  });
});

describe('the log', () => {
  it('tells of sign-ins, failures, passwords, invitations and roles, and can be taken away as CSV and JSON lines', async () => {
    const { browser, email, id } = await joined('developer');
    await new TestBrowser(test).signIn(email, 'not the password');
    await browser.post('/password', { current: password, password: 'harbour of seven gulls' });
    await admin.patch(`/team/people/${id}`, { role: 'viewer' });
    await admin.patch('/account', { name: '=HYPERLINK("x")' });
    await vi.waitFor(async () => {
      const { text } = await admin.get('/audit-export?format=jsonl');
      const events = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const mine = events.filter((event) => event.object_id === id || event.after?.email === email);
      const types = mine.map((event) => event.type);
      for (const type of [
        'invitation_created.v0',
        'membership_created.v0',
        'login_created.v0',
        'login_failed.v0',
        'user_updated.v0',
        'membership_updated.v0',
      ]) {
        expect(types).toContain(type);
      }
      const change = mine.find((event) => event.type === 'membership_updated.v0');
      expect(change).toMatchObject({
        actor_id: admin.userId,
        address: '198.51.100.7',
        before: { role: 'developer' },
        after: { role: 'viewer' },
      });
      expect(change.request_id).toMatch(/^op_/);
      expect(text).not.toContain(password);
      expect(text).not.toContain('herons');
      expect(text).not.toContain('gulls');
    }, 10_000);
    const csv = await admin.get('/audit-export?format=csv');
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.headers.get('content-disposition')).toMatch(/^attachment; filename="audit-\d{4}-\d\d-\d\d\.csv"$/);
    const lines = csv.text.trim().split('\r\n');
    expect(lines[0]).toBe('id,time,type,actor_id,credential_id,address,request_id,object_id,before,after');
    expect(lines.length).toBeGreaterThan(10);
    expect((await admin.get('/audit-export?format=xml')).status).toBe(400);
  });

  it('of sign-ins is the account’s own', async () => {
    const other = await test.newAccount();
    const answer = await test.call('GET', '/audit_events', { key: other.apiKey });
    expect(answer.text).not.toContain('login_');
  });
});
