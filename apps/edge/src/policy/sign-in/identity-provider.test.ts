import type { IncomingMessage, ServerResponse } from 'node:http';
import { PorticoError } from '@portico/errors';
import { Outgoing } from '@portico/outgoing';
import type { OAuthProvider } from '@portico/traffic-policy';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveHttp } from '../../testing/policy-visit.util.ts';
import { KeySets } from '../outgoing/key-sets.ts';
import { IdentityProvider, type Tokens } from './identity-provider.ts';
import { OAUTH_PROVIDER_FACTS } from './provider-facts.ts';

type Answers = Record<string, (request: IncomingMessage, response: ServerResponse, body: string) => void>;

let answers: Answers = {};
let asked: string[] = [];
let server: Awaited<ReturnType<typeof serveHttp>>;
let outgoing: Outgoing;

beforeEach(async () => {
  asked = [];
  outgoing = new Outgoing({ allow: ['127.0.0.1'], timeoutMs: 1_000 });
  server = await serveHttp((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const path = request.url?.split('?')[0] ?? '';
      asked.push(`${request.method} ${path} ${body}`);
      const answer = answers[path];
      if (answer === undefined) response.writeHead(404).end();
      else answer(request, response, body);
    });
  });
});

afterEach(async () => {
  outgoing.close();
  await server.close();
});

const json =
  (value: unknown, status = 200) =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

/** A provider of the table, as it would be at this address. */
function provider(name: OAuthProvider): Promise<IdentityProvider> {
  const facts = OAUTH_PROVIDER_FACTS[name];
  const { url } = server;
  const place = {
    kind: 'oauth' as const,
    facts: {
      ...facts,
      authorizationUrl: `${url}/authorize`,
      tokenUrl: `${url}/token`,
      userUrl: `${url}/user`,
      ...(facts.emailsUrl === undefined ? {} : { emailsUrl: `${url}/emails` }),
    },
  };
  const application = { clientId: 'the-client', clientSecret: 'the-secret' };
  return IdentityProvider.connect(place, application, { outgoing, keySets: new KeySets({ outgoing }) });
}

async function finish(name: OAuthProvider): ReturnType<IdentityProvider['finish']> {
  const connected = await provider(name);
  const start = connected.newStart();
  return connected.finish(new URL(`https://demo.example/cb?code=abc&state=${start.state}`), start, 1_000_000);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  if (!(error instanceof PorticoError)) throw error ?? new Error('it did not fail');
  expect(error.message).not.toMatch(/the-secret|code=abc/);
  return `${error.code} ${error.message}`;
}

const token = json({ access_token: 'at', token_type: 'bearer', expires_in: 3_600, refresh_token: 'rt' });

