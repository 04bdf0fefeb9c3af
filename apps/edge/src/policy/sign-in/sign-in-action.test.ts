import { randomBytes } from 'node:crypto';
import { Outgoing } from '@portico/outgoing';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { VisitorSessions } from '../../control/visitor-sessions.ts';
import { KeyRing } from '../../session/key-ring.ts';
import { onlyAction, policyVisit, seen, type VisitOptions } from '../../testing/policy-visit.util.ts';
import { KeySets } from '../outgoing/key-sets.ts';
import { applicationId } from './identity-provider.ts';
import { IdentityProviders } from './identity-providers.ts';
import { DEFAULT_PROVIDER_SETTINGS, type ProviderSettings } from './provider-settings.ts';
import { SealedBox } from './sealed-box.ts';
import type { Session } from './session.ts';
import { SharedCallback } from './shared-callback.ts';
import { SignIn } from './sign-in-action.ts';

// Nothing in here asks anybody: the endpoints of OAuth providers are known.
const outgoing = new Outgoing();
afterAll(() => outgoing.close());

const keys = new KeyRing();
keys.replace([{ id: 'a', secret: randomBytes(32), createdAt: 1 }]);
const box = new SealedBox({ keys });
const { signal } = new AbortController();
const SHARED: ProviderSettings = {
  ...DEFAULT_PROVIDER_SETTINGS,
  applications: { google: { clientId: 'operator', clientSecret: 'secret' } },
};

const visitors = new VisitorSessions({
  client: { visitors: async () => ({ ended: [] }) },
  nodeId: 'edge-1',
  everyMs: 3_600_000,
});

function signIn(settings: ProviderSettings = DEFAULT_PROVIDER_SETTINGS): SignIn {
  const parts = {
    providers: new IdentityProviders({ outgoing, keySets: new KeySets({ outgoing }) }),
    box,
    settings,
    sharedCallback: new SharedCallback({ keys, box, baseDomain: 'portico.localhost' }),
    visitors,
    sharedDomains: ['portico.localhost'],
  };
  return new SignIn(parts);
}

const CONFIG = { provider: 'github', client_id: 'id', client_secret: 'secret' };

async function enter(
  options: VisitOptions,
  config: object = CONFIG,
  action = signIn(),
): Promise<{ seen: string; cookie: string; location: string; forwarded: readonly string[]; result: unknown }> {
  const visit = policyVisit(options);
  const outcome = await action.oauth.run(onlyAction('oauth', config), visit.scope, visit.tools).then(
    (found) => found,
    (error: unknown) => String(error),
  );
  const fields = typeof outcome !== 'string' && outcome.kind === 'answer' ? outcome.answer.fields : [];
  const fieldNamed = (name: string): string => fields[fields.indexOf(name) + 1] ?? '';
  return {
    seen: typeof outcome === 'string' ? outcome : seen(outcome),
    cookie: fields.includes('set-cookie') ? fieldNamed('set-cookie') : visit.added.join('\n'),
    location: fields.includes('location') ? fieldNamed('location') : '',
    forwarded: visit.scope.request?.fields ?? [],
    result: visit.scope.results.oauth,
  };
}

async function sealedSession(changes: Partial<Session> = {}, host = 'demo.portico.localhost'): Promise<string> {
  const place = { kind: 'oauth', facts: DEFAULT_PROVIDER_SETTINGS.facts.github } as const;
  const now = Date.now();
  const session: Session = {
    v: 1,
    app: applicationId(place, { clientId: 'id', clientSecret: 'secret' }),
    id: 'session',
    subject: '1',
    email: 'ada@example.com',
    name: 'Ada',
    accessToken: 'at',
    refreshToken: '',
    idToken: '',
    accessExpiresMs: 0,
    signedInMs: now - 3_600_000,
    seenMs: now - 1_000,
    checkedMs: now,
    ...changes,
  };
  return box.seal({ purpose: 'session', accountId: 'ac_1', host }, session, signal);
}

const withSession = (text: string): VisitOptions => ({ fields: ['Cookie', `a=b; __Host-portico.session=${text}`] });

