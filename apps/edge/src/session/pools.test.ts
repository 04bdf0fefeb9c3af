import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import type { MuxStream } from '@portico/muxado';
import { type ProxyHeader, StreamType } from '@portico/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { errorCode, RawAgent, serveHttp } from '../testing/raw-agent.util.ts';
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

async function join(onStream?: (stream: MuxStream, type: number) => void): Promise<RawAgent> {
  const agent = await RawAgent.dial({
    port: env.edge.connectPort,
    ca: env.ca,
    dialect: 'go',
    ...(onStream === undefined ? {} : { onStream }),
  });
  agents.push(agent);
  expect((await agent.auth(env.authtoken)).Error).toBe('');
  return agent;
}

let names = 0;
const newHost = () => {
  names += 1;
  return `pool${names}.${env.baseDomain}`;
};

type Json = Record<string, unknown>;

function bindPooled(agent: RawAgent, url: string, options: { opts?: Json; pooling?: boolean } = {}): Promise<Json> {
  const { opts = {}, pooling = true } = options;
  const request = agent.bindRequest(url.slice(0, url.indexOf(':')), { URL: url, ...opts });
  return agent.call(StreamType.bind, { ...request, Extra: { ...(request.Extra as Json), PoolingEnabled: pooling } });
}

const who = async (host: string) => (await visit(env, host)).text.split(' ')[0];
const count = (answers: readonly (string | undefined)[], name: string) =>
  answers.filter((each) => each === name).length;

async function endpointsAt(url: unknown): Promise<{ id: string; pooling_enabled: boolean; description: string }[]> {
  const response = await fetch(`${env.api.publicUrl}/endpoints?limit=100`, {
    headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2' },
  });
  const { endpoints } = (await response.json()) as { endpoints: (Json & { id: string })[] };
  return endpoints.filter((each) => each.url === url) as never;
}

async function greeting(port: number, sent = ''): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  socket.end(sent);
  return text(socket);
}

describe('the policy of an endpoint', () => {
  it('is swapped while it is online; one that is none leaves the other, and options of the bind stay', async () => {
    const host = newHost();
    const agent = await join(serveHttp('upstream'));
    const says = (body: string) =>
      JSON.stringify({ on_http_request: [{ actions: [{ type: 'custom-response', config: { body } }] }] });
    const options = { UserAgentFilter: { deny: ['^bad'] } };
    const bound = await agent.bind('https', { URL: `https://${host}`, TrafficPolicy: says('one'), ...options });
    expect((await visit(env, host)).text).toBe('one');
    const TunnelId = (bound.Extra as Json).TunnelID;
    const patch = (TrafficPolicy: string) => agent.call(StreamType.patchTunnelState, { TunnelId, TrafficPolicy });
    expect((await patch(says('two'))).Error).toBe('');
    await eventually(
      async () => (await visit(env, host)).text,
      (text) => text === 'two',
    );
    expect(errorCode(await patch('{"on_http_request": 1}'))).toMatch(/^ERR_NGROK_22\d\d$/);
    expect(errorCode(await patch(says('three').replace('custom-response', 'no-such-action')))).toMatch(/^ERR_NGROK_/);
    expect((await visit(env, host)).text).toBe('two');
    const robot = async () => (await visit(env, host, '/', { 'user-agent': 'bad robot' })).text;
    expect(await robot()).toContain('ERR_NGROK_3211');
    // None at all is a policy too.
    expect((await patch('')).Error).toBe('');
    await eventually(
      () => who(host),
      (name) => name === 'upstream',
    );
    expect(await robot()).toContain('ERR_NGROK_3211');
  });
});

