// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts
import { createHmac } from 'node:crypto';
import { Outgoing } from '@portico/outgoing';
import { toPlain } from '@portico/traffic-policy';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sweep } from '../../proxy/sweep.ts';
import { onlyAction, policyVisit, seen, serveHttp, type VisitOptions } from '../../testing/policy-visit.util.ts';
import { HttpRequestAction } from './http-request-action.ts';
import { JwtValidationAction } from './jwt-validation-action.ts';
import { KeySets } from './key-sets.ts';
import { VerifyWebhookAction } from './verify-webhook-action.ts';

const outgoing = new Outgoing({ allow: ['127.0.0.1'] });
const guarded = new Outgoing();
let origin: string;
let close: () => Promise<void>;
let sign: (claims: Record<string, unknown>) => Promise<string>;
let asked: { method: string; url: string; headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
let failures = 0;

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one' };
  sign = (claims) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
  const server = await serveHttp((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      if (url === '/jwks') {
        response.end(JSON.stringify({ keys: [jwk] }));
        return;
      }
      asked.push({ method, url, headers, body: String(Buffer.concat(chunks)) });
      if (url.startsWith('/redirect')) response.writeHead(302, { location: '/there' }).end();
      else if (url.startsWith('/large')) response.end(Buffer.alloc(300_000));
      else if (url.startsWith('/slow')) return;
      else if (url.startsWith('/failing') && failures > 0) {
        failures -= 1;
        response.writeHead(503).end();
      } else response.writeHead(200, { 'X-Answer': 'yes' }).end('{"allowed":true}');
    });
  });
  origin = server.url;
  close = server.close;
});

afterAll(async () => {
  outgoing.close();
  guarded.close();
  nothingInternal.sweep.close();
  await close();
});

describe('jwt-validation', () => {
  const validate = async (options: VisitOptions, config: object = {}, out = outgoing) => {
    const action = onlyAction('jwt-validation', {
      issuer: { allow_list: [{ value: 'https://issuer.example' }] },
      audience: { allow_list: [{ value: 'api' }] },
      http: { tokens: [{ type: 'access_token', method: 'header', name: 'Authorization', prefix: 'Bearer ' }] },
      jws: { allowed_algorithms: ['RS256'], keys: { sources: { additional_jkus: [`${origin}/jwks`] } } },
      ...config,
    });
    const visit = policyVisit(options);
    const runner = new JwtValidationAction({ keySets: new KeySets({ outgoing: out }) });
    return {
      seen: seen(await runner.run(action, visit.scope, visit.tools)),
      result: visit.scope.results.jwt_validation,
    };
  };
  const claims = { iss: 'https://issuer.example', aud: 'api', role: 'admin' };

  it('lets a good token in and shows its claims to later rules', async () => {
    const fields = ['Authorization', `Bearer ${await sign(claims)}`];
    const { seen: what, result } = await validate({ fields });
    expect(what).toBe('next');
    expect(toPlain(result?.tokens)).toMatchObject([{ verified: true, payload: { role: 'admin' } }]);
  });

  it('turns others away with the code that says why', async () => {
    expect((await validate({})).seen).toBe('401 3408');
    expect((await validate({ fields: ['Authorization', 'Basic x'] })).seen).toBe('401 3413');
    expect((await validate({ fields: ['Authorization', 'Bearer nonsense'] })).seen).toBe('403 3416');
    const other = await sign({ ...claims, aud: 'web' });
    const { seen: what, result } = await validate({ fields: ['Authorization', `Bearer ${other}`] });
    expect(what).toBe('403 3403');
    expect(result?.error).toMatchObject({ code: 'ERR_NGROK_3403' });
  });

  it('reads tokens from bodies', async () => {
    const tokens = { http: { tokens: [{ type: 'jwt', method: 'body', name: 'token' }] } };
    const body = JSON.stringify({ token: await sign(claims) });
    const fields = ['Content-Type', 'application/json'];
    expect((await validate({ method: 'POST', fields, body }, tokens)).seen).toBe('next');
    expect((await validate({ method: 'GET' }, tokens)).seen).toBe('401 3415');
  });

  it('says so when the keys cannot be had, and asks no private address', async () => {
    const fields = ['Authorization', `Bearer ${await sign(claims)}`];
    const { seen: what, result } = await validate({ fields }, {}, guarded);
    expect(what).toBe('500 3422');
    expect(result?.error).toMatchObject({ message: expect.stringContaining('may not be dialled') });
  });
});

