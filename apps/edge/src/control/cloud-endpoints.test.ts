// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts

import { request } from 'node:https';
import { connect } from 'node:net';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { StreamType } from '@portico/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ALICE, CLIENTS_A, MALLORY } from '../testing/client-certificates.util.ts';
import { errorCode, RawAgent, serveHttp } from '../testing/raw-agent.util.ts';
import { eventually, visit } from '../testing/visit.util.ts';

let env: DevEnv;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  env = await startDevEnv({ edgeLimits: { leaseTtlS: 1, reconcileMs: 60_000 } });
});
afterAll(() => env.close());
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Made {
  readonly id: string;
}

async function api(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${env.api.publicUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${env.apiKey}`, 'content-type': 'application/json', 'ngrok-version': '2' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status >= 300) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? {} : JSON.parse(text);
}

/** Made for one test, and removed after it. */
async function make(path: string, body: object): Promise<Made & Record<string, unknown>> {
  const made = await api('POST', path, body);
  const id = String(made.id);
  cleanups.push(() => api('DELETE', `${path}/${id}`).catch(() => {}));
  return { ...made, id };
}

const cloud = (url: string, policy: string | object, more: object = {}) =>
  make('/endpoints', {
    url,
    type: 'cloud',
    traffic_policy: typeof policy === 'string' ? policy : JSON.stringify(policy),
    ...more,
  });

const answer = (body: string) => ({ on_http_request: [{ actions: [{ type: 'custom-response', config: { body } }] }] });
const forward = (url: string, more: object = {}) => ({
  on_http_request: [{ actions: [{ type: 'forward-internal', config: { url, ...more } }] }],
});
const host = (name: string) => `${name}.${env.baseDomain}`;
const sees = (name: string, text: string | RegExp) =>
  eventually(
    () => visit(env, host(name)).catch(() => ({ status: 0, text: '' })),
    (seen) => (typeof text === 'string' ? seen.text === text : text.test(`${seen.status} ${seen.text}`)),
  );

async function dial(): Promise<RawAgent> {
  const agent = await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca, onStream: serveHttp('agent') });
  cleanups.push(() => agent.close());
  await agent.auth(env.authtoken);
  return agent;
}

describe('a cloud endpoint', () => {
  it('answers by its policy within seconds, without an agent, and is another or gone as soon', async () => {
    const from = performance.now();
    const made = await cloud(`https://${host('hello')}`, answer('hello'));
    expect(await sees('hello', 'hello')).toEqual({ status: 200, text: 'hello' });
    await api('PATCH', `/endpoints/${made.id}`, { traffic_policy: JSON.stringify(answer('changed')) });
    await sees('hello', 'changed');
    await api('PATCH', `/endpoints/${made.id}`, { url: `https://${host('moved')}` });
    await sees('moved', 'changed');
    await api('DELETE', `/endpoints/${made.id}`);
    await sees('moved', /^(404|0) /);
    expect(performance.now() - from).toBeLessThan(20_000);
  });

  it('counts what it serves', async () => {
    const made = await cloud(`https://${host('counted')}`, answer('one'));
    await sees('counted', 'one');
    await eventually(
      () => api('GET', '/usage?by=endpoint&span=minute'),
      ({ usage }) => JSON.stringify(usage).includes(made.id),
    );
  });

  it('shows its URL with the port under which visitors reach it', async () => {
    const made = await cloud(`https://${host('port')}`, answer('x'));
    await eventually(
      () => api('GET', `/endpoints/${made.id}`),
      ({ url }) => url === `https://${host('port')}:${env.https.port}`,
    );
    const { url } = await api('PATCH', `/endpoints/${made.id}`, { url: `https://${host('port')}:${env.https.port}` });
    expect(url).toBe(`https://${host('port')}:${env.https.port}`);
  });

  it('goes on while the API is away, and learns afterwards what changed meanwhile', async () => {
    const kept = await cloud(`https://${host('kept')}`, answer('kept'));
    const gone = await cloud(`https://${host('gone')}`, answer('gone'));
    await sees('kept', 'kept');
    await sees('gone', 'gone');
    await env.stopApi();
    expect((await visit(env, host('kept'))).text).toBe('kept');
    await env.resumeApi();
    await api('PATCH', `/endpoints/${kept.id}`, { traffic_policy: JSON.stringify(answer('after')) });
    await api('DELETE', `/endpoints/${gone.id}`);
    await sees('kept', 'after');
    await sees('gone', /^(404|0) /);
  });

  it('is there again after a restart of the edge', async () => {
    await cloud(`https://${host('again')}`, answer('again'));
    await sees('again', 'again');
    await env.restartEdge();
    await sees('again', 'again');
  });

  it('keeps its URL from agents of the same account, unless both share it', async () => {
    const made = await cloud(`https://${host('shared')}`, answer('cloud'));
    await sees('shared', 'cloud');
    const agent = await dial();
    expect(errorCode(await agent.bind('https', { Domain: host('shared') }))).toBe('ERR_NGROK_334');
    await api('DELETE', `/endpoints/${made.id}`);
    expect((await agent.bind('https', { Domain: host('shared') })).Error).toBe('');
    await sees('shared', /agent/);
  });
});

