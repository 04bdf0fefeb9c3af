import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LiveMessage, liveMessage, overview, sessionAnswer } from '@portico/api-contract/dashboard';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestBrowser } from '../../testing/browser.ts';
import { claimOnline, sessionOnline } from '../../testing/online.ts';
import { type Answer, TestApi } from '../../testing/test-api.ts';

let test: TestApi;

beforeAll(async () => {
  // Each test signs in from the same address.
  test = await TestApi.start({ limits: { signIn: { accountTries: 50, addressTries: 500, windowMs: 60_000 } } });
});

afterAll(() => test.close());

const own = () => ({ email: test.first.email, password: test.first.password ?? '' });

function signIn(body: object = own(), headers: Record<string, string> = {}, on = test): Promise<Answer> {
  return on.browse('POST', '/dashboard/v1/session', { body, headers });
}

/** `name=value` as a browser sends it back. */
function cookieOf(answer: Answer): string {
  return answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
}

async function signedIn(on = test): Promise<{ cookie: string; csrf: string; accountId: string }> {
  const answer = await signIn({ email: on.first.email, password: on.first.password ?? '' }, {}, on);
  const { csrfToken, accounts } = sessionAnswer.parse(answer.body);
  return { cookie: cookieOf(answer), csrf: csrfToken, accountId: accounts[0]?.id ?? '' };
}

describe('signing in', () => {
  it('gives a session in a cookie that scripts cannot read', async () => {
    const answer = await signIn();
    expect(answer.status).toBe(200);
    expect(sessionAnswer.parse(answer.body)).toMatchObject({
      user: { email: 'owner@portico.localhost' },
      accounts: [{ id: test.first.accountId, role: 'administrator' }],
    });
    const [cookie = ''] = answer.headers.getSetCookie();
    expect(cookie).toMatch(/^portico_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=2592000$/);
    expect((await test.browse('GET', '/dashboard/v1/session', { cookie: cookieOf(answer) })).status).toBe(200);
  });

  it('over https uses a cookie that only this host can set', async () => {
    const https = { 'x-forwarded-proto': 'https', origin: 'https://localhost:4020' };
    const answer = await signIn(own(), https);
    expect(answer.headers.getSetCookie()[0]).toMatch(/^__Host-portico_session=.*; Secure$/);
    const plainName = cookieOf(answer).replace('__Host-', '');
    const withPlain = await test.browse('GET', '/dashboard/v1/session', { cookie: plainName, headers: https });
    expect(withPlain.status).toBe(401);
    const right = await test.browse('GET', '/dashboard/v1/session', { cookie: cookieOf(answer), headers: https });
    expect(right.status).toBe(200);
  });

  it('answers a wrong password and an unknown user alike: 4001', async () => {
    const wrong = await signIn({ ...own(), password: 'wrong password!' });
    const unknown = await signIn({ email: 'nobody@example.com', password: 'wrong password!' });
    for (const answer of [wrong, unknown]) {
      expect(answer).toMatchObject({ status: 401, body: { error_code: 'ERR_NGROK_4001' } });
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    expect(wrong.body.msg).toBe(unknown.body.msg);
  });

  it('takes no notice of the case of the address', async () => {
    expect((await signIn({ ...own(), email: ' OWNER@Portico.localhost ' })).status).toBe(200);
  });

  it('from another site is refused: 4004', async () => {
    const strangers: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'https://localhost:4020' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of strangers) {
      expect(await signIn(own(), headers)).toMatchObject({ status: 403, body: { error_code: 'ERR_NGROK_4004' } });
    }
  });

  it('ends the session that this browser had before', async () => {
    const { cookie } = await signedIn();
    const again = await test.browse('POST', '/dashboard/v1/session', { cookie, body: own() });
    expect(cookieOf(again)).not.toBe(cookie);
    expect((await test.browse('GET', '/dashboard/v1/session', { cookie })).status).toBe(401);
  });
});

