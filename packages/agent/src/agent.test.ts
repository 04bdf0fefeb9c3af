import { afterEach, describe, expect, it } from 'vitest';
import { type Agent, type AgentOptions, type AgentState, connectAgent } from './agent.ts';
import { AgentError } from './agent-error.ts';
import {
  ConnectServer,
  deadPort,
  errorText,
  forgetTokens,
  makeChain,
  startRelay,
  startUpstream,
} from './testing/connect-server.util.ts';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function startServer(options: Parameters<typeof ConnectServer.start>[0] = {}): Promise<ConnectServer> {
  const server = await ConnectServer.start(options);
  cleanups.push(() => server.close());
  return server;
}

function startAgent(server: ConnectServer, options: Partial<AgentOptions> = {}): Agent {
  const agent = connectAgent({
    connectUrl: server.connectUrl,
    ca: server.caPem,
    authtoken: 'tok',
    backoff: { firstMs: 20, capMs: 100 },
    ...options,
  });
  cleanups.push(() => agent.close());
  return agent;
}

function stateOf<K extends AgentState['kind']>(
  agent: Agent,
  kind: K,
  timeoutMs = 15_000,
): Promise<Extract<AgentState, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`not ${kind} but ${agent.state.kind} after ${timeoutMs} ms`)),
      timeoutMs,
    );
    const look = (state: AgentState): void => {
      if (!isState(state, kind)) return;
      clearTimeout(timer);
      agent.off('state', look);
      resolve(state);
    };
    agent.on('state', look);
    look(agent.state);
  });
}

function isState<K extends AgentState['kind']>(state: AgentState, kind: K): state is Extract<AgentState, { kind: K }> {
  return state.kind === kind;
}

const echo = () => startUpstream((socket) => socket.pipe(socket));

