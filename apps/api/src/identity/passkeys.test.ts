import { security } from '@portico/api-contract/identity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestAuthenticator } from '../testing/authenticator.ts';
import { mailsTo, TestBrowser } from '../testing/browser.ts';
import { TestApi } from '../testing/test-api.ts';

const origin = 'http://localhost:4020';
let test: TestApi;
beforeAll(async () => {
  test = await TestApi.start({ limits: { signIn: { accountTries: 50, addressTries: 1_000, windowMs: 60_000 } } });
});
afterAll(() => test.close());

const challengeIn = (body: Record<string, unknown>) => ({ challenge: String(body.challenge) });

async function register(authenticator: TestAuthenticator, name = 'Laptop') {
  const browser = new TestBrowser(test);
  await browser.signIn();
  const options = await browser.post('/passkeys/options');
  const attestation = authenticator.create(challengeIn(options.body));
  return { browser, options, answer: await browser.post('/passkeys', { name, attestation }) };
}

async function signIn(authenticator: TestAuthenticator, browser = new TestBrowser(test)) {
  const options = await browser.post('/passkey-sign-in/options');
  const assertion = authenticator.get(challengeIn(options.body));
  return { browser, assertion, answer: await browser.post('/passkey-sign-in', assertion) };
}

describe('a passkey', () => {
  it('signs in by itself, and counts as a second factor', async () => {
    const authenticator = new TestAuthenticator(origin);
    const { browser, options, answer } = await register(authenticator);
    expect(answer.status).toBe(201);
    expect(options.body).toMatchObject({
      rp: { id: 'localhost' },
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    const [passkey] = security.parse((await browser.get('/security')).body).passkeys;
    expect(passkey).toMatchObject({ name: 'Laptop', lastUsedAt: null });
    const signedIn = await signIn(authenticator);
    expect(signedIn.answer).toMatchObject({ status: 200, body: { user: { email: test.first.email } } });
    const sessions = await test.database.queries.dashboardSession.findMany({ where: { method: 'passkey' } });
    expect(sessions).toMatchObject([{ isStrong: true }]);
    expect((await mailsTo(test, test.first.email))[0]?.subject).toBe('Portico: The passkey “Laptop” was added');
  });

  it('is refused with an answer that was used, of another site, or without its person: 4016', async () => {
    const authenticator = new TestAuthenticator(origin);
    await register(authenticator);
    const { browser, assertion } = await signIn(authenticator);
    expect((await browser.post('/passkey-sign-in', assertion)).body.error_code).toBe('ERR_NGROK_4017');
    await browser.post('/passkey-sign-in/options');
    expect((await browser.post('/passkey-sign-in', assertion)).body.error_code).toBe('ERR_NGROK_4016');

    const careless = new TestAuthenticator(origin, { verifiesUser: false });
    expect((await register(careless)).answer.body.error_code).toBe('ERR_NGROK_4016');
    const foreign = new TestAuthenticator('http://evil.example');
    expect((await register(foreign)).answer.body.error_code).toBe('ERR_NGROK_4016');
    expect((await signIn(new TestAuthenticator(origin))).answer.body.error_code).toBe('ERR_NGROK_4016');
  });

  it('whose counter goes back is a copy, and refused', async () => {
    const authenticator = new TestAuthenticator(origin);
    await register(authenticator);
    const enter = async (count: number) => {
      const browser = new TestBrowser(test);
      const options = await browser.post('/passkey-sign-in/options');
      const assertion = authenticator.get({ ...challengeIn(options.body), count });
      return (await browser.post('/passkey-sign-in', assertion)).status;
    };
    expect(await enter(5)).toBe(200);
    expect(await enter(-3)).toBe(401);
    expect(await enter(10)).toBe(200);
  });

  it('confirms who somebody is, of that person only', async () => {
    const authenticator = new TestAuthenticator(origin);
    const { browser } = await register(authenticator);
    test.advance(601_000);
    expect((await browser.post('/totp')).status).toBe(403);
    const options = await browser.post('/session/confirm/options');
    const assertion = authenticator.get(challengeIn(options.body));
    expect((await browser.post('/session/confirm', { assertion })).status).toBe(204);
    expect((await browser.post('/totp')).status).toBe(200);
    // A sign-in that was begun is no confirmation.
    const begun = await browser.post('/passkey-sign-in/options');
    const other = authenticator.get(challengeIn(begun.body));
    expect((await browser.post('/session/confirm', { assertion: other })).body.error_code).toBe('ERR_NGROK_4017');
  });

  it('is renamed and removed by its person, which ends other sessions', async () => {
    const authenticator = new TestAuthenticator(origin);
    const { browser } = await register(authenticator, 'Phone');
    const { browser: other } = await signIn(authenticator);
    const id = authenticator.id.toString('base64url');
    expect((await browser.patch(`/passkeys/${id}`, { name: 'Old phone' })).status).toBe(204);
    expect((await browser.delete(`/passkeys/${id}`)).status).toBe(204);
    expect((await other.get('/session')).status).toBe(401);
    expect((await signIn(authenticator)).answer.body.error_code).toBe('ERR_NGROK_4016');
    expect((await browser.delete(`/passkeys/${id}`)).status).toBe(404);
  });

  it('is asked for a few times a minute from one address: 4002', async () => {
    const slow = await TestApi.start({ limits: { signIn: { accountTries: 5, addressTries: 3, windowMs: 60_000 } } });
    const browser = new TestBrowser(slow);
    const statuses: number[] = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await browser.post('/passkey-sign-in/options')).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect(await slow.database.queries.signInStep.count()).toBe(3);
    await slow.close();
  });

  it('cannot be had at an address without a name', async () => {
    const browser = new TestBrowser(test, { 'x-forwarded-host': '127.0.0.1:4020', origin: 'http://127.0.0.1:4020' });
    expect((await browser.post('/passkey-sign-in/options')).body.error_code).toBe('ERR_NGROK_4016');
    expect((await browser.get('/sign-in-options')).body.passkeys).toBe(false);
  });
});
