import { security } from '@portico/api-contract/identity';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { totpCode } from '../../identity/totp.ts';
import { mailsTo, TestBrowser } from '../../testing/browser.ts';
import { TestApi } from '../../testing/test-api.ts';

// reliability.md S4: each code once, ± 1 step, ten recovery codes; changes want a confirmation, tell the person and
// end their other sessions.
let test: TestApi;
const setup = z.object({ secret: z.string(), uri: z.string() });
const recovery = z.object({ codes: z.array(z.string()) });

beforeAll(async () => {
  test = await TestApi.start({ limits: { signIn: { accountTries: 5, addressTries: 1_000, windowMs: 60_000 } } });
});
afterAll(() => test.close());
// The throttle forgets, and so does the clock of codes.
beforeEach(() => test.advance(3_700_000));

/** The code of now, or of some half minutes later. */
const codeOf = (secret: string, steps = 0) =>
  totpCode(secret, BigInt(Math.floor(test.now().getTime() / 30_000) + steps));

async function withCodes() {
  const browser = new TestBrowser(test);
  await browser.signIn();
  await browser.delete('/totp');
  const { secret } = setup.parse((await browser.post('/totp')).body);
  const finished = await browser.post('/totp/finish', { code: codeOf(secret) });
  test.advance(60_000);
  return { browser, secret, codes: recovery.parse(finished.body).codes };
}

async function turnOff(secret: string): Promise<void> {
  const browser = new TestBrowser(test);
  await browser.signIn();
  await browser.post('/session/second-factor', { code: codeOf(secret, 1) });
  expect((await browser.delete('/totp')).status).toBe(204);
}