describe('a cloud endpoint that shares its URL', () => {
  it('takes turns with agents that do, each under its own policy', async () => {
    await cloud(`https://${host('mixed')}`, answer('cloud'), { pooling_enabled: true });
    await sees('mixed', 'cloud');
    const agent = await dial();
    const alone = await agent.bind('https', { Domain: host('mixed') });
    expect(errorCode(alone)).toBe('ERR_NGROK_334');
    const wanted = agent.bindRequest('https', { Domain: host('mixed') });
    const shared = await agent.call(StreamType.bind, {
      ...wanted,
      Extra: { ...(wanted.Extra as object), PoolingEnabled: true },
    });
    expect(shared.Error).toBe('');
    const seen = new Set<string>();
    await eventually(
      async () => seen.add((await visit(env, host('mixed'))).text.replace(/ .*/, '')).size,
      (kinds) => kinds === 2,
    );
    expect([...seen].sort()).toEqual(['agent', 'cloud']);
    agent.close();
    await eventually(
      async () => (await Promise.all([1, 2, 3, 4].map(() => visit(env, host('mixed'))))).map(({ text }) => text),
      (texts) => texts.every((text) => text === 'cloud'),
    );
  });
});

describe('forward-internal', () => {
  it('leads to an internal endpoint of the account, which runs its own policy', async () => {
    await cloud('https://inner.internal', {
      on_http_request: [
        {
          actions: [
            {
              type: 'custom-response',
              config: { body: '${endpoint.url} ${req.url.path} ${req.headers["x-step"][0]}' },
            },
          ],
        },
      ],
    });
    await cloud(`https://${host('front')}`, {
      on_http_request: [
        {
          actions: [
            { type: 'add-headers', config: { headers: { 'x-step': 'one' } } },
            { type: 'forward-internal', config: { url: 'https://inner.internal' } },
          ],
        },
      ],
    });
    await sees('front', 'https://inner.internal / one');
    // From outside there is no such name.
    await expect(visit(env, 'inner.internal')).rejects.toThrow();
  });

  it('finds the endpoint by the request, and a wildcard where there is no other', async () => {
    await cloud('https://*.tenants.internal', answer('any'));
    await cloud('https://acme.tenants.internal', answer('acme'));
    await cloud(`https://${host('tenants')}`, forward('https://${req.url.path.substring(1)}.tenants.internal'));
    await sees('tenants', /^500 [\s\S]*ERR_NGROK_2253/);
    await eventually(
      () => visit(env, host('tenants'), '/acme'),
      ({ text }) => text === 'acme',
    );
    await eventually(
      () => visit(env, host('tenants'), '/other'),
      ({ text }) => text === 'any',
    );
  });

  it('says what is wrong: nothing there, a circle; or goes on', async () => {
    await cloud(`https://${host('lost')}`, forward('https://nowhere.internal'));
    await sees('lost', /^404 [\s\S]*ERR_NGROK_3200/);
    await cloud('https://one.internal', forward('https://two.internal'));
    await cloud('https://two.internal', forward('https://one.internal'));
    await cloud(`https://${host('circle')}`, forward('https://one.internal'));
    await sees('circle', /^502 [\s\S]*ERR_NGROK_3501/);
    await cloud(`https://${host('fallback')}`, {
      on_http_request: [
        {
          actions: [
            { type: 'forward-internal', config: { url: 'https://nowhere.internal', on_error: 'continue' } },
            { type: 'custom-response', config: { body: 'instead: ${actions.ngrok.forward_internal.error.code}' } },
          ],
        },
      ],
    });
    await sees('fallback', 'instead: ERR_NGROK_3200');
  });
});

