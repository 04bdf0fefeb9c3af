import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';
import type { Page } from 'playwright-core';

/** A real OpenID provider (npm `oidc-provider`) on loopback: people are whoever they type in. */
export interface RunningProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly jwksUrl: string;
  /** Requests to it, `METHOD /path`. */
  readonly requests: string[];
  /** Lets clients come back to these addresses. Starts anew: sessions and codes are gone, keys stay. */
  allowRedirects(uris: readonly string[]): Promise<void>;
  /** A second provider with other keys takes its place on the same port. */
  rotateKeys(): Promise<void>;
  /** A token signed with the key of now, as its own are. */
  sign(claims: Record<string, unknown>, options?: { expiresIn?: string }): Promise<string>;
  /** Whether tokens are still accepted; false: everybody is asked to leave. */
  acceptsTokens: boolean;
  close(): Promise<void>;
}

export async function startIdentityProvider(): Promise<RunningProvider> {
  let handle: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => response.end();
  const requests: string[] = [];
  let acceptsTokens = true;
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    requests.push(`${request.method} ${path}`);
    if (!acceptsTokens && (path === '/me' || path === '/token')) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"invalid_token"}');
      return;
    }
    handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const [clientId, clientSecret] = ['portico-test', 'secret-of-the-client'];
  let redirects: readonly string[] = [];
  let key = await newKey(1);
  let generation = 1;

  const start = (): void => {
    const configuration: Configuration = {
      clients: [
        {
          client_id: clientId,
          client_secret: clientSecret,
          redirect_uris: [...redirects],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
        },
      ],
      jwks: { keys: [key.jwk] },
      cookies: { keys: ['provider-cookie-key'] },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      scopes: ['openid', 'offline_access', 'email', 'profile'],
      findAccount: (_context, id) => ({
        accountId: id,
        claims: async () => ({
          sub: id,
          email: `${id}@people.example`,
          email_verified: id !== 'unverified',
          name: `${id} the tester`,
        }),
      }),
      pkce: { required: () => true },
      conformIdTokenClaims: true,
      ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3_600, IdToken: 600, Interaction: 600, Session: 3_600 },
    };
    const provider = new Provider(issuer, configuration);
    const callback = provider.callback();
    handle = (request, response) => void callback(request, response);
  };
  quietly(start);

  return {
    issuer,
    clientId,
    clientSecret,
    jwksUrl: `${issuer}/jwks`,
    requests,
    get acceptsTokens() {
      return acceptsTokens;
    },
    set acceptsTokens(accepts) {
      acceptsTokens = accepts;
    },
    allowRedirects: async (uris) => {
      redirects = uris;
      quietly(start);
    },
    rotateKeys: async () => {
      generation += 1;
      key = await newKey(generation);
      quietly(start);
    },
    sign: (claims, { expiresIn = '5m' } = {}) =>
      new SignJWT({ iss: issuer, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: `key-${generation}` })
        .setIssuedAt()
        .setExpirationTime(expiresIn)
        .sign(key.privateKey),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function newKey(generation: number): Promise<{ jwk: JWK; privateKey: CryptoKey }> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { jwk: { ...(await exportJWK(privateKey)), kid: `key-${generation}`, use: 'sig', alg: 'RS256' }, privateKey };
}

/** It prints notices about being set up for development, which it is. */
function quietly(work: () => void): void {
  const { info, warn } = console;
  console.info = () => undefined;
  console.warn = () => undefined;
  try {
    work();
  } finally {
    console.info = info;
    console.warn = warn;
  }
}

/** Types a name and any password into the provider's pages and agrees to everything. */
export async function signInAtProvider(page: Page, name: string): Promise<void> {
  await page.waitForSelector('input[name=login]');
  await page.fill('input[name=login]', name);
  await page.fill('input[name=password]', 'anything');
  await Promise.all([page.waitForNavigation(), page.click('button[type=submit]')]);
  const consent = page.locator('form input[name=prompt][value=consent]');
  if ((await consent.count()) > 0) await Promise.all([page.waitForNavigation(), page.click('button[type=submit]')]);
}