describe('a sign-in action', () => {
  it('lets people with a session in, tells later rules who they are, and keeps the cookie to itself', async () => {
    const found = await enter(withSession(await sealedSession()));
    expect(found).toMatchObject({ seen: 'next', cookie: '' });
    expect(found.forwarded).toContain('a=b');
    expect(found.forwarded.join()).not.toContain('portico.session');
    expect(found.result).toMatchObject({
      identity: {
        email: 'ada@example.com',
        name: 'Ada',
        provider_user_id: '1',
        id: expect.stringMatching(/^idn_\w{27}$/),
      },
      access_token: 'at',
      session_timed_out: false,
    });
  });

  it('writes the session anew when it was not seen for a while', async () => {
    const found = await enter(withSession(await sealedSession({ seenMs: Date.now() - 120_000 })));
    expect(found.seen).toBe('next');
    expect(found.cookie).toMatch(
      /^set-cookie\n__Host-portico\.session=ey.+; Path=\/; Max-Age=2\d{5}; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  it('says to later rules and to scripts that a session has ended', async () => {
    const day = 86_400_000;
    const rested = await enter({
      ...withSession(await sealedSession({ seenMs: Date.now() - 4 * day })),
      method: 'POST',
    });
    expect([rested.seen, rested.result]).toEqual(['401 3150', expect.objectContaining({ session_timed_out: true })]);
    const aged = await enter({
      ...withSession(await sealedSession({ signedInMs: Date.now() - 15 * day })),
      method: 'POST',
    });
    expect(aged.result).toMatchObject({ session_max_duration_reached: true, session_timed_out: false });
  });

  it.each<[string, () => Promise<string>]>([
    ['another host', () => sealedSession({}, 'other.portico.localhost')],
    ['another application', () => sealedSession({ app: 'another' })],
    ['nobody', () => sealedSession({ subject: '' })],
  ])('takes no session of %s', async (_whose, make) => {
    expect((await enter(withSession(await make()))).seen).toBe('302');
  });

  it('takes no session of another account that had this name before', async () => {
    const options = withSession(await sealedSession());
    expect((await enter({ ...options, accountId: 'ac_2' })).seen).toBe('302');
  });

  it('never lets anybody in without a session, whatever they send', async () => {
    const good = await sealedSession();
    const action = signIn();
    const text = fc.oneof(
      fc.constantFrom(
        '',
        good.slice(0, -1),
        `${good}A`,
        good.split('.').reverse().join('.'),
        'null',
        '{}',
        '....',
        'ey.ey.ey.ey.ey',
      ),
      fc.string({ unit: fc.constantFrom('a', 'A', '.', '-', '_', '=', ';', ' ', '"', '%', '0') }),
    );
    const name = fc.constantFrom(
      '__Host-portico.session',
      '__Host-portico.session..1',
      '__Host-portico.nonce.abc',
      '__Secure-portico.session',
      'portico.session',
      'Portico.Session',
    );
    const field = fc.oneof(
      fc.tuple(
        fc.constant('Cookie'),
        fc.tuple(name, text).map(([a, b]) => `${a}=${b}`),
      ),
      fc.tuple(
        fc.constantFrom(
          'Authorization',
          'Origin',
          'Access-Control-Request-Method',
          'Upgrade',
          'Sec-Fetch-Mode',
          'Accept',
          'X-Forwarded-For',
        ),
        text,
      ),
    );
    const path = fc.constantFrom(
      '/',
      '/x',
      '/ngrok/login',
      '/ngrok/logout',
      '/ngrok/oauth2/callback',
      '/ngrok/../x',
      '//x',
      '/ngrok/login/',
    );
    const query = fc.constantFrom(
      '',
      '?state=abc',
      '?code=a&state=abc',
      '?auth_id=x',
      '?redirect_path=//evil.example',
      '?sealed=x&state=y',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'HEAD', 'POST', 'OPTIONS', 'PUT'),
        path,
        query,
        fc.array(field, { maxLength: 5 }),
        async (method, where, asked, fields) => {
          const url = `https://demo.portico.localhost${where}${asked}`;
          const found = await enter({ method, url, fields: fields.flat() }, CONFIG, action);
          expect(found.seen).toMatch(/^(?:200|204|302|400 \d+|401 3150)$/);
          if (found.seen === '200') expect(where).toBe('/ngrok/logout');
          if (found.location !== '') expect(found.location).toMatch(/^(?:https:\/\/github\.com\/login\/|\/(?![/\\]))/);
          expect(found.forwarded.join()).not.toMatch(/(?:^|[ ,;])(?:__Host-|__Secure-)?portico\.session=/);
        },
      ),
      { numRuns: process.env.PORTICO_LONG === '1' ? 20_000 : 300 },
    );
  });

  it('lets preflights pass where the policy says so, and only those', async () => {
    const fields = ['Origin', 'https://app.example', 'Access-Control-Request-Method', 'PUT'];
    const config = { ...CONFIG, allow_cors_preflight: true };
    expect((await enter({ method: 'OPTIONS', fields }, config)).seen).toBe('next');
    expect((await enter({ method: 'OPTIONS', fields })).seen).toBe('401 3150');
    expect((await enter({ method: 'OPTIONS' }, config)).seen).toBe('401 3150');
    expect((await enter({ method: 'GET', fields }, config)).seen).toBe('302');
  });

  it('shares cookies under a domain of the account, and under none that others have names in', async () => {
    const config = { ...CONFIG, auth_cookie_domain: '.example.com' };
    expect((await enter({ url: 'https://a.example.com/' }, config)).seen).toBe('302');
    expect((await enter({ url: 'https://a.example.org/' }, config)).seen).toContain('the host is not under it');
    for (const domain of ['portico.localhost', 'demo.portico.localhost']) {
      const shared = { ...CONFIG, auth_cookie_domain: domain };
      expect((await enter({ url: 'https://demo.portico.localhost/' }, shared)).seen).toContain('other accounts');
    }
    const session = await sealedSession({}, 'example.com');
    const cookie = ['Cookie', `__Secure-portico.session=${session}`];
    expect((await enter({ url: 'https://b.example.com/', fields: cookie }, config)).seen).toBe('next');
  });

  it("needs an application, its own or the operator's", async () => {
    expect((await enter({}, { provider: 'google' })).seen).toBe('500 3106');
    const shared = await enter({}, { provider: 'google' }, signIn(SHARED));
    expect(new URL(shared.location).searchParams.get('redirect_uri')).toBe(
      'https://oauth.portico.localhost/oauth2/callback',
    );
    expect((await enter({}, { provider: 'google', scopes: ['drive'] }, signIn(SHARED))).seen).toBe('500 3106');
  });
});