describe('too many tries', () => {
  it('for one name wait, longer each time, and never for ever: 4002', async () => {
    const slow = await TestApi.start();
    const guess = (password: string) => signIn({ email: slow.first.email, password }, {}, slow);
    for (let i = 0; i < 5; i += 1) expect((await guess('not the password')).status).toBe(401);
    const blocked = await guess(slow.first.password ?? '');
    expect(blocked).toMatchObject({ status: 429, body: { error_code: 'ERR_NGROK_4002' } });
    expect(blocked.headers.get('retry-after')).toBe('60');
    slow.advance(61_000);
    for (let i = 0; i < 5; i += 1) expect((await guess('not the password')).status).toBe(401);
    expect((await guess('not the password')).headers.get('retry-after')).toBe('120');
    slow.advance(121_000);
    expect((await guess(slow.first.password ?? '')).status).toBe(200);
    expect((await guess('not the password')).status).toBe(401);
    await slow.close();
  });

  it('at once count each: no more than the limit are looked at', async () => {
    const slow = await TestApi.start();
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => signIn({ email: slow.first.email, password: 'not the password' }, {}, slow)),
    );
    expect(answers.filter((answer) => answer.status === 401)).toHaveLength(5);
    expect(answers.filter((answer) => answer.status === 429)).toHaveLength(7);
    await slow.close();
  });

  it('from one address wait whatever the name; an IPv6 network is one address', async () => {
    const slow = await TestApi.start({ limits: { signIn: { accountTries: 5, addressTries: 3, windowMs: 60_000 } } });
    const from = (ip: string, i: number) =>
      signIn({ email: `user${i}@example.com`, password: 'not the password' }, { 'x-forwarded-for': ip }, slow);
    for (let i = 0; i < 3; i += 1) expect((await from(`2001:db8:0:1::${i + 1}`, i)).status).toBe(401);
    expect((await from('2001:db8:0:1:ffff::9', 9)).status).toBe(429);
    expect((await from('2001:db8:0:2::1', 9)).status).toBe(401);
    expect((await from('198.51.100.8', 9)).status).toBe(401);
    await slow.close();
  });
});

describe('a session', () => {
  it('is over after 12 hours without use, and after 30 days in any case', async () => {
    const { cookie } = await signedIn();
    const status = async () => (await test.browse('GET', '/dashboard/v1/session', { cookie })).status;
    for (let hours = 0; hours < 29 * 24; hours += 11) {
      test.advance(11 * 3_600_000);
      expect(await status()).toBe(200);
    }
    const idle = (await signedIn()).cookie;
    test.advance(30 * 3_600_000);
    expect(await status()).toBe(401);
    expect((await test.browse('GET', '/dashboard/v1/session', { cookie: idle })).status).toBe(401);
  });

  it('ends by signing out, which wants the token of the session: 4004', async () => {
    const { cookie, csrf } = await signedIn();
    const other = await signedIn();
    const signOut = (token: string, headers = {}) =>
      test.browse('DELETE', '/dashboard/v1/session', { cookie, headers: { 'portico-csrf': token, ...headers } });
    expect((await signOut('')).status).toBe(403);
    expect((await signOut(other.csrf)).status).toBe(403);
    expect((await signOut(csrf, { origin: 'https://evil.example' })).status).toBe(403);
    const done = await signOut(csrf);
    expect(done.status).toBe(204);
    expect(done.headers.getSetCookie()[0]).toMatch(/^portico_session=; .*Max-Age=0/);
    expect((await signOut(csrf)).status).toBe(401);
    expect((await test.browse('GET', '/dashboard/v1/session', { cookie: other.cookie })).status).toBe(200);
  });

  it('is found by the hash of its cookie only', async () => {
    const { cookie } = await signedIn();
    const [, value = ''] = cookie.split('=');
    const rows = await test.database.queries.dashboardSession.findMany();
    expect(rows.some((row) => row.id.includes(value))).toBe(false);
    const stolen = rows[0]?.id ?? '';
    expect((await test.browse('GET', '/dashboard/v1/session', { cookie: `portico_session=${stolen}` })).status).toBe(
      401,
    );
  });
});

