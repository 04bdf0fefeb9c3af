import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import type { MuxStream } from '@portico/muxado';
import { type ProxyHeader, ProxyHeaderReader, StreamType } from '@portico/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { errorCode, RawAgent, type RawAgentOptions, serveHttp } from '../testing/raw-agent.util.ts';
import { eventually, visit } from '../testing/visit.util.ts';

let env: DevEnv;
const agents: RawAgent[] = [];

beforeAll(async () => {
  env = await startDevEnv({ edgeLimits: { probeTimeoutMs: 500 } });
});
afterEach(() => {
  for (const agent of agents.splice(0)) agent.close();
});
afterAll(() => env.close());

async function dial(options: Partial<RawAgentOptions> = {}): Promise<RawAgent> {
  const agent = await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca, ...options });
  agents.push(agent);
  return agent;
}

/** An agent that is in. */
async function join(options: Partial<RawAgentOptions> = {}): Promise<RawAgent> {
  const agent = await dial(options);
  const answer = await agent.auth(env.authtoken);
  expect(answer.Error).toBe('');
  return agent;
}

const get = (host: string, path?: string) => visit(env, host, path);

let names = 0;
const newHost = () => {
  names += 1;
  return `t${names}.${env.baseDomain}`;
};

/** POST with a body: what must never be done twice. */
const post = (host: string, body: string) =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sent = httpsRequest(
      {
        host: '127.0.0.1',
        port: env.https.port,
        servername: host,
        ca: env.ca,
        method: 'POST',
        headers: { host },
        agent: false,
      },
      async (response) => resolve({ status: response.statusCode ?? 0, text: await text(response) }),
    );
    sent.on('error', reject);
    sent.end(body);
  });

describe('a stock agent whose queue of new streams is full', () => {
  it('gets a request again that it turned away unread, a POST too', async () => {
    let opened = 0;
    const agent = await join({
      dialect: 'go',
      onStream: (stream, type) => {
        if (type === StreamType.proxy) opened += 1;
        if (opened === 1) stream.reset(9);
        else serveHttp('second')(stream, type);
      },
    });
    const host = newHost();
    await agent.bind('https', { URL: `https://${host}` });
    expect(await post(host, 'once')).toEqual({ status: 200, text: 'second POST / HTTP/1.1' });
    expect(opened).toBe(2);
  });

  it('never has more than 100 streams to take', async () => {
    const waiting: MuxStream[] = [];
    const agent = await join({ dialect: 'go', onStream: (stream) => waiting.push(stream) });
    const host = newHost();
    await agent.bind('https', { URL: `https://${host}` });
    const answers = Array.from({ length: 120 }, () => get(host));
    await eventually(
      async () => waiting.length,
      (count) => count >= 100,
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(waiting).toHaveLength(100);
    for (let at = 0; at < 120; at += 1) {
      await eventually(
        async () => waiting.length,
        (count) => count > at,
      );
      const stream = waiting[at];
      if (stream !== undefined) serveHttp('late')(stream, StreamType.proxy);
    }
    expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]));
  });
});

