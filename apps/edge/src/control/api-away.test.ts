import { dirname } from 'node:path';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { StreamType } from '@portico/protocol';
import { createLogger } from '@portico/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../config.ts';
import { startEdge } from '../edge.ts';
import { errorCode, RawAgent, type RawAgentOptions, serveHttp } from '../testing/raw-agent.util.ts';
import { eventually, visit } from '../testing/visit.util.ts';

let env: DevEnv;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  env = await startDevEnv({ edgeLimits: { leaseTtlS: 1, reconcileMs: 500, usageReportMs: 50 } });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await env.close();
});

async function dial(options: Partial<RawAgentOptions> = {}): Promise<RawAgent> {
  const agent = await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca, ...options });
  cleanups.push(() => agent.close());
  return agent;
}

const endpointsOfApi = async (): Promise<string[]> => {
  const response = await fetch(`${env.api.publicUrl}/endpoints`, {
    headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2' },
  });
  const list = (await response.json()) as { endpoints: { public_url: string }[] };
  return list.endpoints.map(({ public_url }) => public_url);
};

describe('while the API is away', () => {
  it('serves what it knows: visitors, agents that come back, and their endpoints', async () => {
    const host = `known.${env.baseDomain}`;
    const first = await dial({ onStream: serveHttp('first') });
    await first.auth(env.authtoken);
    const bound = await first.bind('https', { Domain: host });
    const labels = { Labels: { app: 'known' }, ForwardsTo: '', ForwardsProto: '', Metadata: '' };
    expect((await first.call(StreamType.startTunnelWithLabel, labels)).Error).toBe('');
    await env.stopApi();
    expect((await visit(env, host)).text).toBe('first GET / HTTP/1.1');
    first.close();
    const second = (await dial({ onStream: serveHttp('second') })).resume(first);
    expect((await second.auth(env.authtoken)).ClientId).toBe(first.clientId);
    expect((await second.rebind(bound)).Error).toBe('');
    // It is known by nothing but that its client came back.
    expect((await second.call(StreamType.startTunnelWithLabel, labels)).Error).toBe('');
    expect((await visit(env, host)).text).toBe('second GET / HTTP/1.1');
  });

  it('refuses new names with 503, and at once', async () => {
    const agent = await dial();
    await agent.auth(env.authtoken);
    await env.stopApi();
    const from = performance.now();
    const answer = await agent.bind('https', { Domain: `new.${env.baseDomain}` });
    expect(errorCode(answer)).toBe('ERR_NGROK_503');
    expect(performance.now() - from).toBeLessThan(4_000);
  });

  it('lets an agent wait whose token it does not know, until the API says yes', async () => {
    await env.stopApi();
    const agent = await dial();
    let answered = false;
    const greeted = agent.auth(env.authtoken).then((answer) => {
      answered = true;
      return answer;
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(answered).toBe(false);
    await env.resumeApi();
    expect((await greeted).Error).toBe('');
  });
});

describe('a grant', () => {
  it('serves without the API for its life, and no longer', async () => {
    const short = await startDevEnv({ edgeLimits: { grantLifeMs: 700 } });
    try {
      const join = async () => {
        const agent = await RawAgent.dial({ port: short.edge.connectPort, ca: short.ca });
        cleanups.push(() => agent.close());
        return agent.auth(short.authtoken);
      };
      expect((await join()).Error).toBe('');
      await short.stopApi();
      expect((await join()).Error).toBe('');
      await new Promise((resolve) => setTimeout(resolve, 800));
      let answered = false;
      const waiting = join().then((answer) => {
        answered = true;
        return answer;
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(answered).toBe(false);
      await short.resumeApi();
      expect((await waiting).Error).toBe('');
    } finally {
      await short.close();
    }
  });
});

describe('when the API is back', () => {
  it('puts everything that is online into its empty registry again', async () => {
    const agent = await dial({ onStream: serveHttp('agent') });
    await agent.auth(env.authtoken);
    const host = `back.${env.baseDomain}`;
    const bound = await agent.bind('https', { Domain: host });
    await eventually(endpointsOfApi, (urls) => urls.includes(String(bound.URL)));
    await env.stopApi();
    await env.resumeApi();
    await eventually(endpointsOfApi, (urls) => urls.includes(String(bound.URL)));
    expect((await visit(env, host)).text).toBe('agent GET / HTTP/1.1');
    // New names are possible again as soon as there is a lease.
    expect((await agent.bind('https', { Domain: `more.${env.baseDomain}` })).Error).toBe('');
  });

  it('hands over what was counted meanwhile, once', async () => {
    const agent = await dial({ onStream: serveHttp('counted') });
    await agent.auth(env.authtoken);
    const host = `counted.${env.baseDomain}`;
    await agent.bind('https', { Domain: host });
    await env.stopApi();
    for (let i = 0; i < 5; i += 1) await visit(env, host);
    await eventually(
      async () => env.edge.metrics.value('portico_usage_rows_pending'),
      (rows) => rows > 0,
    );
    await env.resumeApi();
    await eventually(
      async () => env.edge.metrics.value('portico_usage_rows_pending'),
      (rows) => rows === 0,
    );
  });

  it('cuts sessions whose token was revoked while this edge could not hear of it', async () => {
    const response = await fetch(`${env.api.publicUrl}/credentials`, {
      method: 'POST',
      headers: { authorization: `Bearer ${env.apiKey}`, 'content-type': 'application/json', 'ngrok-version': '2' },
      body: JSON.stringify({ description: 'x' }),
    });
    const made = (await response.json()) as { id: string; token: string };
    const agent = await dial();
    expect((await agent.auth(made.token)).Error).toBe('');
    await env.stopApi();
    await env.resumeApi();
    // The edge reconnects with a pause; the revocation falls into it or comes by the stream. Either way it must arrive.
    await fetch(`${env.api.publicUrl}/credentials/${made.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2' },
    });
    const end = await agent.ended;
    expect(end.message).toContain('revoked');
  });
});

describe('an edge that starts without the API', () => {
  it('keeps agents waiting instead of refusing them', async () => {
    const folder = dirname(env.caFile);
    await env.stopApi();
    const config = readConfig({
      PORTICO_DATA_DIR: folder,
      PORTICO_NODE_ID: 'second/0',
      PORTICO_INTERNAL_URL: env.api.internalUrl,
      PORTICO_HTTP_PORT: '0',
      PORTICO_HTTPS_PORT: '0',
      PORTICO_CONNECT_PORT: '0',
      PORTICO_TCP_PORTS: '0',
    });
    const edge = await startEdge(config, { log: createLogger({ name: 'test', level: 'silent' }) });
    cleanups.push(() => edge.close());
    let arrived = false;
    const agent = RawAgent.dial({ port: edge.connectPort, ca: env.ca }).then((dialled) => {
      arrived = true;
      cleanups.push(() => dialled.close());
      return dialled;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(arrived).toBe(false);
    await env.resumeApi();
    expect((await (await agent).auth(env.authtoken)).Error).toBe('');
  });
});