describe('changing the password', () => {
  it('ends other sessions, and takes the first one out of the file', async () => {
    const changing = await TestApi.start();
    const [here, there] = [await signedIn(changing), await signedIn(changing)];
    const change = (body: object, csrf = here.csrf) =>
      changing.browse('POST', '/dashboard/v1/password', {
        cookie: here.cookie,
        headers: { 'portico-csrf': csrf },
        body,
      });
    const current = changing.first.password ?? '';
    const password = 'tower of nine herons';
    expect((await change({ current, password }, 'x')).status).toBe(403);
    expect(await change({ current: 'wrong', password })).toMatchObject({ status: 401 });
    expect(await change({ current, password: 'short' })).toMatchObject({ status: 400 });
    expect((await change({ current, password })).status).toBe(204);
    expect((await changing.browse('GET', '/dashboard/v1/session', { cookie: there.cookie })).status).toBe(401);
    expect((await changing.browse('GET', '/dashboard/v1/session', { cookie: here.cookie })).status).toBe(200);
    const file = await readFile(join(changing.folder, 'first-account.json'), 'utf8');
    expect(file).not.toContain('password');
    expect(file).toContain(changing.first.authtoken);
    await changing.restart();
    expect(await readFile(join(changing.folder, 'first-account.json'), 'utf8')).toBe(file);
    expect((await signIn({ email: changing.first.email, password: current }, {}, changing)).status).toBe(401);
    expect((await signIn({ email: changing.first.email, password }, {}, changing)).status).toBe(200);
    await changing.close();
  });
});

describe('a page of an account', () => {
  it('is for members only; others see that there is none', async () => {
    const { cookie } = await signedIn();
    const other = await test.newAccount();
    const look = (path: string, headers: Record<string, string> = {}) => test.browse('GET', path, { cookie, headers });
    for (const path of ['/dashboard/v1/overview', '/dashboard/v1/live']) {
      expect((await test.browse('GET', path)).status).toBe(401);
      for (const id of [other.accountId, newId('ac'), '']) {
        expect((await look(path, { 'portico-account': id })).status).toBe(404);
        expect((await look(`${path}?account=${id}`)).status).toBe(404);
      }
    }
    const shown = await look('/dashboard/v1/overview', { 'portico-account': test.first.accountId });
    expect(overview.parse(shown.body).connect).toEqual({
      address: 'localhost:4443',
      caSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      caPem: expect.stringContaining('BEGIN CERTIFICATE'),
      baseDomain: 'portico.localhost',
    });
  });

  it('shows what is online, with its traffic, and nothing of others', async () => {
    const registry = test.registry();
    const { cookie, accountId } = await signedIn();
    const other = await test.newAccount();
    const [sessionId, endpointId] = [newId('ts'), newId('ep')];
    await sessionOnline(registry, { sessionId, accountId });
    await claimOnline(registry, { sessionId, accountId, endpointId, url: 'https://shown.portico.localhost' });
    await claimOnline(registry, {
      sessionId: newId('ts'),
      accountId: other.accountId,
      endpointId: newId('ep'),
      url: 'https://hidden.portico.localhost',
    });
    const minute = test.now().toISOString();
    const traffic = { requests: 3, connections: 1, bytesIn: 5, bytesOut: 7, errors: 1 };
    await test.edge.reportUsage({
      nodeId: 'edge-1',
      epoch: newId('nd'),
      seq: 1,
      rows: [{ accountId, endpointId, url: 'https://shown.portico.localhost', minute, ...traffic }],
    });
    await test.edge.reportEvents({
      nodeId: 'edge-1',
      epoch: newId('nd'),
      seq: 1,
      events: [
        {
          id: newId('ev'),
          type: 'endpoint_start.v0',
          at: minute,
          accountId,
          object: { url: 'https://shown.portico.localhost' },
        },
      ],
    });
    const look = async () =>
      overview.parse(
        (await test.browse('GET', '/dashboard/v1/overview', { cookie, headers: { 'portico-account': accountId } }))
          .body,
      );
    await vi.waitFor(async () => expect((await look()).endpointCount).toBe(1), 10_000);
    const shown = await look();
    expect(shown.endpoints).toMatchObject([
      { id: endpointId, kind: 'agent', ...traffic, upstream: { kind: 'answers' } },
    ]);
    await vi.waitFor(
      async () => expect((await look()).sessions).toMatchObject([{ id: sessionId, os: 'linux' }]),
      10_000,
    );
    expect(shown.today).toEqual(traffic);
    expect(shown.recent).toMatchObject([{ type: 'endpoint.online', subject: 'https://shown.portico.localhost' }]);
    expect(JSON.stringify(shown)).not.toContain('hidden');
    // Counted before this process started: read from the database.
    await test.restart();
    await claimOnline(test.registry(), { sessionId, accountId, endpointId, url: 'https://shown.portico.localhost' });
    await vi.waitFor(
      async () => expect((await look()).endpoints).toMatchObject([{ id: endpointId, ...traffic }]),
      10_000,
    );
  });
});

