import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { mailsTo, TestBrowser, tokenIn } from '../testing/browser.ts';
import { type Answer, TestApi } from '../testing/test-api.ts';
import type { IdentityProvider } from './providers.ts';
import { totpCode } from './totp.ts';

const origin = 'http://localhost:4020';
const password = 'tower of nine herons';
/** Who signs in at the provider next, and what it says of them. */
let person = { sub: 'mira', email: 'mira@harbor.example', verified: true as boolean, name: 'Mira' };
let server: Server;
let issuer: string;
let test: TestApi;

beforeAll(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.on('request', provider().callback());
  const common = {
    name: 'Harbor',
    issuer,
    client_id: 'portico',
    client_secret: 'secret',
    scopes: ['openid', 'email', 'profile'],
  };
  const oidc: IdentityProvider[] = [
    { ...common, id: 'harbor', sign_up: 'invited' },
    { ...common, id: 'open', sign_up: 'open' },
  ];
  test = await TestApi.start({
    config: { oidc, outgoingAllow: ['127.0.0.1/32'] },
    limits: { signIn: { accountTries: 50, addressTries: 1_000, windowMs: 60_000 } },
  });
});
afterAll(async () => {
  await test.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
afterEach(() => {
  person = { sub: 'mira', email: 'mira@harbor.example', verified: true, name: 'Mira' };
});

function provider(): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: 'portico',
        client_secret: 'secret',
        redirect_uris: ['harbor', 'open'].map((id) => `${origin}/sign-in/callback/${id}`),
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    cookies: { keys: ['for tests'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    // Who the account is stands in its id, since the provider asks again later.
    findAccount: (_context, id) => {
      const { email, verified, name } = JSON.parse(Buffer.from(id, 'base64url').toString('utf8'));
      return { accountId: id, claims: () => ({ sub: id, email, email_verified: verified, name }) };
    },
  });
}

/** Goes through the provider's pages as a browser does; the result is the query that it comes back with. */
async function visitProvider(start: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let hop = 0; hop < 12; hop += 1) {
    const fields = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    let answer = await fetch(url, { headers: fields, redirect: 'manual' });
    keep(answer);
    if (answer.status === 200) {
      const form = await answer.text();
      const prompt = form.includes('name="login"') ? 'login' : 'consent';
      const login = Buffer.from(JSON.stringify(person)).toString('base64url');
      const body = new URLSearchParams(prompt === 'login' ? { prompt, login, password: 'x' } : { prompt });
      const action = /action="([^"]+)"/.exec(form)?.[1] ?? '';
      answer = await fetch(new URL(action, url), { method: 'POST', headers: fields, body, redirect: 'manual' });
      keep(answer);
    }
    const next = new URL(answer.headers.get('location') ?? '', url);
    if (next.origin === origin) return next.search.slice(1);
    url = next.href;
  }
  throw new Error('the provider goes round in circles');

  function keep(answer: Response): void {
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
  }
}

async function signIn(
  id = 'harbor',
  browser = new TestBrowser(test),
): Promise<{ browser: TestBrowser; answer: Answer }> {
  const started = await browser.post('/oidc/start', { provider: id, next: '/a/x/endpoints' });
  const query = await visitProvider(String(started.body.url));
  const answer = await browser.post('/oidc/finish', { provider: id, query });
  // As the page that comes next: it learns the token of the session.
  await browser.get('/session');
  return { browser, answer };
}

