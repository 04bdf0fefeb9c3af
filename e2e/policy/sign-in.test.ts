import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent } from '@portico/agent';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { connectSdk } from '../sdks/javascript/sdk.ts';
import { launchBrowser } from '../support/browser.ts';
import { type RunningProvider, signInAtProvider, startIdentityProvider } from '../support/identity-provider.ts';
import { httpUpstream, type Upstream } from '../support/upstream.ts';
import { visit } from '../support/visit.ts';

/** A real browser, a real provider, and an app that knows nothing of either. */
describe('sign-in by policy', () => {
  let env: DevEnv;
  let agent: Agent;
  let provider: RunningProvider;
  let browser: Browser;
  let app: Upstream;
  let folder: string;
  /** What the app got: its request line and cookies. */
  let received: { url: string; cookie: string; user: string }[] = [];
  let tokens = new Set<string>();
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portico-sign-in-'));
    provider = await startIdentityProvider();
    const { issuer, clientId, clientSecret } = provider;
    const file = join(folder, 'providers.json');
    writeFileSync(
      file,
      JSON.stringify({
        gitlab: {
          client_id: clientId,
          client_secret: clientSecret,
          authorization_url: `${issuer}/auth`,
          token_url: `${issuer}/token`,
          user_url: `${issuer}/me`,
        },
      }),
    );
    env = await startDevEnv({
      settings: { PORTICO_OUTGOING_ALLOW: '127.0.0.1', PORTICO_OAUTH_PROVIDERS_FILE: file },
    });
    agent = env.agent({ backoff: { firstMs: 50, capMs: 500 } });
    // Policies without a client of their own use the server's, which has one address for all of them.
    const own = ['oidc', 'idle', 'deny', 'part', 'sdk'].map((name) => `${addressOf(name)}/ngrok/oauth2/callback`);
    await provider.allowRedirects([...own, `${sharedCallback()}`]);
    const upstream = await httpUpstream((request, response) => {
      const { cookie = '', 'x-user': user = '' } = request.headers;
      received.push({ url: request.url ?? '', cookie, user: String(user) });
      tokens.add(String(request.headers['x-token'] ?? ''));
      response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'app=mine; Path=/' });
      response.end(`<!doctype html><title>app</title><h1>app of ${user}</h1>`);
    });
    const sockets = new WebSocketServer({ server: upstream.server });
    sockets.on('connection', (socket, request) => socket.send(`cookie: ${request.headers.cookie ?? 'none'}`));
    app = upstream;
    browser = await launchBrowser();
  });

  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    received = [];
    tokens = new Set();
    provider.acceptsTokens = true;
  });

  afterAll(async () => {
    await browser?.close();
    await env?.close();
    await app?.close();
    await provider?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function addressOf(name: string): string {
    return `https://with-${name}.portico.localhost:${env.https.port}`;
  }

  const sharedCallback = (): string => `https://oauth.portico.localhost:${env.https.port}/oauth2/callback`;

  const open = new Set<string>();

  /** An endpoint with one sign-in action, which tells the app who it is. */
  async function serve(name: string, type: 'oauth' | 'openid-connect', config: object = {}): Promise<string> {
    const { issuer, clientId, clientSecret } = provider;
    const result = type === 'oauth' ? 'oauth' : 'oidc';
    const identity = `actions.ngrok.${result}.identity`;
    const common = { client_id: clientId, client_secret: clientSecret };
    const own = type === 'oauth' ? { provider: 'gitlab' } : { issuer_url: issuer, ...common };
    const policy = {
      on_http_request: [
        { actions: [{ type, config: { ...own, ...config } }] },
        {
          expressions: [`${identity}.email.startsWith('mallory')`],
          actions: [{ type: 'deny' }],
        },
        {
          actions: [
            {
              type: 'add-headers',
              config: {
                headers: {
                  'x-user': `\${${identity}.email} \${${identity}.name} \${${identity}.provider_user_id}`,
                  'x-token': `\${actions.ngrok.${result}.access_token}`,
                },
              },
            },
          ],
        },
      ],
    };
    if (!open.has(name)) {
      await agent.forward({
        proto: 'http',
        name,
        url: `https://with-${name}.portico.localhost`,
        upstream: String(app.port),
        trafficPolicy: JSON.stringify(policy),
      });
      open.add(name);
    }
    return addressOf(name);
  }

  async function newPage(): Promise<Page> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    contexts.push(context);
    return context.newPage();
  }

  const sessionCookies = async (page: Page): Promise<string[]> =>
    (await page.context().cookies()).map(({ name }) => name).filter((name) => name.includes('portico'));

  it.each([
    ['oidc', 'openid-connect'],
    ['oauth', 'oauth'],
  ] as const)('takes a person to the provider and back to the page they wanted (%s)', async (name, type) => {
    const url = await serve(name, type);
    const page = await newPage();
    await page.goto(`${url}/wanted?page=2`);
    expect(page.url()).toContain(provider.issuer);
    expect(received).toEqual([]);
    await signInAtProvider(page, 'alice');
    expect(page.url()).toBe(`${url}/wanted?page=2`);
    expect(await page.textContent('h1')).toBe('app of alice@people.example alice the tester alice');
    await page.goto(`${url}/again`);
    expect(received.filter((each) => !each.url.includes('favicon'))).toEqual([
      { url: '/wanted?page=2', cookie: '', user: 'alice@people.example alice the tester alice' },
      { url: '/again', cookie: 'app=mine', user: 'alice@people.example alice the tester alice' },
    ]);
    // Those of the server's own application are not for the accounts that use it.
    expect([...tokens].map((token) => token.length > 0)).toEqual([type === 'openid-connect']);
    expect(await sessionCookies(page)).toEqual(['__Host-portico.session']);
    const [cookie] = (await page.context().cookies()).filter(({ name: each }) => each === '__Host-portico.session');
    expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Lax', path: '/' });
    expect(cookie?.value).not.toContain('alice');
  });

  it('guards an endpoint whose option an official SDK has sent, for those whom it lists', async () => {
    const { issuer, clientId, clientSecret } = provider;
    const session = await connectSdk(env);
    const listener = await session
      .httpEndpoint()
      .domain('with-sdk.portico.localhost')
      .oidc(issuer, clientId, clientSecret, ['alice@people.example'], [], ['openid', 'email'])
      .listenAndForward(`http://127.0.0.1:${app.port}`);
    const url = addressOf('sdk');
    const page = await newPage();
    await page.goto(`${url}/wanted`);
    expect(page.url()).toContain(issuer);
    await signInAtProvider(page, 'alice');
    expect(page.url()).toBe(`${url}/wanted`);
    expect(await page.textContent('h1')).toContain('app of');
    const stranger = await newPage();
    await stranger.goto(`${url}/wanted`);
    const answer = stranger.waitForResponse((response) => response.url() === `${url}/wanted`);
    // A browser shows a page of its own for an answer without body.
    await signInAtProvider(stranger, 'bob').catch(() => undefined);
    expect((await answer).status()).toBe(403);
    expect(received.filter((each) => !each.url.includes('favicon'))).toHaveLength(1);
    await listener.close();
  });

  it('shows the owner who is signed in, and signs them out within seconds when the owner says so', async () => {
    const url = await serve('oidc', 'openid-connect');
    const page = await newPage();
    await page.goto(url);
    await signInAtProvider(page, 'carol');
    interface Listed {
      readonly application_users: readonly { readonly id: string }[];
      readonly application_sessions: readonly { readonly id: string }[];
    }
    const ask = async (method: string, path: string): Promise<Partial<Listed>> => {
      const answer = await fetch(`${env.api.publicUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${env.apiKey}` },
      });
      return answer.status === 204 ? {} : JSON.parse(await answer.text());
    };
    const users = await vi.waitFor(
      async () => {
        const { application_users } = await ask(
          'GET',
          `/app/users?filter=${encodeURIComponent('obj.email == "carol@people.example"')}`,
        );
        expect(application_users).toHaveLength(1);
        return application_users ?? [];
      },
      { timeout: 10_000, interval: 100 },
    );
    const [user] = users;
    expect(user).toMatchObject({ provider_user_id: 'carol', identity_provider: { url: provider.issuer } });
    const filter = encodeURIComponent(`obj.application_user.id == "${user?.id}"`);
    const { application_sessions: sessions = [] } = await ask('GET', `/app/sessions?filter=${filter}`);
    expect(sessions).toMatchObject([
      {
        public_url: expect.stringContaining('with-oidc'),
        browser_session: {
          user_agent: {
            raw: expect.stringContaining('Mozilla'),
            browser_name: 'Chrome',
            os_name: 'Linux',
            device_type: 'desktop',
          },
          ip_address: '127.0.0.1',
          location: null,
        },
      },
    ]);
    await page.goto(`${url}/still`);
    expect(await page.textContent('h1')).toContain('app of carol');
    // A script of the page, which is never sent to the provider.
    const status = () => page.evaluate(async () => (await fetch('/data')).status);
    expect(await status()).toBe(200);
    await ask('DELETE', `/app/sessions/${sessions[0]?.id}`);
    await vi.waitFor(async () => expect(await status()).toBe(401), { timeout: 5_000, interval: 50 });
    expect((await ask('GET', `/app/sessions?filter=${filter}`)).application_sessions).toEqual([]);
    // A cookie that was ended stays so on an edge that knew nothing of it.
    const back = new Promise<void>((resolve) => {
      agent.on('online', (endpoint, isAgain) => {
        if (isAgain && endpoint.url.includes('with-oidc')) resolve();
      });
    });
    await env.restartEdge();
    await back;
    expect(await status()).toBe(401);
  });

  it('keeps the session over a restart of the edge, and for scripts and WebSockets of the page', async () => {
    const url = await serve('oidc', 'openid-connect');
    const page = await newPage();
    await page.goto(url);
    await signInAtProvider(page, 'alice');
    const back = new Promise<void>((resolve) => {
      agent.on('online', (endpoint, isAgain) => {
        if (isAgain && endpoint.url.includes('with-oidc')) resolve();
      });
    });
    await env.restartEdge();
    await back;
    await page.goto(`${url}/after`);
    expect(await page.textContent('h1')).toContain('app of alice@people.example');
    const answers = await page.evaluate(
      async (socketUrl) => {
        const signed = await fetch('/data', { method: 'POST' });
        const anonymous = await fetch('/data', { credentials: 'omit' });
        const message = await new Promise((resolve, reject) => {
          const socket = new WebSocket(socketUrl);
          socket.onmessage = ({ data }) => resolve(data);
          socket.onerror = () => reject(new Error('no WebSocket'));
        });
        return [signed.status, anonymous.status, message];
      },
      `${url.replace('https', 'wss')}/socket`,
    );
    expect(answers).toEqual([200, 401, 'cookie: app=mine']);
  });

  it('sends nobody to the provider who is not loading a page', async () => {
    const url = await serve('oidc', 'openid-connect');
    const statuses = async (options: Parameters<typeof visit>[2]): Promise<number> =>
      (await visit(env, `${url}/`, options)).status;
    expect(await statuses({})).toBe(302);
    expect(await statuses({ method: 'POST' })).toBe(401);
    expect(await statuses({ headers: { 'sec-fetch-mode': 'cors' } })).toBe(401);
    expect(await statuses({ headers: { accept: 'application/json' } })).toBe(401);
    expect(
      await statuses({ method: 'OPTIONS', headers: { origin: 'https://x', 'access-control-request-method': 'PUT' } }),
    ).toBe(401);
    const refused = await visit(env, `${url}/`, { method: 'POST' });
    expect(String(refused.body)).toContain('ERR_NGROK_3150');
    const upgrade = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    expect(await statuses({ headers: upgrade })).toBe(401);
    expect(received).toEqual([]);
  });

  it('can be asked for a part of a site', async () => {
    const { issuer, clientId, clientSecret } = provider;
    const config = { issuer_url: issuer, client_id: clientId, client_secret: clientSecret };
    const policy = {
      on_http_request: [
        { expressions: ["req.url.path.startsWith('/members')"], actions: [{ type: 'openid-connect', config }] },
      ],
    };
    await agent.forward({
      proto: 'http',
      name: 'part',
      url: 'https://with-part.portico.localhost',
      upstream: String(app.port),
      trafficPolicy: JSON.stringify(policy),
    });
    const page = await newPage();
    await page.goto(addressOf('part'));
    expect(page.url()).toBe(`${addressOf('part')}/`);
    await page.goto(`${addressOf('part')}/members/x`);
    await signInAtProvider(page, 'alice');
    expect(page.url()).toBe(`${addressOf('part')}/members/x`);
    await page.goto(`${addressOf('part')}/open`);
    // Where no sign-in is asked for, the app sees none of its cookies either.
    expect(received.at(-1)).toMatchObject({ cookie: 'app=mine' });
    expect(await sessionCookies(page)).toEqual(['__Host-portico.session']);
  });

  it('turns away whom a later rule does not want', async () => {
    const url = await serve('deny', 'openid-connect');
    const page = await newPage();
    await page.goto(url);
    const answer = page.waitForResponse((response) => response.url() === `${url}/`);
    // A browser shows a page of its own for an answer without body.
    await signInAtProvider(page, 'mallory').catch(() => undefined);
    expect((await answer).status()).toBe(403);
    expect(received).toEqual([]);
  });

  it('takes no code that does not belong to this browser', async () => {
    const url = await serve('oidc', 'openid-connect');
    const callback = `${url}/ngrok/oauth2/callback`;
    const begun = await visit(env, `${url}/`);
    const location = new URL(begun.headers.location ?? '');
    expect(Object.fromEntries(location.searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      redirect_uri: callback,
    });
    const state = location.searchParams.get('state') ?? '';
    expect([state.length > 30, (location.searchParams.get('nonce') ?? '').length > 30]).toEqual([true, true]);
    const cookie = (begun.headers['set-cookie'] ?? []).map((value) => value.split(';')[0]).join('; ');
    const come = async (query: string, cookies: string): Promise<string> => {
      const answer = await visit(env, `${callback}?${query}`, { headers: { cookie: cookies } });
      return `${answer.status} ${/ERR_NGROK_\d+/.exec(String(answer.body))?.[0]}`;
    };
    expect(await come('code=x', cookie)).toBe('400 ERR_NGROK_3120');
    expect(await come(`code=x&state=${state}`, '')).toBe('400 ERR_NGROK_3121');
    expect(await come('code=x&state=another', cookie)).toBe('400 ERR_NGROK_3300');
    expect(await come(`code=x&state=${state}x`, cookie)).toBe('400 ERR_NGROK_3300');
    expect(await come(`code=x&state=${state}`, cookie.replace(/.$/, 'A').replace(/=ey/, '=ez'))).toBe(
      '400 ERR_NGROK_3300',
    );
    expect(await come(`error=access_denied&state=${state}&iss=${encodeURIComponent(provider.issuer)}`, cookie)).toBe(
      '403 ERR_NGROK_3114',
    );
    expect(await come(`code=x&state=${state}&iss=${encodeURIComponent(provider.issuer)}`, cookie)).toBe(
      '400 ERR_NGROK_3122',
    );
    expect(received).toEqual([]);
  });

  it("gives a code that came to the server's own address to the endpoint that asked for it, and to no other", async () => {
    const [url, other] = [await serve('oauth', 'oauth'), await serve('second', 'oauth')];
    const begun = await visit(env, `${url}/`);
    const state = new URL(begun.headers.location ?? '').searchParams.get('state') ?? '';
    const cookie = (begun.headers['set-cookie'] ?? []).map((value) => value.split(';')[0]).join('; ');
    const come = async (target: string): Promise<string> => {
      const answer = await visit(env, target, { headers: { cookie } });
      return answer.headers.location ?? `${answer.status} ${/ERR_NGROK_\d+/.exec(String(answer.body))?.[0]}`;
    };
    expect(await come(`${sharedCallback()}?code=x`)).toBe('400 ERR_NGROK_3300');
    expect(await come(`${sharedCallback()}?code=x&state=${state.slice(0, -2)}`)).toBe('400 ERR_NGROK_3300');
    const back = await come(
      `${sharedCallback()}?code=the-code&state=${state}&iss=${encodeURIComponent(provider.issuer)}`,
    );
    expect(back).toMatch(new RegExp(`^${url}/ngrok/oauth2/callback\\?`));
    expect(back).not.toContain('the-code');
    expect(await come(back.replace(url, other))).toBe('400 ERR_NGROK_3300');
    expect(await come(back.replace(/sealed=.{20}/, 'sealed=ey'))).toBe('400 ERR_NGROK_3300');
    expect(await come(`${url}/ngrok/oauth2/callback?code=the-code&state=${state}`)).toBe('400 ERR_NGROK_3300');
    // Everything is right but the code.
    expect(await come(back)).toBe('400 ERR_NGROK_3122');
    expect(received).toEqual([]);
  });

  it('accepts no session of another host, nor one that was changed', async () => {
    const [url, other] = [await serve('oidc', 'openid-connect'), await serve('deny', 'openid-connect')];
    const page = await newPage();
    await page.goto(url);
    await signInAtProvider(page, 'alice');
    const [session] = (await page.context().cookies()).filter(({ name }) => name === '__Host-portico.session');
    const cookie = `__Host-portico.session=${session?.value}`;
    expect((await visit(env, `${url}/`, { headers: { cookie } })).status).toBe(200);
    expect((await visit(env, `${other}/`, { headers: { cookie } })).status).toBe(302);
    const changed = `${cookie.slice(0, -3)}${cookie.endsWith('AAA') ? 'BBB' : 'AAA'}`;
    expect((await visit(env, `${url}/`, { headers: { cookie: changed } })).status).toBe(302);
  });

  it('signs out, and goes on to a page of the same host only', async () => {
    const url = await serve('oidc', 'openid-connect');
    const page = await newPage();
    await page.goto(url);
    await signInAtProvider(page, 'alice');
    await page.goto(`${url}/ngrok/logout`);
    expect(await page.textContent('body')).toContain('signed out');
    expect(await sessionCookies(page)).toEqual([]);
    await page.goto(url);
    // The provider still knows the person, so the way there and back needs nobody.
    await page.waitForURL(`${url}/`);
    for (const [path, target] of [
      ['/bye?x=1', '/bye?x=1'],
      ['//evil.example/', '/'],
      ['https://evil.example/', '/'],
    ]) {
      const answer = await visit(env, `${url}/ngrok/logout?redirect_path=${encodeURIComponent(path ?? '')}`);
      expect([answer.status, answer.headers.location]).toEqual([302, target]);
    }
    const login = await visit(env, `${url}/ngrok/login?redirect_path=/x`);
    expect(new URL(login.headers.location ?? '').searchParams.get('prompt')).toBe('login');
  });

  it('ends sessions that rest too long, and shows that it did', async () => {
    const url = await serve('idle', 'openid-connect', { idle_session_duration: '5s', max_session_duration: '1h' });
    const page = await newPage();
    await page.goto(url);
    await signInAtProvider(page, 'alice');
    const [session] = (await page.context().cookies()).filter(({ name }) => name === '__Host-portico.session');
    const cookie = `__Host-portico.session=${session?.value}`;
    const post = (): Promise<number> =>
      visit(env, `${url}/`, { method: 'POST', headers: { cookie } }).then(({ status }) => status);
    expect(await post()).toBe(200);
    await expect.poll(post, { timeout: 10_000, interval: 100 }).toBe(401);
  });

  it('asks the provider again who the person is, once for many requests, and ends what it ends', async () => {
    const url = await serve('checked', 'oauth', { userinfo_refresh_interval: '2s' });
    const page = await newPage();
    await page.goto(url);
    await signInAtProvider(page, 'alice');
    const [session] = (await page.context().cookies()).filter(({ name }) => name === '__Host-portico.session');
    const headers = { cookie: `__Host-portico.session=${session?.value}` };
    const asked = (): number => provider.requests.filter((each) => each.endsWith(' /me')).length;
    const before = asked();
    await expect
      .poll(
        async () => {
          await Promise.all(Array.from({ length: 10 }, () => visit(env, `${url}/`, { headers })));
          return asked();
        },
        { timeout: 5_000, interval: 200 },
      )
      .toBe(before + 1);
    provider.acceptsTokens = false;
    const post = async (): Promise<number> => (await visit(env, `${url}/`, { method: 'POST', headers })).status;
    await expect.poll(post, { timeout: 5_000, interval: 200 }).toBe(401);
    expect((await visit(env, `${url}/`, { headers })).status).toBe(302);
  });
});