describe('an OAuth provider', () => {
  it('is asked for what it needs, with PKCE where it knows it', async () => {
    for (const [name, pkce] of [
      ['github', true],
      ['facebook', false],
    ] as const) {
      const connected = await provider(name);
      const start = connected.newStart();
      const url = new URL(
        await connected.authorizationUrl(start, {
          redirectUri: 'https://demo.example/cb',
          scopes: ['extra', 'user:email'],
          parameters: new Map([
            ['allow_signup', 'false'],
            ['state', 'of-the-policy'],
            ['redirect_uri', 'https://evil.example/'],
          ]),
          freshLogin: true,
        }),
      );
      const asked = Object.fromEntries(url.searchParams);
      expect(asked).toMatchObject({
        state: start.state,
        redirect_uri: 'https://demo.example/cb',
        allow_signup: 'false',
      });
      expect(asked.scope).toBe(name === 'github' ? 'read:user user:email extra' : 'email extra user:email');
      expect(asked.code_challenge_method).toBe(pkce ? 'S256' : undefined);
      expect(asked.prompt).toBeUndefined();
    }
  });

  it('such as GitHub gives a verified address that its user record does not show', async () => {
    answers = {
      '/token': json({ access_token: 'at', token_type: 'bearer', scope: 'read:user,user:email' }),
      '/user': json({ id: 583_231, login: 'octocat', name: null, email: 'anybody@can.type' }),
      '/emails': json([
        { email: 'old@example.com', primary: false, verified: true },
        { email: 'octocat@example.com', primary: true, verified: true },
      ]),
    };
    const { identity, tokens } = await finish('github');
    expect(identity).toEqual({ subject: '583231', email: 'octocat@example.com', name: 'octocat' });
    expect(tokens).toMatchObject({ accessToken: 'at', refreshToken: '', accessExpiresMs: 0 });
    expect(asked[0]).toContain('client_secret=the-secret');
    expect(asked[0]).toContain('code_verifier=');
  });

  it('such as Twitch answers with a list of scopes, and wants the client id with every question', async () => {
    answers = {
      '/token': json({ access_token: 'at', token_type: 'bearer', scope: ['user:read:email'], expires_in: 10 }),
      '/user': (request, response) => {
        const allowed = request.headers['client-id'] === 'the-client' && request.headers.authorization === 'Bearer at';
        json({ data: [{ id: '1', email: 'a@example.com', display_name: 'A' }] }, allowed ? 200 : 401)(
          request,
          response,
        );
      },
    };
    const { identity, tokens } = await finish('twitch');
    expect(identity).toEqual({ subject: '1', email: 'a@example.com', name: 'A' });
    expect(tokens.accessExpiresMs).toBe(1_010_000);
  });

  it('that calls an address unverified gives none', async () => {
    answers = {
      '/token': token,
      '/user': json({ sub: 'x', email: 'boss@example.com', email_verified: false, name: 'X\r\nY' }),
    };
    expect((await finish('google')).identity).toEqual({ subject: 'x', email: '', name: 'X  Y' });
  });

  it.each<[string, Answers, RegExp]>([
    ['the code is no longer good', { '/token': json({ error: 'invalid_grant' }, 400) }, /^3122 /],
    ['the application is not known', { '/token': json({ error: 'invalid_client' }, 401) }, /^3125 .*invalid_client/],
    [
      'something else is wrong',
      { '/token': json({ error: 'server_error', error_description: 'the-secret' }, 400) },
      /^3164 .*server_error/,
    ],
    [
      'it redirects',
      { '/token': (_request, response) => response.writeHead(302, { location: 'http://127.0.0.2/' }).end() },
      /^3164 /,
    ],
    ['it answers with a page', { '/token': (_request, response) => response.end('<html>') }, /^3164 /],
    ['it does not answer', { '/token': () => undefined }, /^3160 .*1000 ms/],
    [
      'its answer has no end',
      { '/token': (_request, response) => response.end(Buffer.alloc(2_000_000)) },
      /^3160 .*longer than/,
    ],
    ['it does not know its own token', { '/token': token, '/user': json({}, 401) }, /^3164 .*401/],
    ['it says nothing of the person', { '/token': token, '/user': json({ name: 'nobody' }) }, /^3164 .*who this is/],
    ['it breaks while it is asked', { '/token': token, '/user': json({}, 503) }, /^3160 .*503/],
  ])('fails with a code that says whose fault it is: %s', async (_what, given, says) => {
    answers = given;
    expect(await codeOf(finish('google'))).toMatch(says);
  });
});