describe.each(['rust', 'go'] as const)('an agent that speaks as the %s client', (dialect) => {
  it('is greeted with every field that the client needs', async () => {
    const agent = await dial({ dialect });
    const answer = await agent.auth(env.authtoken);
    expect(answer).toMatchObject({ Version: '3', Error: '' });
    expect(String(answer.ClientId)).toMatch(/^[0-9a-f]{32}$/);
    expect(answer.Extra).toMatchObject({
      Region: 'local',
      SessionDuration: 0,
      Banner: '',
      Cookie: expect.stringMatching(/^v1\./),
      AgentSessionID: expect.stringMatching(/^ts_/),
    });
    expect(answer.Extra).not.toHaveProperty('Portico');
  });

  it('serves a host that visitors reach, until it unbinds it, twice', async () => {
    const headers: ProxyHeader[] = [];
    const agent = await join({ dialect, onStream: serveHttp('one', headers) });
    const host = newHost();
    const bound = await agent.bind('https', dialect === 'go' ? { URL: `https://${host}` } : { Domain: host });
    expect(bound).toMatchObject({ Error: '', URL: `https://${host}:${env.https.port}`, Proto: 'https' });
    expect(bound.Opts).toMatchObject({ Hostname: host });
    expect(bound.Extra).toMatchObject({ TunnelID: expect.stringMatching(/^ep_/) });
    expect(await get(host, '/a')).toEqual({ status: 200, text: 'one GET /a HTTP/1.1' });
    expect(headers[0]).toMatchObject({ id: bound.Id, proto: 'https', edgeType: '0', passthroughTls: false });
    expect(headers[0]?.clientAddr).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await agent.unbind(bound.Id)).toEqual({ Error: '', Extra: null });
    expect((await get(host)).status).toBe(404);
    expect(await agent.unbind(bound.Id)).toEqual({ Error: '', Extra: null });
    expect(await agent.unbind('never bound')).toEqual({ Error: '', Extra: null });
  });

  it('gets the same URL back after a reconnect, with the same endpoint id', async () => {
    const first = await join({ dialect, onStream: serveHttp('first') });
    const bound = await first.bind('https', dialect === 'go' ? { URL: 'https://' } : {});
    const host = String((bound.Opts as { Hostname: string }).Hostname);
    first.close();
    const second = (await dial({ dialect, onStream: serveHttp('second') })).resume(first);
    const greeted = await second.auth(env.authtoken);
    expect(greeted.ClientId).toBe(first.clientId === '' ? undefined : first.clientId);
    const again = await second.rebind(bound);
    expect(again).toMatchObject({ Error: '', Id: bound.Id, URL: bound.URL });
    expect((again.Extra as { TunnelID: string }).TunnelID).toBe((bound.Extra as { TunnelID: string }).TunnelID);
    expect((await get(host)).text).toBe('second GET / HTTP/1.1');
  });
});

describe('Auth', () => {
  it.each([
    ['malformed', () => 'not-a-token', 'ERR_NGROK_105'],
    ['unknown', () => `${env.authtoken.slice(0, -4)}zzzz`, /ERR_NGROK_10[57]/],
  ])('refuses a %s token with its code on a line of its own, and closes', async (_what, token, code) => {
    const agent = await dial();
    const answer = await agent.auth(token());
    expect(answer).toMatchObject({ Version: '', ClientId: '', Extra: {} });
    expect(errorCode(answer)).toMatch(code);
    const end = await agent.ended;
    expect(['go-away', 'peer-closed']).toContain(end.kind);
  });

  it('refuses protocol versions that it does not speak, and heartbeats that cannot be', async () => {
    const old = await dial();
    const request = old.authRequest(env.authtoken);
    expect(errorCode(await old.call(StreamType.auth, { ...request, Version: ['2'] }))).toBe('ERR_NGROK_121');
    const fast = await dial();
    expect(errorCode(await fast.auth(env.authtoken, { HeartbeatInterval: 1_000 }))).toBe('ERR_NGROK_111');
    const slow = await dial();
    expect(errorCode(await slow.auth(env.authtoken, { HeartbeatTolerance: 9e15 }))).toBe('ERR_NGROK_112');
  });

  it('answers SrvInfo before Auth, and nothing else', async () => {
    const agent = await dial({ dialect: 'go' });
    expect(await agent.call(StreamType.srvInfo, {})).toEqual({ Region: 'local' });
    expect(errorCode(await agent.bind('https'))).toBe('ERR_NGROK_109');
    await agent.ended;
  });

  it('keeps a client id only with its cookie', async () => {
    const first = await join();
    const stranger = await dial();
    stranger.clientId = first.clientId;
    const answer = await stranger.auth(env.authtoken);
    expect(answer.Error).toBe('');
    expect(answer.ClientId).not.toBe(first.clientId);
    const forged = await dial();
    forged.clientId = first.clientId;
    forged.cookie = `${first.cookie.slice(0, -8)}AAAAAAAA`;
    expect((await forged.auth(env.authtoken)).ClientId).not.toBe(first.clientId);
  });

  it('ends a connection that says nothing', async () => {
    const short = await startDevEnv({ edgeLimits: { authTimeoutMs: 200 } });
    try {
      const agent = await RawAgent.dial({ port: short.edge.connectPort, ca: short.ca });
      const end = await agent.ended;
      expect(end).toMatchObject({ kind: 'go-away' });
      await eventually(
        async () => short.edge.metrics.value('portico_agents_unauthenticated'),
        (count) => count === 0,
      );
    } finally {
      await short.close();
    }
  });

  it('slows an address down that tries bad tokens, loopback too when told so', async () => {
    const strict = await startDevEnv({ edgeLimits: { failedTokensPerMinute: 2, rateLimitLoopback: true } });
    try {
      const codes: (string | null)[] = [];
      for (let i = 0; i < 3; i += 1) {
        const agent = await RawAgent.dial({ port: strict.edge.connectPort, ca: strict.ca });
        codes.push(errorCode(await agent.auth('bad')));
        agent.close();
      }
      expect(codes).toEqual(['ERR_NGROK_105', 'ERR_NGROK_105', 'ERR_NGROK_4002']);
    } finally {
      await strict.close();
    }
  });

  it('takes agents by server name on the public port', async () => {
    const agent = await dial({
      port: env.https.port,
      servername: `connect.${env.baseDomain}`,
      onStream: serveHttp('sni'),
    });
    expect((await agent.auth(env.authtoken)).Error).toBe('');
    const host = newHost();
    expect((await agent.bind('https', { Domain: host })).Error).toBe('');
    expect((await get(host)).text).toBe('sni GET / HTTP/1.1');
  });
});

