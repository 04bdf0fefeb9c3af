import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { type Overview, overview, sessionAnswer } from '@portico/api-contract/dashboard';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawAgent } from '../testing/raw-agent.util.ts';
import { eventually, visit } from '../testing/visit.util.ts';

let env: DevEnv;
beforeAll(async () => {
  env = await startDevEnv({ edgeLimits: { usageReportMs: 50 } });
});
afterAll(() => env.close());

/** As the dashboard asks for its owner. */
async function signIn(): Promise<() => Promise<Overview>> {
  const credential = readFileSync(join(dirname(env.caFile), 'node-dashboard.credential'), 'utf8').trim();
  const headers = {
    authorization: `Bearer ${credential}`,
    origin: 'http://localhost:4020',
    'x-forwarded-host': 'localhost:4020',
    'x-forwarded-proto': 'http',
    'x-forwarded-for': '127.0.0.1',
  };
  const answer = await fetch(`${env.api.internalUrl}/dashboard/v1/session`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(env.account),
  });
  const { accounts } = sessionAnswer.parse(await answer.json());
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  return async () => {
    const view = await fetch(`${env.api.internalUrl}/dashboard/v1/overview`, {
      headers: { ...headers, cookie, 'portico-account': accounts[0]?.id ?? '' },
    });
    return overview.parse(await view.json());
  };
}

describe('what the owner sees', () => {
  it('is the address where agents dial in, also when the system chose its port', async () => {
    const look = await signIn();
    expect((await look()).connect?.address).toBe(env.connectUrl);
  });

  it.each([
    ['its host name', { Hostname: 'mira-mbp', Metadata: 'm' }, 'mira-mbp'],
    ['a short text that it gave', { Hostname: '', Metadata: 'build 7' }, 'build 7'],
    ['its type, when all it gave is data', { Hostname: '', Metadata: '{"a":1}' }, 'ngrok-javascript'],
  ])('of an agent is %s', async (_what, extra, name) => {
    const look = await signIn();
    const agent = await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca });
    await agent.auth(env.authtoken, extra);
    await eventually(look, ({ sessions }) => sessions.some(({ agentName }) => agentName === name));
    agent.close();
  });

  it('of an upstream that refuses connections is the error that visitors get', async () => {
    const look = await signIn();
    const agent = env.agent();
    const endpoint = await agent.forward({ proto: 'http', subdomain: 'down', upstream: '127.0.0.1:1' });
    expect((await visit(env, new URL(endpoint.url).hostname)).status).toBe(502);
    const view = await eventually(look, ({ endpoints }) => endpoints.some(({ upstream }) => upstream.kind === 'fails'));
    expect(view.endpoints.find(({ url }) => url === endpoint.url)?.upstream).toMatchObject({
      kind: 'fails',
      code: 8012,
    });
  });

  it('of a tcp upstream is the same', async () => {
    const look = await signIn();
    const agent = env.agent();
    const endpoint = await agent.forward({ proto: 'tcp', upstream: '127.0.0.1:1' });
    const socket = connect({ port: Number(new URL(endpoint.url).port), host: '127.0.0.1' });
    socket.on('error', () => {});
    await eventually(look, ({ endpoints }) =>
      endpoints.some(
        ({ url, upstream }) => url === endpoint.url && upstream.kind === 'fails' && upstream.code === 8012,
      ),
    );
    socket.destroy();
  });
});