describe('signing in through an identity provider', () => {
  it('goes there with PKCE, state and nonce', async () => {
    const { body } = await new TestBrowser(test).post('/oidc/start', { provider: 'harbor' });
    const url = new URL(String(body.url));
    expect(url.origin).toBe(issuer);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'portico',
      redirect_uri: `${origin}/sign-in/callback/harbor`,
      scope: 'openid email profile',
      code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect(url.searchParams.get(name)?.length).toBeGreaterThan(40);
  });

  it('brings in nobody who was not invited: 4011', async () => {
    const { browser, answer } = await signIn();
    expect(answer).toMatchObject({ status: 403, body: { error_code: 'ERR_NGROK_4011' } });
    expect((await browser.get('/session')).status).toBe(401);
    expect(await test.database.queries.user.findUnique({ where: { email: person.email } })).toBeNull();
  });

  it('brings in who was invited, with no password, and knows them again when their address changes', async () => {
    const admin = new TestBrowser(test);
    await admin.signIn();
    await admin.post('/team/invitations', { email: person.email, role: 'developer' });
    const { browser, answer } = await signIn();
    expect(answer).toMatchObject({ status: 200, body: { next: '/a/x/endpoints', secondFactor: false } });
    expect(await browser.get('/session')).toMatchObject({
      body: { user: { email: person.email, name: 'Mira' }, accounts: [{ id: admin.accountId, role: 'developer' }] },
    });
    const user = await test.database.queries.user.findUnique({ where: { email: person.email } });
    expect(user?.passwordHash).toBeNull();
    const session = await browser.get('/security');
    expect(session.body).toMatchObject({ hasPassword: false, identities: [{ provider: 'Harbor' }] });
    expect((await new TestBrowser(test).signIn(person.email, '')).status).toBe(401);
    const again = await signIn();
    expect((await again.browser.get('/session')).body).toMatchObject({ user: { id: user?.id } });
  });

  it('asks for a code as well, of who has set up codes', async () => {
    const { browser } = await signIn();
    const secret = String((await browser.post('/totp')).body.secret);
    const code = (steps: number) => totpCode(secret, BigInt(Math.floor(test.now().getTime() / 30_000) + steps));
    expect((await browser.post('/totp/finish', { code: code(0) })).status).toBe(200);
    const { browser: other, answer } = await signIn();
    expect(answer.body).toEqual({ next: '/a/x/endpoints', secondFactor: true });
    expect((await other.get('/session')).status).toBe(401);
    expect((await other.post('/session/second-factor', { code: code(1) })).status).toBe(200);
    await other.delete('/totp');
  });

  it('joins the user with that address only if both sides have proven it', async () => {
    const admin = new TestBrowser(test);
    await admin.signIn();
    const made = await admin.post('/team/invitations', { email: 'taken@harbor.example', role: 'developer' });
    const copied = tokenIn(String(made.body.link));
    await new TestBrowser(test).post('/invitation/accept', { token: copied, password });
    // Somebody with a copied link made that user; the address is not theirs.
    person = { sub: 'taken', email: 'taken@harbor.example', verified: true, name: '' };
    expect((await signIn('open')).answer.status).toBe(409);
    await test.database.queries.user.update({
      where: { email: 'taken@harbor.example' },
      data: { emailVerifiedAt: test.now() },
    });
    person = { ...person, verified: false };
    expect((await signIn('open')).answer.body.error_code).toBe('ERR_NGROK_4015');
    person = { ...person, verified: true };
    expect((await signIn('open')).answer.status).toBe(200);
  });

  it('gives an account of their own to whom an open provider names', async () => {
    person = { sub: 'new', email: 'new@harbor.example', verified: true, name: 'New' };
    const { browser, answer } = await signIn('open');
    expect(answer.status).toBe(200);
    expect((await browser.get('/session')).body).toMatchObject({
      accounts: [{ name: 'New’s account', role: 'administrator' }],
    });
    expect(await mailsTo(test, person.email)).toEqual([]);
  });

  it('is over with one return, in the browser that began it, and with its own state', async () => {
    const browser = new TestBrowser(test);
    const started = await browser.post('/oidc/start', { provider: 'open' });
    const query = await visitProvider(String(started.body.url));
    const finish = async (who: TestBrowser, text: string, id = 'open') =>
      (await who.post('/oidc/finish', { provider: id, query: text })).body.error_code;
    expect(await finish(new TestBrowser(test), query)).toBe('ERR_NGROK_4017');
    expect(await finish(browser, query.replace(/state=[^&]+/, 'state=forged'))).toBe('ERR_NGROK_4015');
    expect(await finish(browser, query)).toBe('ERR_NGROK_4017');
    const other = new TestBrowser(test);
    const second = await other.post('/oidc/start', { provider: 'open' });
    const answer = await visitProvider(String(second.body.url));
    expect(await finish(other, answer, 'harbor')).toBe('ERR_NGROK_4017');
  });

  it('says so when the provider refuses, or there is none of that name', async () => {
    const browser = new TestBrowser(test);
    await browser.post('/oidc/start', { provider: 'open' });
    const step = await browser.post('/oidc/start', { provider: 'open' });
    const state = new URL(String(step.body.url)).searchParams.get('state');
    const refused = await browser.post('/oidc/finish', {
      provider: 'open',
      query: `error=access_denied&state=${state}&iss=${encodeURIComponent(issuer)}`,
    });
    expect(refused).toMatchObject({ status: 502, body: { error_code: 'ERR_NGROK_4015' } });
    expect(refused.body.msg).toContain('access_denied');
    expect((await browser.post('/oidc/start', { provider: 'nobody' })).status).toBe(404);
  });

  it('leads back to a path of the dashboard only', async () => {
    for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', '']) {
      const browser = new TestBrowser(test);
      const started = await browser.post('/oidc/start', { provider: 'open', next });
      const query = await visitProvider(String(started.body.url));
      expect((await browser.post('/oidc/finish', { provider: 'open', query })).body.next).toBe('/');
    }
  });

  it('dials no private address unless the operator allowed it (T5)', async () => {
    const common = { name: 'Inside', client_id: 'x', client_secret: 'x', scopes: ['openid'] };
    const guarded = await TestApi.start({
      config: { oidc: [{ ...common, id: 'inside', issuer, sign_up: 'invited' }] },
    });
    let asked = 0;
    const count = () => {
      asked += 1;
    };
    server.on('request', count);
    const answer = await new TestBrowser(guarded).post('/oidc/start', { provider: 'inside' });
    expect(answer).toMatchObject({ status: 502, body: { error_code: 'ERR_NGROK_4015' } });
    server.off('request', count);
    expect(asked).toBe(0);
    await guarded.close();
  });
});