describe('a pool', () => {
  it('shares what comes among its members, shows each, and goes on without one that left', async () => {
    const host = newHost();
    const [one, two] = [await join(serveHttp('one')), await join(serveHttp('two'))];
    const first = await bindPooled(one, `https://${host}`);
    const second = await bindPooled(two, `https://${host}`);
    expect([first.Error, second.Error]).toEqual(['', '']);
    expect(second.URL).toBe(first.URL);
    const answers = await Promise.all(Array.from({ length: 20 }, () => who(host)));
    expect(count(answers, 'one')).toBeGreaterThanOrEqual(5);
    expect(count(answers, 'two')).toBeGreaterThanOrEqual(5);
    const shown = await eventually(
      () => endpointsAt(first.URL),
      (list) => list.length === 2,
    );
    expect(shown.every((each) => each.pooling_enabled)).toBe(true);
    // The first one, which has the name in the registry, goes: the name stays.
    await one.unbind(first.Id);
    for (let i = 0; i < 4; i += 1) expect(await who(host)).toBe('two');
    await eventually(
      () => endpointsAt(first.URL),
      (list) => list.length === 1,
    );
    const third = await join(serveHttp('three'));
    expect((await bindPooled(third, `https://${host}`)).Error).toBe('');
    two.close();
    await eventually(
      () => who(host),
      (name) => name === 'three',
    );
    const stranger = await join();
    expect(errorCode(await bindPooled(stranger, `https://${host}`, { pooling: false }))).toBe('ERR_NGROK_334');
  });

  it('is only for those who all ask for it', async () => {
    const host = newHost();
    const [one, two] = [await join(serveHttp('one')), await join(serveHttp('two'))];
    const alone = await bindPooled(one, `https://${host}`, { pooling: false });
    expect(errorCode(await bindPooled(two, `https://${host}`))).toBe('ERR_NGROK_334');
    const tunnelId = String((alone.Extra as Json).TunnelID);
    // The Go client may change its mind while it is online.
    const patch = (fields: Json) => one.call(StreamType.patchTunnelState, { TunnelId: tunnelId, ...fields });
    expect((await patch({ PoolingEnabled: true, Description: 'of the first' })).Error).toBe('');
    expect((await bindPooled(two, `https://${host}`)).Error).toBe('');
    expect(errorCode(await patch({ PoolingEnabled: false }))).toBe('ERR_NGROK_334');
    const shown = await eventually(
      () => endpointsAt(alone.URL),
      (list) => list.length === 2 && list.some(({ description }) => description === 'of the first'),
    );
    expect(shown.map(({ description }) => description).sort()).toEqual(['', 'of the first']);
  });

  it('takes a name from members that are all dead', async () => {
    const host = newHost();
    const [one, two] = [await join(serveHttp('one')), await join(serveHttp('two'))];
    await bindPooled(one, `https://${host}`);
    await bindPooled(two, `https://${host}`);
    one.goSilent();
    two.goSilent();
    const heir = await join(serveHttp('heir'));
    expect((await bindPooled(heir, `https://${host}`, { pooling: false })).Error).toBe('');
    expect(await who(host)).toBe('heir');
  });

  it('is whole again after the edge ended, by the tokens of its members', async () => {
    const host = newHost();
    const [one, two] = [await join(), await join()];
    const bound = [await bindPooled(one, `https://${host}`), await bindPooled(two, `https://${host}`)];
    await env.restartEdge();
    const back = [await join(serveHttp('one')), await join(serveHttp('two'))];
    for (const [index, agent] of back.entries()) {
      const before = bound[index] ?? {};
      const request = agent.bindRequest('https', before.Opts as Json, {
        id: String(before.Id),
        token: String((before.Extra as Json).Token),
      });
      const answer = await agent.call(StreamType.bind, {
        ...request,
        Opts: before.Opts,
        Extra: { ...(request.Extra as Json), PoolingEnabled: true },
      });
      expect(answer).toMatchObject({ Error: '', URL: before.URL });
    }
    const answers = await Promise.all(Array.from({ length: 12 }, () => who(host)));
    expect(new Set(answers)).toEqual(new Set(['one', 'two']));
  });

  it('gives another member what one turned away or broke off, if that does no harm', async () => {
    const host = newHost();
    let broken = 0;
    const breaks = await join((stream, type) => {
      if (type !== StreamType.proxy) return;
      broken += 1;
      stream.setHandler({
        onData: (chunk) => {
          stream.ack(chunk.length);
          stream.reset(6);
        },
        onEnd: () => {},
        onReset: () => {},
        onWritable: () => {},
      });
    });
    const works = await join(serveHttp('works'));
    await bindPooled(breaks, `https://${host}`);
    await bindPooled(works, `https://${host}`);
    for (let i = 0; i < 6; i += 1) expect(await who(host)).toBe('works');
    expect(broken).toBeGreaterThan(0);
    // A POST may have been carried out by the one that broke it off: it is not repeated.
    const statuses = [];
    for (let i = 0; i < 6; i += 1) statuses.push(await post(host));
    expect(new Set(statuses)).toEqual(new Set([200, 502]));
  });

  it('never gives a member what is under other rules', async () => {
    const host = newHost();
    const turnsAway = (stream: MuxStream, type: number) => {
      if (type === StreamType.proxy) stream.reset(5);
    };
    const [guarded, open] = [await join(turnsAway), await join(serveHttp('open'))];
    const policy = JSON.stringify({
      on_http_request: [{ actions: [{ type: 'add-headers', config: { headers: { 'x-guarded': '1' } } }] }],
    });
    await bindPooled(guarded, `https://${host}`, { opts: { TrafficPolicy: policy } });
    await bindPooled(open, `https://${host}`);
    const statuses = [];
    for (let i = 0; i < 8; i += 1) statuses.push((await visit(env, host)).status);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
  });

  it('of labelled tunnels is at an internal name of their labels, for requests and for connections', async () => {
    const heads: ProxyHeader[] = [];
    const [one, two] = [await join(serveHttp('one', heads)), await join(serveHttp('two', heads))];
    const bindLabels = (agent: RawAgent, labels: Json) =>
      agent.call(StreamType.startTunnelWithLabel, {
        Labels: labels,
        ForwardsTo: 'up',
        ForwardsProto: '',
        Metadata: 'm',
      });
    const first = await bindLabels(one, { env: 'Prod', app: 'shop' });
    const second = await bindLabels(two, { app: 'shop', env: 'Prod' });
    expect([first.Error, second.Error]).toEqual(['', '']);
    expect(second.Id).not.toBe(first.Id);
    const inside = 'app-shop.env-prod.internal';
    const forwardTo = (phase: string, url: string): Json => ({
      TrafficPolicy: JSON.stringify({ [phase]: [{ actions: [{ type: 'forward-internal', config: { url } }] }] }),
    });
    const host = newHost();
    await one.bind('https', { URL: `https://${host}`, ...forwardTo('on_http_request', `https://${inside}`) });
    const answers = await Promise.all(Array.from({ length: 12 }, () => who(host)));
    expect(new Set(answers)).toEqual(new Set(['one', 'two']));
    const { URL: tcp } = await one.bind('tcp', { URL: 'tcp://', ...forwardTo('on_tcp_connect', `tcp://${inside}:7`) });
    const port = Number(String(tcp).slice(String(tcp).lastIndexOf(':') + 1));
    const visitor = connect(port, '127.0.0.1');
    visitor.write('GET /bare HTTP/1.1\r\n\r\n');
    expect(String((await once(visitor, 'data'))[0])).toMatch(/(one|two) GET \/bare HTTP\/1\.1$/);
    visitor.destroy();
    expect(new Set(heads.map(({ proto, edgeType }) => `${proto} ${edgeType}`))).toEqual(new Set(['https 3', 'tcp 1']));
    const tunnels = await eventually(
      async () => {
        const response = await fetch(`${env.api.publicUrl}/tunnels?limit=100`, {
          headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2' },
        });
        const list = (await response.json()) as { tunnels: Json[] };
        return list.tunnels.filter(({ public_url }) => public_url === `https://${inside}`);
      },
      (list) => list.length === 2,
    );
    for (const { labels } of tunnels) expect(labels).toEqual({ app: 'shop', env: 'Prod' });
    // Another value that makes the same name, and whoever binds that name, stay apart from them.
    expect(errorCode(await bindLabels(two, { app: 'Shop', env: 'prod' }))).toBe('ERR_NGROK_334');
    expect(errorCode(await bindPooled(two, `https://${inside}`))).toBe('ERR_NGROK_334');
    expect(errorCode(await bindLabels(two, {}))).toBe('ERR_NGROK_310');
    await one.unbind(first.Id);
    for (let i = 0; i < 4; i += 1) expect(await who(host)).toBe('two');
    await two.unbind(second.Id);
    expect((await visit(env, host)).status).toBe(404);
  });

  it('shares a tcp port, and gives a connection that one turned away to another with its first bytes', async () => {
    const echo = (name: string) => (stream: MuxStream, type: number) => {
      if (type !== StreamType.proxy) return;
      const chunks: Buffer[] = [];
      stream.setHandler({
        onData: (chunk) => {
          chunks.push(chunk);
          stream.ack(chunk.length);
        },
        onEnd: () => {
          const all = Buffer.concat(chunks);
          stream.end(Buffer.concat([Buffer.from(`${name} `), all.subarray(8 + Number(all.readBigInt64LE()))]));
        },
        onReset: () => {},
        onWritable: () => {},
      });
      // Any frame back accepts it.
      stream.write(Buffer.from('> '));
    };
    let refused = 0;
    const refuses = (stream: MuxStream, type: number) => {
      if (type !== StreamType.proxy) return;
      refused += 1;
      stream.reset(5);
    };
    const [one, two, three] = [await join(echo('one')), await join(echo('two')), await join(refuses)];
    const first = await bindPooled(one, 'tcp://');
    const url = String(first.URL);
    const port = Number(url.slice(url.lastIndexOf(':') + 1));
    for (const agent of [two, three]) expect((await bindPooled(agent, url)).Error).toBe('');
    const answers = await Promise.all(Array.from({ length: 12 }, () => greeting(port, 'hello')));
    expect(answers.every((answer) => /^> (one|two) hello$/.test(answer))).toBe(true);
    expect(refused).toBeGreaterThan(0);
    expect(new Set(answers).size).toBe(2);
    // The one that opened the port goes; the port stays.
    await one.unbind(first.Id);
    expect(await greeting(port, 'x')).toBe('> two x');
    two.close();
    three.close();
    await eventually(
      () => greeting(port).catch((error: NodeJS.ErrnoException) => error.code),
      (end) => end === 'ECONNREFUSED',
    );
  });
});

function post(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
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
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on('error', reject);
    sent.end('once');
  });
}