describe('an issuer', () => {
  const application = { clientId: 'the-client', clientSecret: 'the-secret' };
  const connect = (issuerUrl: string, out = outgoing): Promise<IdentityProvider> =>
    IdentityProvider.connect({ kind: 'oidc', issuerUrl }, application, {
      outgoing: out,
      keySets: new KeySets({ outgoing: out }),
    });
  const metadata = (changes: object = {}): Answers => ({
    '/.well-known/openid-configuration': json({
      issuer: `${server.url}`,
      authorization_endpoint: `${server.url}/auth`,
      token_endpoint: `${server.url}/token`,
      jwks_uri: `${server.url}/jwks`,
      userinfo_endpoint: `${server.url}/user`,
      ...changes,
    }),
  });

  it('is not asked at a private address, and for nothing at one', async () => {
    const guarded = new Outgoing();
    answers = metadata();
    expect(await codeOf(connect(server.url, guarded))).toMatch(/^3160 .*may not be dialled/);
    guarded.close();
    expect(asked).toEqual([]);
    const { port } = new URL(server.url);
    answers = { ...metadata({ token_endpoint: `http://127.0.0.2:${port}/token` }) };
    const connected = await connect(server.url);
    const start = connected.newStart();
    const back = new URL(`https://demo.example/cb?code=abc&state=${start.state}`);
    expect(await codeOf(connected.finish(back, start, 0))).toMatch(/^3160 .*may not be dialled/);
  });

  it('has to be who it says, and to say where it can be asked', async () => {
    answers = metadata({ issuer: 'https://another.example' });
    expect(await codeOf(connect(server.url))).toMatch(/^3160 /);
    answers = { '/.well-known/openid-configuration': (_request, response) => response.end('<html>') };
    expect(await codeOf(connect(server.url))).toMatch(/^3160 /);
    answers = {
      '/.well-known/openid-configuration': (_request, response) =>
        response.writeHead(302, { location: 'http://127.0.0.2/' }).end(),
    };
    expect(await codeOf(connect(server.url))).toMatch(/^3160 /);
    expect(await codeOf(connect('no url'))).toMatch(/^3160 /);
  });

  it('is believed only what it signed itself, for this sign-in and this application', async () => {
    const own = await generateKeyPair('RS256');
    const strange = await generateKeyPair('RS256');
    const jwk = { ...(await exportJWK(own.publicKey)), kid: 'one', alg: 'RS256' };
    const tried = async (claims: object, key: CryptoKey = own.privateKey): Promise<string> => {
      const connected = await connect(server.url);
      const start = connected.newStart();
      const idToken = await new SignJWT({ nonce: start.nonce, email: 'a@example.com', name: 'A', ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'one' })
        .setIssuer(server.url)
        .setAudience('the-client')
        .setSubject('x')
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(key);
      answers = {
        ...metadata(),
        '/jwks': json({ keys: [jwk] }),
        '/token': json({ access_token: 'at', token_type: 'bearer', id_token: idToken }),
      };
      const back = new URL(`https://demo.example/cb?code=abc&state=${start.state}`);
      const finished = connected.finish(back, start, 0);
      return finished.then(
        ({ identity }) => identity.email,
        () => codeOf(finished),
      );
    };
    answers = metadata();
    expect(await tried({})).toBe('a@example.com');
    expect(await tried({}, strange.privateKey)).toMatch(/^3164 .*ID token/);
    expect(await tried({ nonce: 'of another sign-in' })).toMatch(/^3164 /);
  });
});

describe('a person who is asked about again', () => {
  const identity = { subject: 'x', email: 'old@example.com', name: 'X' };
  const tokens: Tokens = { accessToken: 'at', refreshToken: 'rt', idToken: '', accessExpiresMs: 1_000_000 };

  it('has the address of now, with new tokens where the old ones have expired', async () => {
    answers = {
      '/token': json({ access_token: 'at2', token_type: 'bearer', expires_in: 60 }),
      '/user': json({ sub: 'x', email: 'new@example.com', name: 'X' }),
    };
    const connected = await provider('google');
    expect(await connected.check({ ...tokens, accessExpiresMs: 2_000_000 }, identity, 1_000_000)).toMatchObject({
      identity: { email: 'new@example.com' },
      tokens: { accessToken: 'at' },
    });
    const renewed = await connected.check(tokens, identity, 1_000_000);
    expect(renewed.tokens).toEqual({ ...tokens, accessToken: 'at2', accessExpiresMs: 1_060_000 });
    expect(asked[1]).toContain('grant_type=refresh_token');
  });

  it('is let go when the provider lets them go, or gives somebody else', async () => {
    const connected = await provider('google');
    answers = { '/token': json({ error: 'invalid_grant' }, 400) };
    expect(await codeOf(connected.check(tokens, identity, 1_000_000))).toMatch(/^3151 /);
    expect(await codeOf(connected.check({ ...tokens, refreshToken: '' }, identity, 1_000_000))).toMatch(/^3151 /);
    answers = { '/user': json({}, 403) };
    expect(await codeOf(connected.check({ ...tokens, accessExpiresMs: 0 }, identity, 0))).toMatch(/^3151 /);
    answers = { '/user': json({ sub: 'y', email: 'y@example.com' }) };
    expect(await codeOf(connected.check({ ...tokens, accessExpiresMs: 0 }, identity, 0))).toMatch(/^3151 /);
  });

  it('stays when the provider is only away', async () => {
    const connected = await provider('google');
    answers = { '/user': json({}, 500) };
    expect(await codeOf(connected.check({ ...tokens, accessExpiresMs: 0 }, identity, 0))).toMatch(/^3160 /);
  });
});
