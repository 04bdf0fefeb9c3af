import { sessionAnswer } from '@portico/api-contract/dashboard';
import {
  accountList,
  accountOverview,
  installation,
  installationCertificates,
  planList,
  storage,
} from '@portico/api-contract/operator';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../testing/browser.ts';
import { TestApi } from '../testing/test-api.ts';

let test: TestApi;
let operator: TestBrowser;

beforeAll(async () => {
  test = await TestApi.start();
  operator = new TestBrowser(test);
  await operator.signIn();
});
afterAll(() => test.close());

const password = 'harbour of nine herons';

/** A person of the account, with their own browser. */
async function member(accountId: string): Promise<TestBrowser> {
  const email = `${newId('usr').slice(-8).toLowerCase()}@harbor.example`;
  const { passwordHash } = await test.database.queries.user.findFirstOrThrow({ where: { email: test.first.email } });
  const user = await test.database.queries.user.create({
    data: { id: newId('usr'), email, name: 'Jonas', passwordHash },
  });
  await test.database.queries.membership.create({
    data: { id: newId('mb'), accountId, userId: user.id, role: 'administrator' },
  });
  const browser = new TestBrowser(test);
  await browser.signIn(email, test.first.password ?? password);
  return browser;
}

const routes = () => test.api.dashboardRoutes.filter(({ url }) => url.startsWith('/dashboard/v1/operator/'));

