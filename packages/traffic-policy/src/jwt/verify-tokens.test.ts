import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { toPlain } from '../expressions/values.ts';
import { type JwksResolver, type JwtRequest, type JwtRules, verifyTokens } from './verify-tokens.ts';

const NOW = new Date('2026-11-20T12:00:00Z');
const SECONDS = Math.floor(NOW.getTime() / 1_000);
const RULES: JwtRules = {
  issuers: ['https://issuer.example/'],
  audiences: ['me', 'other'],
  algorithms: ['RS256', 'ES256'],
  jwksUrls: ['https://issuer.example/jwks'],
  tokens: [{ type: 'jwt', method: 'header', name: 'Authorization', prefix: 'Bearer ' }],
};

let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let strangers: typeof keys;
let jwks: JwksResolver;

beforeAll(async () => {
  keys = await generateKeyPair('RS256');
  strangers = await generateKeyPair('RS256');
  const set = createLocalJWKSet({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'RS256' }] });
  jwks = () => set;
});

async function token(changes: JWTPayload = {}, header: object = {}, key = keys.privateKey): Promise<string> {
  return new SignJWT({ iss: 'https://issuer.example/', aud: 'me', sub: 'ada', exp: SECONDS + 60, ...changes })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header })
    .sign(key);
}

function bearer(text: string): JwtRequest {
  return { method: 'GET', fields: ['authorization', `bearer ${text}`], body: null };
}

describe('a token', () => {
  it('that is right shows its claims', async () => {
    const verdict = await verifyTokens(RULES, bearer(await token({ roles: ['admin'] })), jwks, NOW);
    expect(verdict.kind).toBe('valid');
    expect(toPlain(verdict.tokens)).toMatchObject([
      {
        verified: true,
        location: 'header',
        location_property: 'Authorization',
        header: { alg: 'RS256' },
        payload: { sub: 'ada', roles: ['admin'] },
      },
    ]);
  });

  it.each<[string, () => Promise<string>, number, RegExp]>([
    ['has expired', () => token({ exp: SECONDS - 60 }), 3403, /expired/],
    ['is not valid yet', () => token({ nbf: SECONDS + 60 }), 3403, /nbf/],
    ['is of another issuer', () => token({ iss: 'https://issuer.example' }), 3403, /iss/],
    ['is for another audience', () => token({ aud: 'they' }), 3403, /aud/],
    ['has no issuer', () => token({ iss: undefined }), 3403, /iss/],
    ['is signed by a stranger', () => token({}, {}, strangers.privateKey), 3403, /no key/],
    ['names a key that nobody has', () => token({}, { kid: 'k2' }), 3403, /no key/],
    [
      'is not signed',
      async () => new UnsecuredJWT({ iss: 'https://issuer.example/', aud: 'me' }).encode(),
      3403,
      /algorithm/,
    ],
    ['is no token', async () => 'abc', 3416, /not a signed JWT/],
    ['is a broken token', async () => `${await token()}x.y`, 3416, /not a signed JWT|malformed/],
    ['is too long', async () => 'a'.repeat(20_000), 3416, /too long/],
    [
      'was changed',
      async () =>
        (await token()).replace(
          /\.[^.]*\./,
          `.${Buffer.from('{"iss":"https://issuer.example/","aud":"me","sub":"eve"}').toString('base64url')}.`,
        ),
      3403,
      /no key/,
    ],
  ])('that %s is refused', async (_, make, code, reason) => {
    const verdict = await verifyTokens(RULES, bearer(await make()), jwks, NOW);
    expect(verdict).toMatchObject({ kind: 'refused', code });
    expect(verdict.kind === 'refused' && verdict.details.reason).toMatch(reason);
  });

  it('signed with the public key as a secret is refused', async () => {
    const { n = '' } = await exportJWK(keys.publicKey);
    const forged = await new SignJWT({ iss: 'https://issuer.example/', aud: 'me' })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .sign(Buffer.from(n));
    expect(await verifyTokens(RULES, bearer(forged), jwks, NOW)).toMatchObject({ kind: 'refused', code: 3403 });
  });

  it.each<[string, Partial<JwtRequest>, Partial<JwtRules>, number]>([
    ['header', { fields: [] }, {}, 3408],
    ['single header', { fields: ['authorization', 'Bearer a', 'Authorization', 'Bearer b'] }, {}, 3408],
    ['prefix', { fields: ['authorization', 'Basic abc'] }, {}, 3413],
    [
      'method that has a body',
      { method: 'GET' },
      { tokens: [{ type: 'jwt', method: 'body', name: 'token', prefix: '' }] },
      3415,
    ],
    [
      'JSON',
      { method: 'POST', fields: ['content-type', 'application/json'], body: Buffer.from('{') },
      { tokens: [{ type: 'jwt', method: 'body', name: 'token', prefix: '' }] },
      3411,
    ],
    [
      'field in the body',
      { method: 'POST', fields: ['content-type', 'application/json'], body: Buffer.from('{}') },
      { tokens: [{ type: 'jwt', method: 'body', name: 'token', prefix: '' }] },
      3406,
    ],
  ])('that is missing its %s is told so', async (_, request, rules, code) => {
    const verdict = await verifyTokens(
      { ...RULES, ...rules },
      { method: 'GET', fields: [], body: null, ...request },
      jwks,
      NOW,
    );
    expect(verdict).toMatchObject({ kind: 'refused', code });
  });

  it.each([
    ['application/json; charset=utf-8', (text: string) => JSON.stringify({ Token: text })],
    ['application/x-www-form-urlencoded', (text: string) => `a=b&token=${encodeURIComponent(text)}`],
  ])('may be in a body of %s', async (type, encode) => {
    const rules: JwtRules = { ...RULES, tokens: [{ type: 'jwt', method: 'body', name: 'token', prefix: '' }] };
    const request = { method: 'POST', fields: ['content-type', type], body: Buffer.from(encode(await token())) };
    expect((await verifyTokens(rules, request, jwks, NOW)).kind).toBe('valid');
  });

  it('has to be there once for every place', async () => {
    const rules: JwtRules = {
      ...RULES,
      tokens: [...RULES.tokens, { type: 'id_token', method: 'header', name: 'x-id', prefix: '' }],
    };
    const one = bearer(await token());
    expect(await verifyTokens(rules, one, jwks, NOW)).toMatchObject({
      kind: 'refused',
      code: 3408,
      details: { name: 'x-id' },
    });
    const both = { ...one, fields: [...one.fields, 'X-Id', await token()] };
    expect((await verifyTokens(rules, both, jwks, NOW)).kind).toBe('valid');
  });

  it('is looked for at every address; the fault is the address only when none answers', async () => {
    const rules: JwtRules = { ...RULES, jwksUrls: ['https://down.example', 'https://up.example'] };
    const half: JwksResolver = (url) =>
      url.includes('down') ? () => Promise.reject(new Error('connection refused')) : jwks(url);
    expect((await verifyTokens(rules, bearer(await token()), half, NOW)).kind).toBe('valid');
    expect(await verifyTokens(rules, bearer(await token({}, { kid: 'k2' })), half, NOW)).toMatchObject({ code: 3403 });
    const down: JwksResolver = () => () => Promise.reject(new Error('connection refused'));
    expect(await verifyTokens(rules, bearer(await token()), down, NOW)).toMatchObject({
      code: 3422,
      details: { url: 'https://down.example', reason: 'connection refused' },
    });
  });
});