describe('verify-webhook', () => {
  const verify = async (config: object, options: VisitOptions) => {
    const visit = policyVisit(options);
    const outcome = await new VerifyWebhookAction({ outgoing }).run(
      onlyAction('verify-webhook', config),
      visit.scope,
      visit.tools,
    );
    return { outcome, seen: seen(outcome), result: visit.scope.results.verify_webhook };
  };
  const body = '{"a":1}';
  const signature = `sha256=${createHmac('sha256', 'secret').update(body).digest('hex')}`;
  const fields = ['X-Hub-Signature-256', signature];

  it('lets what is signed in, and refuses what is not', async () => {
    const config = { provider: 'github', secret: 'secret' };
    expect((await verify(config, { method: 'POST', fields, body })).seen).toBe('next');
    const { seen: what, result } = await verify(config, { method: 'POST', fields, body: `${body} ` });
    expect(what).toBe('403 3204');
    expect(result).toMatchObject({ verified: false, error: { code: 'ERR_NGROK_3204' } });
    expect(JSON.stringify(result)).not.toContain('secret"');
  });

  it('only tells when it does not enforce', async () => {
    const config = { provider: 'github', secret: 'secret', enforce: false };
    const { seen: what, result } = await verify(config, { method: 'POST', body });
    expect([what, result?.verified]).toEqual(['next', false]);
  });

  it('answers the question of a provider', async () => {
    const { outcome } = await verify(
      { provider: 'twitter', secret: 'secret' },
      { url: 'https://demo.portico.localhost/hook?crc_token=abc' },
    );
    const token = `sha256=${createHmac('sha256', 'secret').update('abc').digest('base64')}`;
    if (outcome.kind !== 'answer') throw new Error(outcome.kind);
    expect(JSON.parse(String(Buffer.from(outcome.answer.body)))).toEqual({ response_token: token });
  });

  it('asks for no certificate but those of SNS', async () => {
    const forged = JSON.stringify({ Type: 'Notification', SigningCertURL: `${origin}/x.pem` });
    const { seen: what, result } = await verify({ provider: 'sns' }, { method: 'POST', body: forged });
    expect(what).toBe('403 3204');
    expect(result?.error).toMatchObject({ message: expect.stringContaining('not one of SNS') });
  });
});

const nothingInternal = {
  find: () => null,
  pass: () => {
    throw new Error('there is no such endpoint');
  },
  sweep: new Sweep({ periodMs: 60_000 }),
};

describe('http-request', () => {
  const ask = async (config: object, options: VisitOptions = {}, out = outgoing) => {
    asked = [];
    const visit = policyVisit(options);
    const run = new HttpRequestAction({ outgoing: out, internal: nothingInternal }).run(
      onlyAction('http-request', config),
      visit.scope,
      visit.tools,
    );
    const what = await run.then(seen, (error: unknown) => String(error));
    return { seen: what, result: visit.scope.results.http_request };
  };

  it('asks with what the request says, and shows the answer to later rules', async () => {
    const { seen: what, result } = await ask(
      {
        url: `${origin}/check?a=1`,
        method: 'POST',
        headers: { 'x-path': '${req.url.path}' },
        query_params: [{ key: 'user', value: '${req.url.query_params["user"][0]}' }],
        body: '${req.method}',
      },
      { url: 'https://demo.portico.localhost/x?user=a%26b' },
    );
    expect(what).toBe('next');
    expect(asked).toMatchObject([
      {
        method: 'POST',
        url: '/check?a=1&user=a%26b',
        headers: { 'x-path': '/x', 'x-forwarded-for': '203.0.113.7', 'user-agent': 'portico/http-request' },
        body: 'GET',
      },
    ]);
    expect(result).toMatchObject({ res: { status_code: 200n, body: '{"allowed":true}', resolved_ip: '127.0.0.1' } });
    expect(toPlain(result?.attempts)).toMatchObject([{ response_status_code: 200 }]);
  });

  it('lets nobody but the owner choose who is asked', async () => {
    const evil = { url: 'https://demo.portico.localhost/?to=evil.example' };
    for (const url of [
      'https://${req.url.query_params["to"][0]}/x',
      'https://good.example.${req.url.query_params["to"][0]}/x',
      'https://good.example${req.url.query}',
      '${"https://" + req.url.query_params["to"][0]}',
    ]) {
      expect((await ask({ url }, evil)).seen, url).toContain('a visitor may not choose');
    }
    expect(
      (await ask({ url: `${origin}/${'${req.url.path}'}` }, { url: 'https://demo.portico.localhost//evil' })).seen,
    ).toBe('next');
    expect(asked.length).toBe(1);
  });

  it('asks no private address, and goes on or halts as the policy says', async () => {
    const { seen: what, result } = await ask({ url: `${origin}/` }, {}, guarded);
    expect(what).toBe('next');
    expect(result?.error).toMatchObject({ code: 'ERR_NGROK_3605' });
    expect((await ask({ url: `${origin}/`, on_error: 'halt' }, {}, guarded)).seen).toBe('502 3605');
  });

  it('tries again while the condition holds, three times more at most', async () => {
    const config = { url: `${origin}/failing`, retry_condition: 'last_attempt.res.status_code == 503' };
    failures = 2;
    expect((await ask(config)).result).toMatchObject({ res: { status_code: 200n }, error: { code: '' } });
    expect(asked.length).toBe(3);
    failures = 100;
    expect((await ask(config)).result).toMatchObject({ res: { status_code: 503n } });
    expect(asked.length).toBe(4);
  });

  it('follows redirects only when told to, and never more', async () => {
    expect((await ask({ url: `${origin}/redirect` })).result).toMatchObject({
      res: { status_code: 302n },
      error: { code: '' },
    });
    expect((await ask({ url: `${origin}/redirect`, max_redirects: 2 })).result).toMatchObject({
      res: { status_code: 200n },
    });
  });

  it('is bounded in size and time', async () => {
    expect((await ask({ url: `${origin}/large`, on_error: 'halt' })).seen).toBe('502 3601');
    expect((await ask({ url: `${origin}/slow`, timeout: '1s', on_error: 'halt' })).seen).toBe('504 3602');
  });
});