describe('an internal endpoint of an agent', () => {
  it('is reached through another endpoint of the account, under its own policy, and from nowhere else', async () => {
    const agent = await dial();
    const bound = await agent.bind('https', {
      URL: 'https://app.internal',
      TrafficPolicy: JSON.stringify({
        on_http_request: [
          { expressions: ["req.url.path == '/secret'"], actions: [{ type: 'deny' }] },
          { actions: [{ type: 'add-headers', config: { headers: { 'x-seen': 'yes' } } }] },
        ],
      }),
    });
    expect(bound).toMatchObject({ Error: '', URL: 'https://app.internal' });
    await cloud(`https://${host('way-in')}`, forward('https://app.internal'));
    await sees('way-in', /agent GET \/ HTTP/);
    expect((await visit(env, host('way-in'), '/secret')).status).toBe(403);
    await expect(visit(env, 'app.internal')).rejects.toThrow();
    const listed = await api('GET', '/endpoints?filter=obj.host%20%3D%3D%20%22app.internal%22');
    expect(listed.endpoints).toMatchObject([
      { url: 'https://app.internal', bindings: ['internal'], type: 'ephemeral' },
    ]);
    agent.close();
    await sees('way-in', /^404 [\s\S]*ERR_NGROK_3200/);
  });

  it('has a name, a port and a binding that fit together', async () => {
    const agent = await dial();
    const refused = async (opts: Record<string, unknown>, code: string) =>
      expect([opts, errorCode(await agent.bind('https', opts))]).toEqual([opts, code]);
    await refused({ URL: 'https://a.b.c.d.e.internal' }, 'ERR_NGROK_326');
    await refused({ URL: 'https://app.internal:0' }, 'ERR_NGROK_329');
    expect((await agent.bind('https', { URL: 'https://app.internal:9443' })).URL).toBe('https://app.internal:9443');
    expect((await agent.bind('tcp', { URL: 'tcp://db.internal:5432' })).URL).toBe('tcp://db.internal:5432');
    await refused({ URL: 'https://app.internal:9443' }, 'ERR_NGROK_334');
  });

  it('comes back to the next session of its agent, without its API too', async () => {
    const first = await dial();
    const bound = await first.bind('https', { URL: 'https://back.internal' });
    await cloud(`https://${host('back')}`, forward('https://back.internal'));
    await sees('back', /agent/);
    await env.stopApi();
    first.close();
    const second = (
      await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca, onStream: serveHttp('second') })
    ).resume(first);
    cleanups.push(() => second.close());
    await second.auth(env.authtoken);
    expect(await second.rebind(bound)).toMatchObject({ Error: '', URL: 'https://back.internal' });
    await sees('back', /second/);
    await env.resumeApi();
    await sees('back', /second/);
  });
});

describe('IP policies', () => {
  it('are followed by restrict-ips as they change', async () => {
    const policy = await make('/ip_policies', {});
    const deny = await make('/ip_policy_rules', { ip_policy_id: policy.id, cidr: '127.0.0.0/8', action: 'deny' });
    await make('/ip_policy_rules', { ip_policy_id: policy.id, cidr: '0.0.0.0/0' });
    await cloud(`https://${host('gate')}`, {
      on_http_request: [
        { actions: [{ type: 'restrict-ips', config: { ip_policies: [policy.id] } }] },
        ...answer('in').on_http_request,
      ],
    });
    await sees('gate', /^403 [\s\S]*ERR_NGROK_3203/);
    await api('DELETE', `/ip_policy_rules/${deny.id}`);
    await sees('gate', 'in');
  });

  it('restrict the endpoints of the account: of the cloud and of agents', async () => {
    const agent = await dial();
    await agent.bind('https', { Domain: host('restricted') });
    await cloud(`https://${host('closed')}`, answer('open'));
    await sees('closed', 'open');
    await sees('restricted', /agent/);
    const policy = await make('/ip_policies', {});
    await make('/ip_policy_rules', { ip_policy_id: policy.id, cidr: '203.0.113.0/24' });
    const restriction = await make('/ip_restrictions', { type: 'endpoints', ip_policy_ids: [policy.id] });
    // Not enforced yet: only the log says so.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await visit(env, host('closed'))).text).toBe('open');
    await api('PATCH', `/ip_restrictions/${restriction.id}`, { enforced: true });
    await sees('closed', /^403 [\s\S]*ERR_NGROK_3205/);
    await sees('restricted', /^403 [\s\S]*ERR_NGROK_3205/);
    await make('/ip_policy_rules', { ip_policy_id: policy.id, cidr: '127.0.0.1/32' });
    await sees('closed', 'open');
    await sees('restricted', /agent/);
  });

  it('restrict connections too, which are broken off', async () => {
    const agent = await dial();
    const { URL: url } = await agent.bind('tcp');
    const port = Number(new URL(String(url)).port);
    const outcome = (): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
        socket.on('data', () => resolve('served'));
        socket.on('error', () => resolve('reset'));
        socket.on('close', () => resolve('closed'));
        cleanups.push(() => socket.destroy());
      });
    expect(await outcome()).toBe('served');
    const policy = await make('/ip_policies', {});
    await make('/ip_policy_rules', { ip_policy_id: policy.id, cidr: '127.0.0.0/8', action: 'deny' });
    await make('/ip_restrictions', { type: 'endpoints', enforced: true, ip_policy_ids: [policy.id] });
    await eventually(outcome, (seen) => seen === 'reset');
  });

  it('restrict agents that are connected already, and those that come back with a known token', async () => {
    const agent = await dial();
    const policy = await make('/ip_policies', {});
    await make('/ip_policy_rules', { ip_policy_id: policy.id, cidr: '127.0.0.0/8', action: 'deny' });
    await make('/ip_restrictions', { type: 'agent', enforced: true, ip_policy_ids: [policy.id] });
    expect((await agent.ended).message).toContain('127.0.0.1');
    const second = await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca });
    cleanups.push(() => second.close());
    expect(errorCode(await second.auth(env.authtoken))).toBe('ERR_NGROK_116');
  });
});