describe('the routes of operators', () => {
  it('refuse everybody else, each of them, whatever their role: 4019, or 4003 without a session', async () => {
    const { accountId } = await test.newAccount();
    const administrator = await member(accountId);
    const nobody = new TestBrowser(test);
    expect(routes().length).toBeGreaterThanOrEqual(8);
    for (const { method, url, needs } of routes()) {
      expect([url, needs]).toEqual([url, 'operator']);
      const path = url.replace('/dashboard/v1', '').replace(':id', accountId);
      const body = method === 'GET' ? undefined : { plan: 'self-hosted' };
      const refused = await administrator.send(method, path, body);
      expect([method, url, refused.status, refused.body.error_code]).toEqual([method, url, 403, 'ERR_NGROK_4019']);
      expect((await nobody.send(method, path, body)).status).toBe(401);
    }
    // No account's key opens them either: they are not on the public listener.
    expect((await test.call('GET', '/dashboard/v1/operator/accounts')).status).toBe(404);
  });

  it('want a fresh proof, the token of the session and the own origin for each change', async () => {
    const browser = new TestBrowser(test);
    await browser.signIn();
    for (const { method, url } of routes().filter((route) => route.method !== 'GET')) {
      const path = url.replace('/dashboard/v1', '').replace(':id', 'x');
      const foreign = await browser.send(method, path, {}, { origin: 'https://evil.example' });
      expect([url, foreign.status, foreign.body.error_code]).toEqual([url, 403, 'ERR_NGROK_4004']);
      const forged = await browser.send(method, path, {}, { 'portico-csrf': 'forged' });
      expect([url, forged.status, forged.body.error_code]).toEqual([url, 403, 'ERR_NGROK_4004']);
      test.advance(601_000);
      const stale = await browser.send(method, path, {});
      expect([url, stale.status, stale.body.error_code]).toEqual([url, 403, 'ERR_NGROK_4008']);
      await browser.post('/session/confirm', { password: test.first.password ?? '' });
    }
    await operator.post('/session/confirm', { password: test.first.password ?? '' });
  });

  it('show the installation, its certificates and what it keeps', async () => {
    const whole = installation.parse((await operator.get('/operator/installation')).body);
    expect(whole.counts.accounts).toBeGreaterThanOrEqual(2);
    expect(whole.counts.operators).toBe(1);
    expect(whole.baseDomain).toBe(test.config.baseDomain);
    const certificates = installationCertificates.parse((await operator.get('/operator/certificates')).body);
    expect(certificates.root?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(certificates.root?.pem).toContain('BEGIN CERTIFICATE');
    expect(JSON.stringify(certificates)).not.toContain('PRIVATE KEY');
    const kept = storage.parse((await operator.get('/operator/storage')).body);
    expect(kept.bytes).toBeGreaterThan(1_000_000);
    expect(kept.tables.map(({ name }) => name)).toContain('account');
    expect(kept.retention).toContainEqual({ what: 'Audit log', days: 366 });
  });
});

describe('the accounts of an installation', () => {
  it('are found by name and by people, and come in pages', async () => {
    const made: string[] = [];
    for (let n = 0; n < 55; n += 1) made.push((await test.newAccount()).accountId);
    const { queries } = test.database;
    await queries.account.update({ where: { id: made[3] ?? '' }, data: { name: 'Linden & Söhne' } });
    await member(made[4] ?? '');
    const { user } = await queries.membership.findFirstOrThrow({
      where: { accountId: made[4] ?? '' },
      include: { user: true },
    });
    const find = async (search: string) =>
      accountList.parse((await operator.get(`/operator/accounts?search=${encodeURIComponent(search)}`)).body).accounts;
    expect((await find('linden & s')).map(({ id }) => id)).toEqual([made[3]]);
    expect((await find(user.email)).map(({ id }) => id)).toEqual([made[4]]);
    expect((await find(made[5] ?? '')).map(({ id }) => id)).toEqual([made[5]]);
    expect(await find('% nobody _')).toEqual([]);

    const all = new Set<string>();
    let next: string | null = '';
    let pages = 0;
    while (next !== null) {
      const page = accountList.parse((await operator.get(`/operator/accounts?after=${next}`)).body);
      for (const { id } of page.accounts) all.add(id);
      next = page.next;
      pages += 1;
    }
    expect(pages).toBeGreaterThan(1);
    expect(all.size).toBe(await queries.account.count());
  });

  it('are suspended with a reason and brought back: nothing of them works meanwhile, and their log tells who did it', async () => {
    const { accountId, apiKey } = await test.newAccount();
    const theirs = await member(accountId);
    const call = async () => (await test.call('GET', '/credentials', { key: apiKey })).status;
    expect(await call()).toBe(200);
    const path = `/operator/accounts/${accountId}`;
    expect((await operator.patch(path, { suspended: { reason: ' ' } })).status).toBe(400);
    const answer = await operator.patch(path, { suspended: { reason: 'a phishing report' } });
    const after = accountOverview.parse(answer.body);
    expect(after.suspension).toMatchObject({ by: 'Owner', reason: 'a phishing report' });
    expect(await call()).toBe(403);
    const list = accountList.parse((await operator.get('/operator/accounts?suspended=true')).body);
    expect(list.accounts.map(({ id }) => id)).toEqual([accountId]);

    // Its people look, and are told why; they change nothing.
    const session = sessionAnswer.parse((await theirs.get('/session')).body);
    expect(session.accounts[0]?.suspended?.reason).toBe('a phishing report');
    expect((await theirs.get('/api/credentials')).status).toBe(200);
    const refused = await theirs.post('/api/credentials', {});
    expect([refused.status, refused.body.error_code]).toEqual([403, 'ERR_NGROK_205']);
    expect((await theirs.patch('/account', { name: 'Other' })).body.error_code).toBe('ERR_NGROK_205');

    const events = await test.database.queries.auditEvent.findMany({
      where: { accountId, type: 'account_updated.v0' },
    });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      actorId: operator.userId,
      objectId: accountId,
      before: { suspended_at: null },
      after: { suspension_reason: 'a phishing report' },
    });
    expect(accountOverview.parse((await operator.patch(path, { suspended: null })).body).suspension).toBeNull();
    expect(await call()).toBe(200);
    // Once more is no change, and leaves no line.
    await operator.patch(path, { suspended: null });
    const log = { accountId, type: 'account_updated.v0' };
    expect(await test.database.queries.auditEvent.count({ where: log })).toBe(2);
  });

  it('do not include the installation’s own among those that can be suspended', async () => {
    const answer = await operator.patch(`/operator/accounts/${operator.accountId}`, { suspended: { reason: 'x' } });
    expect([answer.status, answer.body.error_code]).toEqual([400, 'ERR_NGROK_215']);
    expect(accountOverview.parse((await operator.get(`/operator/accounts/${operator.accountId}`)).body).isFirst).toBe(
      true,
    );
    expect((await operator.get('/operator/accounts/ac_000000000000000000000000000')).status).toBe(404);
  });

  it('get the limits of a plan, which edges fetch anew', async () => {
    const { accountId } = await test.newAccount();
    const path = `/operator/accounts/${accountId}`;
    expect((await operator.patch(path, { plan: 'small' })).body.error_code).toBe('ERR_NGROK_215');
    const made = await operator.patch('/operator/plans/small', { endpoints: 3, bytesPerMonth: 5_000_000_000_000 });
    expect(made.body).toMatchObject({ id: 'small', endpoints: 3, bytesPerMonth: 5_000_000_000_000, sessions: null });
    const version = async () => {
      const row = await test.database.queries.account.findUniqueOrThrow({ where: { id: accountId } });
      return row.version + row.settingsRevision;
    };
    const before = await version();
    expect((await operator.patch(path, { plan: 'small' })).body).toMatchObject({ plan: 'small' });
    const given = await version();
    expect(given).toBeGreaterThan(before);
    await operator.patch('/operator/plans/small', { endpoints: 4 });
    expect(await version()).toBeGreaterThan(given);
    const { plans } = planList.parse((await operator.get('/operator/plans')).body);
    expect(plans.find(({ id }) => id === 'small')).toMatchObject({ endpoints: 4, accounts: 1 });
    expect(plans.find(({ id }) => id === 'self-hosted')?.accounts).toBeGreaterThan(0);
    expect((await operator.patch('/operator/plans/No%20Good', {})).status).toBe(400);
    expect((await operator.patch('/operator/plans/small', { endpoints: -1 })).status).toBe(400);
    const events = await test.database.queries.auditEvent.findMany({ where: { type: { startsWith: 'plan_' } } });
    expect(events.map(({ type, accountId: whose }) => [type, whose])).toEqual([
      ['plan_created.v0', operator.accountId],
      ['plan_updated.v0', operator.accountId],
    ]);
  });
});