describe('one-time codes', () => {
  it('are asked for after the password, and only the right one opens a session', async () => {
    const { secret } = await withCodes();
    const browser = new TestBrowser(test);
    expect(await browser.signIn()).toMatchObject({ status: 202, body: { secondFactor: 'code' } });
    expect((await browser.get('/session')).status).toBe(401);
    expect(await browser.post('/session/second-factor', { code: '000000' })).toMatchObject({
      status: 401,
      body: { error_code: 'ERR_NGROK_4007' },
    });
    expect((await browser.post('/session/second-factor', { code: ` ${codeOf(secret)} ` })).status).toBe(200);
    expect((await browser.get('/session')).status).toBe(200);
    await turnOff(secret);
  });

  it('are good once, half a minute before and after', async () => {
    const { secret } = await withCodes();
    const used = codeOf(secret);
    const enter = async (code: string) => {
      const browser = new TestBrowser(test);
      await browser.signIn();
      return (await browser.post('/session/second-factor', { code })).status;
    };
    expect(await enter(codeOf(secret, -2))).toBe(401);
    expect(await enter(codeOf(secret, 2))).toBe(401);
    expect(await enter(codeOf(secret, -1))).toBe(200);
    expect(await enter(used)).toBe(200);
    expect(await enter(used)).toBe(401);
    expect(await enter(codeOf(secret, -1))).toBe(401);
    expect(await enter(codeOf(secret, 1))).toBe(200);
    test.advance(60_000);
    await turnOff(secret);
  });

  it('entered by two browsers at once open one session', async () => {
    const { secret } = await withCodes();
    const browsers = [new TestBrowser(test), new TestBrowser(test), new TestBrowser(test)];
    for (const browser of browsers) await browser.signIn();
    const code = codeOf(secret);
    const answers = await Promise.all(browsers.map((browser) => browser.post('/session/second-factor', { code })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
    test.advance(60_000);
    await turnOff(secret);
  });

  it('are guessed a few times, then not for a while, and the password has to be shown again', async () => {
    const { secret } = await withCodes();
    const browser = new TestBrowser(test);
    await browser.signIn();
    const statuses: number[] = [];
    for (let i = 0; i < 6; i += 1)
      statuses.push((await browser.post('/session/second-factor', { code: '123456' })).status);
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    // The step is used up, and another one meets the throttle.
    expect(statuses[5]).toBe(401);
    await browser.signIn();
    const answer = await browser.post('/session/second-factor', { code: codeOf(secret) });
    expect(answer).toMatchObject({ status: 429, body: { error_code: 'ERR_NGROK_4002' } });
    test.advance(3_700_000);
    await turnOff(secret);
  });

  it('want the browser that showed the password, within ten minutes: 4017', async () => {
    const { secret } = await withCodes();
    const browser = new TestBrowser(test);
    await browser.signIn();
    const other = new TestBrowser(test);
    expect(await other.post('/session/second-factor', { code: codeOf(secret) })).toMatchObject({
      status: 401,
      body: { error_code: 'ERR_NGROK_4017' },
    });
    test.advance(601_000);
    const late = await browser.post('/session/second-factor', { code: codeOf(secret) });
    expect(late.body.error_code).toBe('ERR_NGROK_4017');
    await turnOff(secret);
  });

  it('leave other sessions ended and the person told, when they are turned on and off', async () => {
    const elsewhere = new TestBrowser(test);
    await elsewhere.signIn();
    const { browser, secret } = await withCodes();
    expect((await elsewhere.get('/session')).status).toBe(401);
    const again = new TestBrowser(test);
    await again.signIn();
    await again.post('/session/second-factor', { code: codeOf(secret) });
    expect((await browser.delete('/totp')).status).toBe(204);
    expect((await again.get('/session')).status).toBe(401);
    const subjects = (await mailsTo(test, test.first.email)).map(({ subject }) => subject);
    expect(subjects.slice(0, 2)).toEqual([
      'Portico: One-time codes were turned off',
      'Portico: One-time codes were turned on',
    ]);
  });

  it('stand sealed in the database', async () => {
    const { browser, secret } = await withCodes();
    const rows = await test.database.queries.user.findMany();
    expect(
      JSON.stringify(rows, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toContain(secret);
    expect(rows.some((row) => row.sealedTotp !== null)).toBe(true);
    await browser.delete('/totp');
  });
});

describe('recovery codes', () => {
  it('are ten, open a session once each, and are told of', async () => {
    const { browser, codes } = await withCodes();
    expect(codes).toHaveLength(10);
    expect(new Set(codes).size).toBe(10);
    const enter = async (code: string) => {
      const other = new TestBrowser(test);
      await other.signIn();
      return (await other.post('/session/second-factor', { code })).status;
    };
    const [first = '', second = ''] = codes;
    expect(await enter(first.toUpperCase().replaceAll('-', ' '))).toBe(200);
    expect(await enter(first)).toBe(401);
    expect((await mailsTo(test, test.first.email))[0]?.subject).toBe('Portico: A recovery code was used to sign in');
    const { totp } = security.parse((await browser.get('/security')).body);
    expect(totp?.recoveryCodes).toBe(9);
    const renewed = await browser.post('/recovery-codes');
    expect(recovery.parse(renewed.body).codes).toHaveLength(10);
    expect(await enter(second)).toBe(401);
    await browser.delete('/totp');
  });

  it('stand in the database as hashes', async () => {
    const { browser, codes } = await withCodes();
    const rows = await test.database.queries.recoveryCode.findMany();
    expect(rows).toHaveLength(10);
    for (const row of rows) {
      expect(row.hash).toHaveLength(32);
      expect(codes).not.toContain(Buffer.from(row.hash).toString('utf8'));
    }
    await browser.delete('/totp');
  });
});

describe('what changes how one signs in', () => {
  it('wants a confirmation when the sign-in was a while ago: 4008', async () => {
    const browser = new TestBrowser(test);
    await browser.signIn();
    test.advance(601_000);
    const wanted = test.api.dashboardRoutes.filter(({ needs }) => needs === 'confirmed');
    expect(wanted.length).toBeGreaterThanOrEqual(8);
    for (const { method, url } of wanted) {
      const answer = await browser.send(method, url.replace('/dashboard/v1', '').replace(':id', 'x'), {});
      expect([method, url, answer.status, answer.body.error_code]).toEqual([method, url, 403, 'ERR_NGROK_4008']);
    }
    expect((await browser.post('/session/confirm', { password: 'not the password' })).status).toBe(401);
    expect((await browser.post('/totp')).status).toBe(403);
    expect((await browser.post('/session/confirm', { password: test.first.password ?? '' })).status).toBe(204);
    expect((await browser.post('/totp')).status).toBe(200);
  });

  it('never comes from another site, or without the token of the session', async () => {
    const browser = new TestBrowser(test);
    await browser.signIn();
    const changes = test.api.dashboardRoutes.filter(({ method }) => method !== 'GET');
    for (const { method, url, needs } of changes) {
      const path = url.replace('/dashboard/v1', '').replace(':id', 'x');
      const foreign = await browser.send(method, path, {}, { origin: 'https://evil.example' });
      expect([url, foreign.status]).toEqual([url, 403]);
      if (needs === 'open') continue;
      const forged = await browser.send(method, path, {}, { 'portico-csrf': 'forged' });
      expect([url, forged.status, forged.body.error_code]).toEqual([url, 403, 'ERR_NGROK_4004']);
    }
    expect((await browser.get('/session')).status).toBe(200);
  });
});

describe('the sessions of a person', () => {
  it('are listed with where and how, and ended one by one or all but this one', async () => {
    const here = new TestBrowser(test);
    await here.signIn();
    await here.delete('/sessions');
    const there = new TestBrowser(test, { 'user-agent': 'There/1.0', 'x-forwarded-for': '203.0.113.9' });
    await there.signIn();
    const list = async () => security.parse((await here.get('/security')).body).sessions;
    expect(await list()).toMatchObject([{ method: 'password' }, { method: 'password' }]);
    const other = (await list()).find(({ isThis }) => !isThis);
    expect(other).toMatchObject({ ip: '203.0.113.9', userAgent: 'There/1.0' });
    expect((await here.delete(`/sessions/${other?.id}`)).status).toBe(204);
    expect((await there.get('/session')).status).toBe(401);
    await there.signIn();
    expect((await here.delete('/sessions')).status).toBe(204);
    expect((await there.get('/session')).status).toBe(401);
    expect(await list()).toMatchObject([{ isThis: true }]);
  });

  it('of others cannot be ended', async () => {
    const here = new TestBrowser(test);
    await here.signIn();
    expect((await here.delete('/sessions/session_000000000000')).status).toBe(404);
  });
});