describe('an agent that connects', () => {
  it('tells who it is, what it can do, and opens an endpoint that carries bytes', async () => {
    const upstream = await echo();
    cleanups.push(upstream.close);
    const server = await startServer();
    const agent = startAgent(server, { metadata: 'm', version: '1.2.3' });
    const endpoint = await agent.forward({ proto: 'http', subdomain: 'demo', name: 'web', upstream: upstream.address });
    expect(endpoint.url).toBe('https://demo.portico.test');
    expect(agent.state).toMatchObject({ kind: 'online', session: { accountName: 'Harbour Labs', region: 'test-1' } });

    const [auth] = server.auths;
    expect(auth).toMatchObject({
      versions: ['3', '2'],
      clientId: '',
      token: 'tok',
      metadata: 'm',
      agentVersion: '1.2.3',
      heartbeatIntervalMs: 10_000,
      heartbeatToleranceMs: 15_000,
      stop: { kind: 'supported' },
      portico: { v: 1, open: true },
    });
    const bind = server.live?.bindRequests[0];
    expect(bind).toMatchObject({ id: '', proto: 'https', name: 'web', forwardsTo: `http://${upstream.address}` });
    expect(bind?.rawOpts).toMatchObject({ Subdomain: 'demo', URL: '', ProxyProto: 0, TrafficPolicy: null });

    const visitor = server.live?.visit({ first: 'hello' });
    await visitor?.saw('hello');
    visitor?.stream.end();
    expect((await visitor?.ended)?.toString()).toBe('hello');
  });

  it('keeps trying while nobody listens, and is online when somebody does', async () => {
    const server = await startServer();
    const port = await server.down();
    const agent = startAgent(server, { connectUrl: `localhost:${port}` });
    const opening = agent.forward({ proto: 'http', upstream: '1' });
    const waiting = await stateOf(agent, 'reconnecting');
    expect(waiting.reason).toContain('refuses connections');
    await server.listen(port);
    const endpoint = await opening;
    expect(endpoint.isOnline).toBe(true);
  });

  it('waits for an answer to Auth that the server holds back', async () => {
    let release = (): void => {};
    const held = new Promise<null>((resolve) => {
      release = () => resolve(null);
    });
    const server = await startServer({ refuseAuth: () => held });
    const agent = startAgent(server);
    await server.until(() => server.auths.length === 1);
    expect(agent.state.kind).toBe('connecting');
    release();
    await stateOf(agent, 'online');
  });

  it.each([
    ['the token is unknown', errorText(107, { token: 'x' }), 'ERR_NGROK_107'],
    ['the token is malformed', errorText(105, { token: 'x' }), 'ERR_NGROK_105'],
    ['the token was revoked', errorText(300, { token: 'x' }), 'ERR_NGROK_300'],
    ['there are too many sessions', errorText(108, { limit: 1, count: 1 }), 'ERR_NGROK_108'],
    ['the server gives no code', 'no', null],
  ])('stops with the code when %s', async (_case, text, code) => {
    const server = await startServer({ refuseAuth: () => text });
    const agent = startAgent(server);
    const opening = agent.forward({ proto: 'http', upstream: '1' });
    await expect(opening).rejects.toMatchObject({ kind: 'refused', code });
    expect((await stateOf(agent, 'stopped')).error).toMatchObject({ code });
    expect(server.auths).toHaveLength(1);
  });

  it('keeps trying when the server is broken or not ready', async () => {
    const server = await startServer({
      refuseAuth: (_auth, count) =>
        count < 3 ? errorText(count === 1 ? 503 : 500, { what: 'a', seconds: 1, id: 'x' }) : null,
    });
    const agent = startAgent(server);
    await stateOf(agent, 'online');
    expect(server.auths).toHaveLength(3);
  });

  it('stops at a server whose CA it does not know, before it says anything', async () => {
    const server = await startServer();
    const { caPem } = await makeChain(['localhost']);
    const agent = startAgent(server, { ca: caPem });
    const { error } = await stateOf(agent, 'stopped');
    expect(error).toMatchObject({ kind: 'untrusted' });
    expect(error?.message).toContain('--ca-sha256');
    expect(server.auths).toHaveLength(0);
  });

  it('stops at a server with the certificate of another name', async () => {
    const server = await startServer({ names: ['other.portico.test'] });
    const agent = startAgent(server);
    expect((await stateOf(agent, 'stopped')).error?.message).toContain('not for this name');
  });

  it('stops at a port that speaks no TLS', async () => {
    const upstream = await startUpstream((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    cleanups.push(upstream.close);
    const server = await startServer();
    const agent = startAgent(server, { connectUrl: `localhost:${upstream.port}` });
    expect((await stateOf(agent, 'stopped')).error).toMatchObject({ kind: 'protocol' });
  });

  it('refuses what cannot be without asking anybody', async () => {
    const server = await startServer();
    expect(() => startAgent(server, { connectUrl: 'no host' })).toThrow('Accepted: host:port');
    expect(() => startAgent(server, { authtoken: '' })).toThrow(AgentError);
    const agent = startAgent(server);
    await expect(agent.forward({ proto: 'http', url: 'tcp://x:1', upstream: '1' })).rejects.toMatchObject({
      code: 'ERR_NGROK_330',
    });
    await expect(agent.forward({ proto: 'http', upstream: 'nonsense address' })).rejects.toMatchObject({
      kind: 'usage',
    });
  });
});

describe('an endpoint', () => {
  it.each([
    ['the name is taken', errorText(334, { url: 'u' }), 'ERR_NGROK_334'],
    ['the domain belongs to another account', errorText(320, { host: 'h' }), 'ERR_NGROK_320'],
    ['the token does not allow it', errorText(308, { name: 'n', allowed: 'a' }), 'ERR_NGROK_308'],
    ['an option is not supported', errorText(310, { option: 'o' }), 'ERR_NGROK_310'],
  ])('fails with the code at its first bind when %s, and leaves the agent online', async (_case, text, code) => {
    const server = await startServer({ refuseBind: (bind) => (bind.name === 'bad' ? text : null) });
    const agent = startAgent(server);
    await agent.forward({ proto: 'http', name: 'good', upstream: '1' });
    await expect(agent.forward({ proto: 'http', name: 'bad', upstream: '1' })).rejects.toMatchObject({ code });
    expect(agent.state.kind).toBe('online');
    expect(agent.endpoints.map((each) => each.name)).toEqual(['good']);
  });

  it('tries again while the server cannot answer for the moment', async () => {
    let tries = 0;
    const server = await startServer({
      refuseBind: () => {
        tries += 1;
        return tries < 3 ? errorText(503, { what: 'a', seconds: 1 }) : null;
      },
    });
    const agent = startAgent(server);
    await agent.forward({ proto: 'http', upstream: '1' });
    expect(tries).toBe(3);
  });

  it('gives its name back when it is closed', async () => {
    const server = await startServer();
    const agent = startAgent(server);
    const endpoint = await agent.forward({ proto: 'http', upstream: '1' });
    const id = server.live?.bindId;
    await endpoint.close();
    expect(server.live?.unbound).toEqual([id]);
    expect(agent.endpoints).toHaveLength(0);
    expect(agent.state.kind).toBe('online');
  });

  it('gives its name back when it was closed before the answer came', async () => {
    let release = (): void => {};
    const held = new Promise<null>((resolve) => {
      release = () => resolve(null);
    });
    const server = await startServer({ refuseBind: () => held });
    const agent = startAgent(server);
    const opening = agent.forward({ proto: 'http', upstream: '1' });
    opening.catch(() => {});
    await server.until(() => server.live?.bindRequests.length === 1);
    await agent.endpoints[0]?.close();
    await expect(opening).rejects.toMatchObject({ kind: 'closed' });
    release();
    await server.until(() => server.live?.unbound.length === 1);
  });

  it('ends with the reason when the server stops it', async () => {
    const server = await startServer();
    const agent = startAgent(server);
    const endpoint = await agent.forward({ proto: 'http', upstream: '1' });
    const over = new Promise((resolve) => agent.once('offline', (_endpoint, end) => resolve(end)));
    server.live?.stopTunnel(server.live.bindId, 'stopped by ana', 'ERR_NGROK_309');
    expect(await over).toMatchObject({
      kind: 'stopped-by-server',
      error: { message: 'stopped by ana', code: 'ERR_NGROK_309' },
    });
    expect(endpoint.isOnline).toBe(false);
  });

  it('serves visitors that come in one breath with the answer to its bind', async () => {
    const upstream = await echo();
    cleanups.push(upstream.close);
    const answers: Promise<void>[] = [];
    const server = await startServer({
      onBound: (session, bindId) => {
        for (const kind of ['open', 'proxy'] as const)
          answers.push(session.visit({ bindId, kind, first: 'early' }).saw('early'));
      },
    });
    const agent = startAgent(server);
    await agent.forward({ proto: 'http', upstream: upstream.address });
    expect(answers).toHaveLength(2);
    await Promise.all(answers);
  });
});

describe('an agent that loses its session', () => {
  it('comes back with its keys, and its endpoints under the same URLs', async () => {
    const upstream = await echo();
    cleanups.push(upstream.close);
    const server = await startServer();
    const agent = startAgent(server);
    const random = await agent.forward({ proto: 'http', name: 'a', upstream: upstream.address });
    const port = await agent.forward({ proto: 'tcp', name: 'b', upstream: upstream.address });
    const urls = [random.url, port.url];
    const first = server.live;
    const bindIds = [...(first?.binds.keys() ?? [])];
    const again = new Promise<void>((resolve) => {
      let count = 0;
      agent.on('online', (_endpoint, isAgain) => {
        if (!isAgain) return;
        count += 1;
        if (count === 2) resolve();
      });
    });
    server.cut();
    await again;
    expect([random.url, port.url]).toEqual(urls);
    expect(server.auths[1]).toMatchObject({
      clientId: expect.stringMatching(/.+/),
      cookie: expect.stringMatching(/^cookie-of-/),
    });
    const second = server.live;
    expect(second).not.toBe(first);
    for (const bind of second?.bindRequests ?? []) {
      expect(bindIds).toContain(bind.id);
      expect(bind.token).toBe(`token-${bind.id}`);
      // The server's copy of the options comes back, its resolved name included.
      expect(Object.values(bind.rawOpts)).toContain(
        (bind.proto === 'tcp' ? port.url : random.url).replace(/^\w+:\/\//, ''),
      );
    }
    await second?.visit({ first: 'again' }).saw('again');
  });

  it('notices silence by lost heartbeats, on a network that drops everything', async () => {
    const server = await startServer();
    const relay = await startRelay(server.port);
    cleanups.push(relay.close);
    const agent = startAgent(server, {
      connectUrl: `localhost:${relay.port}`,
      heartbeat: { intervalMs: 100, toleranceMs: 150 },
    });
    await agent.forward({ proto: 'http', upstream: '1' });
    relay.freeze();
    const lost = await stateOf(agent, 'reconnecting', 5000);
    expect(lost.reason).toContain('heartbeats');
    await stateOf(agent, 'online');
    await server.until(() => server.live !== undefined && server.live.binds.size === 1);
  });

  it('keeps going through a long outage, however often it fails', async () => {
    const server = await startServer();
    const agent = startAgent(server, { backoff: { firstMs: 1, capMs: 4 } });
    const endpoint = await agent.forward({ proto: 'http', upstream: '1' });
    const { url } = endpoint;
    const port = await server.down();
    let failures = 0;
    await new Promise<void>((resolve) => {
      agent.on('state', (state) => {
        if (state.kind !== 'reconnecting') return;
        failures += 1;
        if (failures === 50) resolve();
      });
    });
    await server.listen(port);
    await stateOf(agent, 'online');
    await server.until(() => server.live?.binds.size === 1);
    expect(endpoint.url).toBe(url);
  });

  it('is not driven away by a name that its own half-dead session still holds', async () => {
    let refusals = 2;
    const server = await startServer({
      refuseBind: (bind) => {
        if (bind.id === '') return null;
        refusals -= 1;
        return refusals >= 0 ? errorText(334, { url: 'u' }) : null;
      },
    });
    const agent = startAgent(server);
    await agent.forward({ proto: 'http', upstream: '1' });
    const again = new Promise((resolve) => agent.on('online', (_endpoint, isAgain) => isAgain && resolve(true)));
    server.cut();
    await again;
    expect(refusals).toBe(-1);
  });

  it('asks for its name without a token when the server no longer knows the token', async () => {
    const server = await startServer({
      refuseBind: (bind) => (bind.token !== '' ? errorText(335, { id: 'x' }) : null),
      urlOf: (bind) =>
        typeof bind.rawOpts.URL === 'string' && bind.rawOpts.URL !== '' ? bind.rawOpts.URL : 'https://abc.portico.test',
    });
    const agent = startAgent(server);
    const endpoint = await agent.forward({ proto: 'http', upstream: '1' });
    const again = new Promise((resolve) => agent.on('online', (_endpoint, isAgain) => isAgain && resolve(true)));
    forgetTokens();
    server.cut();
    await again;
    expect(endpoint.url).toBe('https://abc.portico.test');
    const last = server.live?.bindRequests.at(-1);
    expect(last).toMatchObject({ id: '', token: '' });
    expect(last?.rawOpts.URL).toBe('https://abc.portico.test');
  });

  it('drops keys that the server refuses', async () => {
    const server = await startServer({ refuseAuth: (auth) => (auth.cookie === '' ? null : errorText(110)) });
    const agent = startAgent(server);
    await stateOf(agent, 'online');
    server.cut();
    await stateOf(agent, 'reconnecting');
    await stateOf(agent, 'online');
    expect(server.auths.at(-1)).toMatchObject({ clientId: '', cookie: '' });
  });

  it('ends when its token was revoked meanwhile', async () => {
    let revoked = false;
    const server = await startServer({ refuseAuth: () => (revoked ? errorText(300, { token: 'x' }) : null) });
    const agent = startAgent(server);
    await stateOf(agent, 'online');
    revoked = true;
    server.cut();
    expect((await stateOf(agent, 'stopped')).error).toMatchObject({ code: 'ERR_NGROK_300' });
    expect(server.auths).toHaveLength(2);
  });

  it('waits a certificate problem out that it did not have at first', async () => {
    const server = await startServer();
    const agent = startAgent(server);
    await stateOf(agent, 'online');
    const port = await server.down();
    const impostor = await startServer({ port });
    const waiting = await stateOf(agent, 'reconnecting');
    expect(waiting.attempt).toBeGreaterThan(0);
    await impostor.until(() => impostor.accepted > 2);
    expect(impostor.auths).toHaveLength(0);
    await impostor.close();
    await server.listen(port);
    await stateOf(agent, 'online');
  });
});

describe('an agent that is told to', () => {
  it('stop gives everything back and ends without error', async () => {
    const server = await startServer();
    const agent = startAgent(server);
    await agent.forward({ proto: 'http', upstream: '1' });
    const session = server.live;
    expect(await session?.command(5, {})).toEqual({});
    expect((await stateOf(agent, 'stopped')).error).toBeNull();
    expect(session?.unbound).toHaveLength(1);
  });

  it('restart moves to a new session and finishes what the old one carries', async () => {
    const upstream = await echo();
    cleanups.push(upstream.close);
    const server = await startServer();
    const agent = startAgent(server);
    await agent.forward({ proto: 'http', upstream: upstream.address });
    const old = server.live;
    const visitor = old?.visit({ first: 'one' });
    await visitor?.saw('one');
    expect(await old?.command(4, {})).toEqual({});
    const next = await server.until(() =>
      server.sessions.find((session) => session !== old && session.binds.size === 1),
    );
    visitor?.write('two');
    await visitor?.saw('two');
    await next.visit({ first: 'new' }).saw('new');
    // A visitor that the server sent before it heard of the new session is served too.
    await old?.visit({ first: 'late' }).saw('late');
  });

  it('update refuses', async () => {
    const server = await startServer();
    const agent = startAgent(server);
    await stateOf(agent, 'online');
    expect(await server.live?.command(6, { Version: '2', PermitMajorVersion: false })).toMatchObject({
      Error: expect.stringContaining('updated by'),
    });
  });
});

describe('closing an agent', () => {
  it('unbinds, says good-bye and resolves', async () => {
    const server = await startServer();
    const agent = startAgent(server);
    await agent.forward({ proto: 'http', upstream: '1' });
    const session = server.live;
    await agent.close();
    expect(agent.state).toEqual({ kind: 'stopped', error: null });
    await server.until(() => session?.end);
    expect(session?.unbound).toHaveLength(1);
    expect(session?.end).toMatchObject({ kind: 'go-away', code: 0 });
  });

  it('lets what is in flight finish, within its grace', async () => {
    const upstream = await startUpstream((socket) => {
      socket.on('data', () => setTimeout(() => socket.end('slow answer'), 300));
    });
    cleanups.push(upstream.close);
    const server = await startServer();
    const agent = startAgent(server);
    await agent.forward({ proto: 'http', upstream: upstream.address });
    const visitor = server.live?.visit({ first: 'ask' });
    await visitor?.replied;
    visitor?.stream.end();
    await agent.close({ graceMs: 10_000 });
    expect((await visitor?.ended)?.toString()).toBe('slow answer');
  });

  it('does not wait for quiet streams when told so, nor longer than its signal allows', async () => {
    const upstream = await startUpstream((socket) => socket.write('hello'));
    cleanups.push(upstream.close);
    const server = await startServer();
    for (const [options, hurry] of [
      [{ graceMs: 60_000, quietMs: 50 }, false],
      [{ graceMs: 60_000 }, true],
    ] as const) {
      const agent = startAgent(server);
      await agent.forward({ proto: 'http', upstream: upstream.address });
      const session = await server.until(() => server.live);
      const visitor = session.visit();
      await visitor.saw('hello');
      const controller = new AbortController();
      if (hurry) setTimeout(() => controller.abort(), 100);
      await agent.close({ ...options, signal: controller.signal });
      expect(agent.state.kind).toBe('stopped');
      expect(await visitor.over).not.toBe('ended');
      await server.until(() => session.end);
    }
  });

  it('ends calls that are waiting, also while it dials or reconnects', async () => {
    const server = await startServer();
    const port = await deadPort();
    const agent = startAgent(server, { connectUrl: `localhost:${port}` });
    const opening = agent.forward({ proto: 'http', upstream: '1' });
    opening.catch(() => {});
    await stateOf(agent, 'reconnecting');
    await agent.close();
    await expect(opening).rejects.toMatchObject({ kind: 'closed' });
    await expect(agent.forward({ proto: 'http', upstream: '1' })).rejects.toMatchObject({ kind: 'closed' });
  });
});