describe('Bind', () => {
  it.each([
    ['an option that is not honoured', 'https', { SomethingNew: true }, 'ERR_NGROK_310'],
    [
      'basic auth with a password that is too short',
      'https',
      { BasicAuth: { credentials: [{ username: 'u', cleartext_password: 'p' }] } },
      'ERR_NGROK_2258',
    ],
    ['a policy that is none', 'https', { TrafficPolicy: 'on_http_request: [}' }, 'ERR_NGROK_2236'],
    ['a policy with an action that there is not', 'https', { TrafficPolicy: policyWith('fly') }, 'ERR_NGROK_2201'],
    ['a policy of another protocol', 'tcp', { TrafficPolicy: policyWith('deny') }, 'ERR_NGROK_2230'],
    ['an unknown protocol', 'gopher', {}, 'ERR_NGROK_332'],
    ['a name with a bad character', 'https', { Domain: 'a_b.portico.localhost' }, 'ERR_NGROK_326'],
    ['a bad subdomain', 'https', { Subdomain: 'a b' }, 'ERR_NGROK_328'],
    ['a URL of another scheme', 'https', { URL: 'tcp://a.b' }, 'ERR_NGROK_330'],
    ['a domain of nobody outside the base', 'https', { Domain: 'www.example.com' }, 'ERR_NGROK_319'],
  ])('refuses %s', async (_what, proto, opts, code) => {
    const agent = await join();
    const answer = await agent.bind(proto, opts);
    expect(errorCode(answer)).toBe(code);
    expect(answer.Id).toBe('');
  });

  it('refuses options beside Opts that it cannot honour', async () => {
    const agent = await join();
    for (const extra of [{ Bindings: ['kubernetes'] }, { IPPolicyRef: 'x' }]) {
      const wanted = agent.bindRequest('https', {});
      const answer = await agent.call(StreamType.bind, { ...wanted, Extra: { ...(wanted.Extra as object), ...extra } });
      expect(errorCode(answer)).toBe('ERR_NGROK_310');
      expect(String(answer.Error)).toContain(Object.keys(extra)[0]);
    }
  });

  it('refuses an upstream protocol that it cannot speak', async () => {
    const agent = await join();
    const answer = await agent.call(StreamType.bind, { ...agent.bindRequest('https', {}), ForwardsProto: 'http3' });
    expect(errorCode(answer)).toBe('ERR_NGROK_310');
    expect(String(answer.Error)).toContain('http3');
  });

  it('writes the PROXY header as the first bytes of a stream', async () => {
    const first = Promise.withResolvers<string>();
    const agent = await join({
      onStream: (stream, type) => {
        if (type !== StreamType.proxy) return;
        const reader = new ProxyHeaderReader();
        stream.setHandler({
          onData: (chunk) => {
            stream.ack(chunk.length);
            const head = reader.push(chunk);
            if (head.kind === 'done') first.resolve(head.rest.toString('latin1'));
            stream.end();
          },
          onEnd: () => {},
          onReset: () => {},
          onWritable: () => {},
        });
      },
    });
    const host = newHost();
    const bound = await agent.bind('https', { Domain: host, ProxyProto: 1 });
    expect(bound.Opts).toMatchObject({ ProxyProto: 1 });
    void get(host);
    expect(await first.promise).toMatch(
      new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${env.https.port}\r\nGET / HTTP/1.1\r\n`),
    );
  });

  it('shows an upstream its own name as Host when HostHeaderRewrite asks for it', async () => {
    const hostOf = (head: string) => /^host: (.*)$/im.exec(head)?.[1] ?? '';
    const agent = await join({ onStream: serveHttp('', [], hostOf) });
    const bind = (forwardsTo: string, opts: Record<string, unknown> = {}) => {
      const request = agent.bindRequest('https', { HostHeaderRewrite: true, ...opts });
      return agent.call(StreamType.bind, { ...request, ForwardsTo: forwardsTo });
    };
    const seen = async (forwardsTo: string, opts?: Record<string, unknown>) => {
      const { URL: url } = await bind(forwardsTo, opts);
      return (await visit(env, new URL(String(url)).hostname)).text;
    };
    expect(await seen('http://shop.test:3000')).toBe('shop.test:3000');
    expect(await seen('https://shop.test')).toBe('shop.test');
    expect(await seen('localhost:3000')).toBe('localhost:3000');
    expect(await seen('http://shop.test', { RequestHeaders: { add: ['host:own.test'] } })).toBe('own.test');
    // What has no host to show is not let through unchanged.
    expect(errorCode(await bind('app://machine/program?pid=7'))).toBe('ERR_NGROK_310');
  });

  it('refuses labels clearly', async () => {
    const agent = await join();
    const answer = await agent.call(StreamType.startTunnelWithLabel, {
      Labels: {},
      ForwardsTo: '',
      Metadata: '',
    });
    expect(answer.Id).toBe('');
    expect(errorCode(answer)).toBe('ERR_NGROK_310');
  });

  it('answers calls that it does not know', async () => {
    const agent = await join();
    expect(errorCode(await agent.call(77, {}))).toBe('ERR_NGROK_310');
  });

  it('gives random names, and ports for tcp', async () => {
    const agent = await join();
    const one = await agent.bind('https');
    const two = await agent.bind('https');
    expect(String(one.URL)).toMatch(/^https:\/\/[0-9a-f]{12}\.portico\.localhost:\d+$/);
    expect(one.URL).not.toBe(two.URL);
    const tcp = await agent.bind('tcp');
    expect(String(tcp.URL)).toMatch(/^tcp:\/\/localhost:\d+$/);
    expect(tcp.Opts).toMatchObject({ Addr: String(tcp.URL).slice('tcp://'.length) });
  });

  it('opens only so many endpoints on one session', async () => {
    const agent = await join();
    const bind = async (): Promise<Record<string, unknown>> => {
      for (;;) {
        const answer = await agent.bind('https');
        // On a busy machine the API may not have answered in time: the agent is told to ask again.
        if (errorCode(answer) !== 'ERR_NGROK_503') return answer;
      }
    };
    const answers: Record<string, unknown>[] = [];
    while (answers.length < 102) answers.push(...(await Promise.all(Array.from({ length: 34 }, bind))));
    const refused = answers.filter((answer) => answer.Error !== '');
    expect(refused.map(errorCode)).toEqual(['ERR_NGROK_324', 'ERR_NGROK_324']);
  });
});

describe('new binds of one session', () => {
  it('have a rate; taking back and giving up are free', async () => {
    const slow = await startDevEnv({ edgeLimits: { bindBurst: 2, bindsPerSecond: 0.001 } });
    try {
      const agent = await RawAgent.dial({ port: slow.edge.connectPort, ca: slow.ca });
      await agent.auth(slow.authtoken);
      const bound = await agent.bind('https');
      expect((await agent.bind('https')).Error).toBe('');
      const refused = await agent.bind('https');
      expect(errorCode(refused)).toBe('ERR_NGROK_349');
      expect((await agent.rebind(bound)).Error).toBe('');
      expect((await agent.unbind(bound.Id)).Error).toBe('');
      expect((await agent.rebind(bound)).Error).toBe('');
      agent.close();
    } finally {
      await slow.close();
    }
  });
});

describe('a name that is in use', () => {
  it('stays with a session of the same account that is alive', async () => {
    const holder = await join({ onStream: serveHttp('holder') });
    const host = newHost();
    await holder.bind('https', { Domain: host });
    const other = await join();
    expect(errorCode(await other.bind('https', { Domain: host }))).toBe('ERR_NGROK_334');
    expect((await get(host)).text).toBe('holder GET / HTTP/1.1');
    expect(errorCode(await holder.bind('https', { Domain: host }))).toBe('ERR_NGROK_334');
  });

  it('goes to a newcomer of the same account when its session does not answer a beat', async () => {
    const holder = await join();
    const host = newHost();
    await holder.bind('https', { Domain: host });
    holder.goSilent();
    const other = await join({ onStream: serveHttp('other') });
    expect((await other.bind('https', { Domain: host })).Error).toBe('');
    expect((await get(host)).text).toBe('other GET / HTTP/1.1');
    expect(env.edge.metrics.value('portico_sessions_ended_total', { reason: 'closed-by-us' })).toBeGreaterThan(0);
  });

  it('is taken over at once by id and token, from a session that is still half alive', async () => {
    const first = await join({ onStream: serveHttp('first') });
    const host = newHost();
    const bound = await first.bind('https', { Domain: host });
    const second = (await dial({ onStream: serveHttp('second') })).resume(first);
    await second.auth(env.authtoken);
    expect((await second.rebind(bound)).Error).toBe('');
    expect((await get(host)).text).toBe('second GET / HTTP/1.1');
    // The first one closes late: it owns nothing any more.
    first.close();
    await first.ended;
    await eventually(
      async () => env.edge.metrics.value('portico_sessions'),
      (count) => count < 3,
    );
    expect((await get(host)).text).toBe('second GET / HTTP/1.1');
    await first.ended;
  });

  it('keeps a tcp port through a takeover', async () => {
    const first = await join();
    const bound = await first.bind('tcp');
    const second = (await dial()).resume(first);
    await second.auth(env.authtoken);
    const again = await second.rebind(bound);
    expect(again).toMatchObject({ Error: '', URL: bound.URL });
    first.close();
    const third = (await dial()).resume(second);
    await third.auth(env.authtoken);
    second.close();
    await second.ended;
    expect(await third.rebind(again)).toMatchObject({ Error: '', URL: bound.URL });
  });

  it.each([
    ['a forged token', (answer: Record<string, unknown>) => ({ ...answer, Extra: { Token: 'v1.x.y.z' } })],
    ['the token of another bind', (answer: Record<string, unknown>) => ({ ...answer, Id: 'another' })],
    [
      'other options than were bound',
      (answer: Record<string, unknown>) => ({ ...answer, Opts: { ...(answer.Opts as object), ProxyProto: 2 } }),
    ],
  ])('is not given to %s', async (_what, change) => {
    const first = await join({ onStream: serveHttp('first') });
    const host = newHost();
    const bound = await first.bind('https', { Domain: host });
    const second = (await dial()).resume(first);
    await second.auth(env.authtoken);
    expect(errorCode(await second.rebind(change(bound)))).toBe('ERR_NGROK_335');
    expect((await get(host)).text).toBe('first GET / HTTP/1.1');
  });
});

describe('what the edge sends of its own accord', () => {
  it('echoes beats at once', async () => {
    const agent = await join({ beats: true });
    await eventually(
      async () => agent.mux.latencyMs,
      (latency) => latency !== null,
    );
  });

  it('cuts an agent that stops answering its beats, and its endpoints with it', async () => {
    const quick = await startDevEnv({ edgeLimits: { heartbeatIntervalMs: 100, heartbeatToleranceMs: 300 } });
    try {
      const agent = await RawAgent.dial({ port: quick.edge.connectPort, ca: quick.ca });
      await agent.auth(quick.authtoken);
      expect((await agent.bind('https')).Error).toBe('');
      const { metrics } = quick.edge;
      expect(metrics.value('portico_endpoints')).toBe(1);
      agent.goSilent();
      await eventually(
        async () => metrics.value('portico_sessions_ended_total', { reason: 'heartbeat-lost' }),
        (count) => count === 1,
      );
      expect(metrics.value('portico_endpoints')).toBe(0);
      agent.close();
    } finally {
      await quick.close();
    }
  });

  it('tells an agent that its endpoint was stopped, and routes nothing to it any more', async () => {
    const stopped = Promise.withResolvers<string>();
    const agent = await join({
      onStream: (stream: MuxStream, type) => {
        if (type !== StreamType.stopTunnel) return;
        let text = '';
        stream.setHandler({
          onData: (chunk) => {
            text += chunk.toString();
            stream.ack(chunk.length);
          },
          onEnd: () => stopped.resolve(text),
          onReset: () => {},
          onWritable: () => {},
        });
      },
    });
    const host = newHost();
    const bound = await agent.bind('https', { Domain: host });
    // The rules of its token change: it may bind nothing but one other name.
    const { credentials } = await api('GET', '/credentials');
    const own = credentials.find(
      ({ description }: { description: string }) => description === 'Made at the first start',
    );
    await api('PATCH', `/credentials/${own.id}`, { acl: [`bind:other.${env.baseDomain}`] });
    try {
      const message = JSON.parse(await stopped.promise);
      expect(message).toMatchObject({ Id: bound.Id, ErrorCode: 'ERR_NGROK_308' });
      expect((await get(host)).status).toBe(404);
      expect(errorCode(await agent.bind('https', { Domain: newHost() }))).toBe('ERR_NGROK_308');
    } finally {
      await api('PATCH', `/credentials/${own.id}`, { acl: [] });
    }
  });
});

describe('revocation', () => {
  it('cuts the sessions of a token within 5 s and refuses it from then on', async () => {
    const made = await api('POST', '/credentials', { description: 'to be revoked' });
    const agent = await dial({ onStream: serveHttp('revoked') });
    expect((await agent.auth(made.token)).Error).toBe('');
    const host = newHost();
    await agent.bind('https', { Domain: host });
    const from = performance.now();
    await api('DELETE', `/credentials/${made.id}`);
    const end = await agent.ended;
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(end.message).toContain('revoked');
    expect((await get(host)).status).toBe(404);
    const again = await dial();
    expect(errorCode(await again.auth(made.token))).toBe('ERR_NGROK_300');
  });
});

describe('what the API shows', () => {
  it('lists the session and its endpoint for as long as they are there', async () => {
    const agent = await join();
    const host = newHost();
    const bound = await agent.bind('https', { Domain: host });
    const id = (bound.Extra as { TunnelID: string }).TunnelID;
    const listed = await eventually(
      () => api('GET', '/endpoints'),
      ({ endpoints }) => endpoints.some((each: { id: string }) => each.id === id),
    );
    expect(listed.endpoints.find((each: { id: string }) => each.id === id)).toMatchObject({ public_url: bound.URL });
    agent.close();
    await eventually(
      () => api('GET', '/endpoints'),
      ({ endpoints }) => !endpoints.some((each: { id: string }) => each.id === id),
    );
  });
});

// biome-ignore lint/suspicious/noExplicitAny: answers of the REST API, whose own tests check their shape
async function api(method: string, path: string, body?: object): Promise<any> {
  const response = await fetch(`${env.api.publicUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${env.apiKey}`, 'content-type': 'application/json', 'ngrok-version': '2' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/** A policy with one action in the request phase. */
function policyWith(type: string): string {
  return JSON.stringify({ on_http_request: [{ actions: [{ type }] }] });
}
