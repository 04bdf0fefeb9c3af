import { Outgoing } from '@portico/outgoing';
import { exportJWK, generateKeyPair, type JWK, jwtVerify, SignJWT } from 'jose';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { serveHttp } from '../../testing/policy-visit.util.ts';
import { KeySets, keySetLimits } from './key-sets.ts';

interface Signer {
  readonly jwk: JWK;
  sign(): Promise<string>;
}

async function signer(kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' },
    sign: () => new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey),
  };
}

const closers: (() => unknown)[] = [];
let first: Signer;
let second: Signer;

beforeAll(async () => {
  first = await signer('first');
  second = await signer('second');
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** An issuer whose keys can be changed, and a clock that can be moved. */
async function issuer(limits: Partial<typeof keySetLimits> = {}) {
  const state = { keys: [first.jwk], status: 200, text: null as string | null, asked: 0, nowMs: 1_000_000 };
  const server = await serveHttp((_request, response) => {
    state.asked += 1;
    response.writeHead(state.status).end(state.text ?? JSON.stringify({ keys: state.keys }));
  });
  const outgoing = new Outgoing({ allow: ['127.0.0.1'] });
  closers.push(server.close, () => outgoing.close());
  const sets = new KeySets({ outgoing, limits: { ...keySetLimits, ...limits }, nowMs: () => state.nowMs });
  const verify = async (token: string): Promise<string> =>
    jwtVerify(token, sets.resolver(`${server.url}/jwks`)).then(
      () => 'valid',
      (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
    );
  return { state, verify };
}

describe('the keys of an issuer', () => {
  it('are fetched once for all who wait, and then kept', async () => {
    const { state, verify } = await issuer();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => first.sign()));
    expect(new Set(await Promise.all(tokens.map(verify)))).toEqual(new Set(['valid']));
    state.nowMs += keySetLimits.maxAgeMs - 1;
    expect(await verify(await first.sign())).toBe('valid');
    expect(state.asked).toBe(1);
    state.nowMs += 2;
    expect(await verify(await first.sign())).toBe('valid');
    expect(state.asked).toBe(2);
  });

  it('are fetched again when a token names a new one, but not for every token that names none', async () => {
    const { state, verify } = await issuer();
    expect(await verify(await first.sign())).toBe('valid');
    state.keys = [second.jwk];
    expect(await verify(await second.sign())).toBe('ERR_JWKS_NO_MATCHING_KEY');
    state.nowMs += keySetLimits.cooldownMs;
    expect(await verify(await second.sign())).toBe('valid');
    expect(await verify(await first.sign())).toBe('ERR_JWKS_NO_MATCHING_KEY');
    const strangers = await Promise.all(Array.from({ length: 50 }, async () => (await signer('strange')).sign()));
    for (const token of strangers) expect(await verify(token)).toBe('ERR_JWKS_NO_MATCHING_KEY');
    expect(state.asked).toBe(2);
  });

  it('go on for a while when the issuer is away, and it is not asked for every token', async () => {
    const { state, verify } = await issuer();
    expect(await verify(await first.sign())).toBe('valid');
    state.status = 503;
    state.nowMs += keySetLimits.maxAgeMs + 1;
    for (let index = 0; index < 10; index += 1) expect(await verify(await first.sign())).toBe('valid');
    expect(state.asked).toBe(2);
    state.nowMs += keySetLimits.staleMs;
    expect(await verify(await first.sign())).toContain('it answers 503');
    state.status = 200;
    state.nowMs += keySetLimits.cooldownMs;
    expect(await verify(await first.sign())).toBe('valid');
  });

  it.each([
    ['it is no JSON', '<html>', 'not a key set'],
    ['it is another document', '{"keys":"none"}', 'not a key set'],
    ['it has too many keys', JSON.stringify({ keys: Array.from({ length: 101 }, () => ({})) }), 'too many keys'],
    ['it is too long', ' '.repeat(300_000), 'longer than'],
  ])('are not taken when %s', async (_what, text, reason) => {
    const { state, verify } = await issuer();
    state.text = text;
    expect(await verify(await first.sign())).toContain(reason);
  });
});