/** An open live page: the messages that have come, and how to leave. */
async function openLive(on: TestApi, cookie: string, accountId: string) {
  const leaving = new AbortController();
  const response = await fetch(`${on.api.internalUrl}/dashboard/v1/live?account=${accountId}`, {
    headers: { authorization: `Bearer ${on.dashboardCredential}`, cookie, 'x-forwarded-host': 'localhost:4020' },
    signal: leaving.signal,
  });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const messages: { message: LiveMessage; atMs: number }[] = [];
  let ended = false;
  const reading = (async () => {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      rest += decoder.decode(chunk, { stream: true });
      const parts = rest.split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const message = liveMessage.parse(JSON.parse(part.replace(/^data: /, '')));
        messages.push({ message, atMs: performance.now() });
      }
    }
    ended = true;
  })().catch(() => {
    // Left.
  });
  return {
    messages,
    hasEnded: () => ended,
    overviews: () => messages.flatMap(({ message }) => (message.kind === 'overview' ? [message.overview] : [])),
    leave: async () => {
      leaving.abort();
      await reading;
    },
  };
}

describe('a live page', () => {
  it('begins with everything, and moves at most four times a second', async () => {
    const { cookie, accountId } = await signedIn();
    const live = await openLive(test, cookie, accountId);
    await vi.waitFor(() => expect(live.overviews()).not.toHaveLength(0), 10_000);
    const registry = test.registry();
    const [sessionId, endpointId] = [newId('ts'), newId('ep')];
    await sessionOnline(registry, { sessionId, accountId });
    const url = 'https://moving.portico.localhost';
    const lease = await claimOnline(registry, { sessionId, accountId, endpointId, url });
    const epoch = newId('nd');
    const minute = test.now().toISOString();
    const began = performance.now();
    for (let seq = 1; seq <= 40; seq += 1) {
      await test.edge.reportUsage({
        nodeId: 'edge-1',
        epoch,
        seq,
        rows: [{ accountId, endpointId, url, minute, requests: 1, connections: 1, bytesIn: 1, bytesOut: 1, errors: 0 }],
      });
    }
    const requests = () =>
      live
        .overviews()
        .at(-1)
        ?.endpoints.find((endpoint) => endpoint.id === endpointId)?.requests ?? 0;
    await vi.waitFor(() => expect(requests()).toBe(40), 10_000);
    const seconds = (performance.now() - began) / 1_000;
    expect(live.overviews().length).toBeLessThanOrEqual(2 + Math.ceil(seconds * 4) + 1);
    await lease.revoke();
    await vi.waitFor(
      () =>
        expect(
          live
            .overviews()
            .at(-1)
            ?.endpoints.some((endpoint) => endpoint.id === endpointId),
        ).toBe(false),
      10_000,
    );
    await live.leave();
  });

  it('shows events as they are reported', async () => {
    const { cookie, accountId } = await signedIn();
    const live = await openLive(test, cookie, accountId);
    const id = newId('ev');
    test.advance(1_000);
    await test.edge.reportEvents({
      nodeId: 'edge-1',
      epoch: newId('nd'),
      seq: 1,
      events: [
        {
          id,
          type: 'agent_session_refused.v0',
          at: test.now().toISOString(),
          accountId,
          object: { ip: '203.0.113.9', errorCode: 300 },
        },
      ],
    });
    await vi.waitFor(
      () =>
        expect(live.overviews().at(-1)?.recent[0]).toMatchObject({
          id,
          type: 'session.refused',
          subject: '203.0.113.9',
        }),
      10_000,
    );
    await live.leave();
  });

  it('is told at once when its session ends, and then is over', async () => {
    const { cookie, csrf, accountId } = await signedIn();
    const live = await openLive(test, cookie, accountId);
    await vi.waitFor(() => expect(live.overviews()).not.toHaveLength(0), 10_000);
    await test.browse('DELETE', '/dashboard/v1/session', { cookie, headers: { 'portico-csrf': csrf } });
    await vi.waitFor(() => expect(live.hasEnded()).toBe(true), 10_000);
    expect(live.messages.at(-1)?.message).toEqual({ kind: 'signed-out' });
  });

  it('hears which lists have changed, as far as it may read them, and nothing of other accounts', async () => {
    const owner = new TestBrowser(test);
    await owner.signIn();
    const email = 'looks-on@portico.localhost';
    const invited = await owner.post('/team/invitations', { email, role: 'viewer' });
    const guest = new TestBrowser(test);
    const token = /#([\w-]{43})/.exec(String(invited.body.link))?.[1];
    const password = 'tower of nine herons';
    expect((await guest.post('/invitation/accept', { token, name: 'Guest', password })).status).toBe(200);
    const other = await test.newAccount();
    const lists = (live: Awaited<ReturnType<typeof openLive>>) =>
      live.messages.flatMap(({ message }) => (message.kind === 'changed' ? (message.lists ?? ['all']) : []));
    const [mine, theirs] = [
      await openLive(test, owner.cookie, owner.accountId),
      await openLive(test, guest.cookie, owner.accountId),
    ];
    await test.call('POST', '/vaults', { key: other.apiKey, body: { name: 'not-yours' } });
    await owner.post('/api/api_keys', { description: 'for CI' });
    await owner.post('/api/personal_access_tokens', { description: 'mine' });
    await owner.post('/api/service_users', { name: 'ci' });
    // The last one is for both: when it has come, so has all before it.
    await vi.waitFor(() => expect(lists(theirs)).toContain('service_users'), 10_000);
    await vi.waitFor(() => expect(lists(mine)).toContain('service_users'), 10_000);
    for (const list of ['api_keys', 'personal_access_tokens', 'audit_events']) {
      expect(lists(mine)).toContain(list);
      expect(lists(theirs)).not.toContain(list);
    }
    expect([...lists(mine), ...lists(theirs)]).not.toContain('vaults');
    await mine.leave();
    await theirs.leave();
  });

  it('says that it is alive when there is nothing to say', async () => {
    const quiet = await TestApi.start({ limits: { livePingMs: 50 } });
    const { cookie, accountId } = await signedIn(quiet);
    const live = await openLive(quiet, cookie, accountId);
    await vi.waitFor(
      () => expect(live.messages.filter(({ message }) => message.kind === 'ping').length).toBeGreaterThan(2),
      10_000,
    );
    await live.leave();
    await quiet.close();
  });

  it('ends when the API stops, without holding it up', async () => {
    const stopping = await TestApi.start();
    const { cookie, accountId } = await signedIn(stopping);
    const live = await openLive(stopping, cookie, accountId);
    await vi.waitFor(() => expect(live.overviews()).not.toHaveLength(0), 10_000);
    const began = performance.now();
    await stopping.close();
    expect(performance.now() - began).toBeLessThan(3_000);
    await vi.waitFor(() => expect(live.hasEnded()).toBe(true), 10_000);
  });
});