describe('certificate authorities', () => {
  const ask = (name: string, certificate: object): Promise<string> =>
    new Promise((resolve) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: env.https.port,
          servername: host(name),
          ca: env.ca,
          ...certificate,
          agent: false,
          headers: { host: host(name) },
        },
        (response) => {
          let text = '';
          response.on('data', (part: Buffer) => {
            text += part.toString();
          });
          response.on('error', () => resolve('cut'));
          response.on('end', () => resolve(text));
        },
      );
      sent.on('error', () => resolve('cut'));
      sent.end();
    });

  it('are known by their ids where visitors show certificates', async () => {
    const authority = await make('/certificate_authorities', { ca_pem: CLIENTS_A });
    await cloud(`https://${host('members')}`, {
      on_tcp_connect: [
        { actions: [{ type: 'terminate-tls', config: { mutual_tls_certificate_authorities: [authority.id] } }] },
      ],
      ...answer('hello ${conn.tls.client.subject.common_name}'),
    });
    await eventually(
      () => ask('members', ALICE),
      (text) => text.startsWith('hello '),
    );
    expect(await ask('members', MALLORY)).toBe('cut');
    expect(await ask('members', {})).toBe('cut');
  });
});

describe('secrets of vaults', () => {
  it('are there for the first visitor of an agent whose policy names them', async () => {
    const vault = await make('/vaults', { name: 'of-agents' });
    await make('/vault_secrets', { vault_id: vault.id, name: 'greeting', value: 'good day' });
    const agent = await dial();
    const TrafficPolicy = JSON.stringify(answer("${secrets.get('of-agents', 'greeting')}"));
    expect((await agent.bind('https', { Domain: host('greets'), TrafficPolicy })).Error).toBe('');
    expect((await visit(env, host('greets'))).text).toBe('good day');
  });

  it('are there before a policy that names new ones takes the place of the one that runs', async () => {
    const vault = await make('/vaults', { name: 'of-changes' });
    await make('/vault_secrets', { vault_id: vault.id, name: 'word', value: 'new' });
    const agent = await dial();
    const bound = await agent.bind('https', { Domain: host('swaps'), TrafficPolicy: JSON.stringify(answer('old')) });
    const TunnelId = (bound.Extra as Record<string, unknown>).TunnelID;
    const seen: string[] = [];
    const look = async () => {
      seen.push((await visit(env, host('swaps'))).text);
    };
    await look();
    const patched = await agent.call(StreamType.patchTunnelState, {
      TunnelId,
      TrafficPolicy: JSON.stringify(answer("${secrets.get('of-changes', 'word')}")),
    });
    expect(patched.Error ?? '').toBe('');
    await eventually(look, () => seen.at(-1) === 'new');
    expect(new Set(seen)).toEqual(new Set(['old', 'new']));
  });

  it('are there for the policies that name them, and new ones at once', async () => {
    const vault = await make('/vaults', { name: 'words' });
    const secret = await make('/vault_secrets', { vault_id: vault.id, name: 'pass', value: 'sesame' });
    await cloud(`https://${host('secret')}`, answer("the word is ${secrets.get('words', 'pass')}"));
    await sees('secret', 'the word is sesame');
    await api('PATCH', `/vault_secrets/${secret.id}`, { value: 'mellon' });
    await sees('secret', 'the word is mellon');
    await cloud(`https://${host('nosecret')}`, answer("${secrets.get('words', 'absent')}"));
    await sees('nosecret', /^500 [\s\S]*ERR_NGROK_22/);
    await make('/vault_secrets', { vault_id: vault.id, name: 'absent', value: 'present' });
    await sees('nosecret', 'present');
  });
});
