import type { CapturedExchange } from '@portico/api-contract/internal';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCertificate } from '../../testing/certificates.ts';
import { claimOnline, sessionOnline } from '../../testing/online.ts';
import { type TestAccount, TestApi } from '../../testing/test-api.ts';

// reliability.md T3: whoever breaks this shows one customer's things to another.
const sshKey = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 7)]).toString('base64')} me@here`;

function visitorOf(accountId: string, id: string) {
  const at = (ms: number) => new Date(test.now().getTime() + ms).toISOString();
  return {
    id,
    accountId,
    endpointId: newId('ep'),
    publicUrl: 'https://mine.portico.localhost',
    provider: 'google',
    subject: 'subject-1',
    username: '',
    email: 'visitor@example.com',
    name: 'Visitor',
    ip: '203.0.113.5',
    userAgent: 'Browser/1.0',
    startedAt: at(0),
    lastActiveAt: at(0),
    expiresAt: at(3_600_000),
  };
}

/** One whose contents were kept too. */
function exchangeOf(accountId: string): CapturedExchange {
  const id = newId('req');
  ids.set('/exchanges', id);
  const side = { fields: ['Host', 'mine.portico.localhost'], trailers: [], body: '', truncated: false };
  return {
    id,
    accountId,
    endpointId: newId('ep'),
    url: 'https://mine.portico.localhost',
    at: test.now().toISOString(),
    clientIp: '203.0.113.5',
    httpVersion: '1.1',
    method: 'GET',
    host: 'mine.portico.localhost',
    target: '/',
    status: 200,
    errorCode: null,
    end: 'complete',
    timing: { policyMs: null, tunnelMs: 1, waitMs: 2, totalMs: 3 },
    requestBytes: 0,
    responseBytes: 0,
    agent: null,
    region: 'local',
    policy: null,
    replayOf: null,
    request: side,
    response: side,
  };
}

let test: TestApi;
let other: TestAccount;
/** An id of the first account for each collection of the API's document. */
const ids = new Map<string, string>();
const eventType = 'ip_policy_created.v0';

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly collection: string;
}

beforeAll(async () => {
  test = await TestApi.start();
  other = await test.newAccount();
  const registry = test.registry();
  const sessionId = newId('ts');
  const endpointId = newId('ep');
  const { accountId } = test.first;
  await sessionOnline(registry, { sessionId, accountId });
  await claimOnline(registry, { sessionId, accountId, endpointId, url: 'https://mine.portico.localhost' });
  const made = async (path: string, body: object) => {
    const answer = await test.call('POST', path, { body });
    expect([path, answer.status, answer.text]).toEqual([path, 201, answer.text]);
    ids.set(path, String(answer.body.id));
    return String(answer.body.id);
  };
  const certificate = await makeCertificate('kept.portico.localhost');
  await made('/credentials', {});
  await made('/api_keys', {});
  await made('/reserved_domains', { domain: 'kept.portico.localhost' });
  await made('/reserved_addrs', {});
  await made('/tls_certificates', { certificate_pem: certificate.chain, private_key_pem: certificate.key });
  await made('/certificate_authorities', { ca_pem: certificate.root });
  const policyId = await made('/ip_policies', {});
  await made('/ip_policy_rules', { ip_policy_id: policyId, cidr: '10.0.0.0/8' });
  await made('/ip_restrictions', { type: 'endpoints', ip_policy_ids: [policyId] });
  const vaultId = await made('/vaults', { name: 'mine' });
  await made('/vault_secrets', { name: 'mine', value: 'x', vault_id: vaultId });
  await made('/service_users', { name: 'mine' });
  await made('/bot_users', { name: 'mine' });
  const destinationId = await made('/event_destinations', { target: { webhook: { url: 'https://hooks.example' } } });
  await made('/event_subscriptions', { sources: [{ type: eventType }], destination_ids: [destinationId] });
  await made('/personal_access_tokens', {});
  await made('/ssh_credentials', { public_key: sshKey });
  const visitorSession = newId('appses');
  await test.edge.visitors({ nodeId: 'edge-1', sessions: [visitorOf(accountId, visitorSession)] });
  const visitors = await test.call('GET', '/app/users');
  const [visitor] = Array.isArray(visitors.body.application_users) ? visitors.body.application_users : [];
  ids.set('/app/users', visitor.id);
  ids.set('/app/sessions', visitorSession);
  await test.edge.reportExchanges({
    nodeId: 'edge-1',
    epoch: 'e1',
    seq: 1,
    exchanges: [exchangeOf(accountId)],
    dropped: 0,
  });
  const { body } = await test.call('GET', '/audit_events?limit=1');
  ids.set('/audit_events', Array.isArray(body.audit_events) ? body.audit_events[0].id : '');
  ids.set('/endpoints', endpointId);
  ids.set('/tunnels', `tn_${endpointId.slice(3)}`);
  ids.set('/tunnel_sessions', sessionId);
  for (const path of [`/endpoints/${endpointId}`, `/tunnel_sessions/${sessionId}`]) {
    await vi.waitFor(async () => expect((await test.call('GET', path)).status).toBe(200), 10_000);
  }
});

afterAll(() => test.close());

/** Every operation of the document that the API serves. */
async function operations(): Promise<Operation[]> {
  const { body } = await test.call('GET', '/openapi.json', { key: null });
  const { paths } = body;
  if (typeof paths !== 'object' || paths === null) throw new Error('the document has no paths');
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      path,
      collection: collectionOf(path),
    })),
  );
}

describe('the document of the API', () => {
  it('has every route that is served, but for those that were withdrawn, and no other', async () => {
    const documented = (await operations()).map(({ method, path }) => `${method} ${path}`);
    const apart =
      /^\w+ \/(edges|backends|endpoint_configurations|ssh_(?:user|host)_certificates|ssh_certificate_authorities|agent_ingresses|kubernetes_operators|healthz|reference|openapi\.json)?(\/|$)/;
    const served = test.api.publicRoutes
      .map((route) => route.replace(/:(\w+)/g, '{$1}'))
      .filter((route) => !apart.test(route));
    expect([...documented].sort()).toEqual([...served].sort());
  });
});

describe('the things of another account', () => {
  it('are looked for on every route that names one', async () => {
    const named = (await operations()).filter(({ path }) => path.includes('{id}'));
    expect(named.length).toBeGreaterThanOrEqual(60);
    for (const { collection } of named) expect([collection, ids.has(collection)]).toEqual([collection, true]);
  });

  it('are answered like things that do not exist, on every route and with the same body', async () => {
    for (const { method, path, collection } of await operations()) {
      if (!path.includes('{id}')) continue;
      const id = ids.get(collection) ?? '';
      const missing = newId(prefixOf(id));
      const body = bodyFor(method, path);
      const call = (with_: string) =>
        test.call(method, path.replace('{id}', with_).replace('{type}', eventType), { key: other.apiKey, body });
      const ofOther = await call(id);
      const ofNobody = await call(missing);
      expect([method, path, ofOther.status]).toEqual([method, path, 404]);
      expect(masked(ofOther.text, id)).toBe(masked(ofNobody.text, missing));
    }
    // And they are all still there.
    for (const [collection, id] of ids) expect((await test.call('GET', `${collection}/${id}`)).status).toBe(200);
    const sources = await test.call('GET', `/event_subscriptions/${ids.get('/event_subscriptions')}/sources`);
    expect(sources.text).toContain(eventType);
  });

  it('are in no list and no sum', async () => {
    const lists = (await operations()).filter(({ method, path }) => method === 'GET' && !path.includes('{'));
    // Those without ids of their own: /usage, /usage/limits, /capture and /exchanges/search.
    expect(lists.length).toBe(ids.size + 4);
    for (const { path } of lists) {
      const answer = await test.call('GET', path, { key: other.apiKey });
      expect([path, answer.status]).toEqual([path, 200]);
      for (const id of ids.values()) expect(answer.text).not.toContain(id);
      expect(answer.text).not.toContain(test.first.accountId);
    }
  });

  it('cannot be pointed to, and that is said as of things that do not exist', async () => {
    const certificate = ids.get('/tls_certificates') ?? '';
    const policy = ids.get('/ip_policies') ?? '';
    const vault = ids.get('/vaults') ?? '';
    const destination = ids.get('/event_destinations') ?? '';
    const serviceUser = ids.get('/service_users') ?? '';
    const { body } = await test.call('GET', '/credentials');
    const [credential] = Array.isArray(body.credentials) ? body.credentials : [];
    const attempts: [string, string, (id: string) => object][] = [
      ['/reserved_domains', certificate, (id) => ({ domain: 'theirs.portico.localhost', certificate_id: id })],
      ['/ip_policy_rules', policy, (id) => ({ ip_policy_id: id, cidr: '10.0.0.0/8' })],
      ['/ip_restrictions', policy, (id) => ({ type: 'api', ip_policy_ids: [id] })],
      ['/vault_secrets', vault, (id) => ({ name: 'a', value: 'b', vault_id: id })],
      ['/event_subscriptions', destination, (id) => ({ destination_ids: [id] })],
      ['/credentials', serviceUser, (id) => ({ owner_id: id })],
      ['/api_keys', serviceUser, (id) => ({ owner_id: id })],
      ['/credentials', credential.owner_id, (id) => ({ owner_id: id })],
    ];
    for (const [path, id, with_] of attempts) {
      const missing = newId(prefixOf(id));
      const ofOther = await test.call('POST', path, { key: other.apiKey, body: with_(id) });
      const ofNobody = await test.call('POST', path, { key: other.apiKey, body: with_(missing) });
      expect([path, ofOther.status, ofOther.body.error_code]).toEqual([path, 400, 'ERR_NGROK_215']);
      expect(masked(ofOther.text, id)).toBe(masked(ofNobody.text, missing));
    }
    const byName = await test.call('POST', '/vault_secrets', {
      key: other.apiKey,
      body: { name: 'a', value: 'b', vault_name: 'mine' },
    });
    expect(byName.body.error_code).toBe('ERR_NGROK_215');
  });
});

/** `/app/users` is one, not `/app`. */
function collectionOf(path: string): string {
  return path
    .split('/')
    .slice(0, path.startsWith('/app/') ? 3 : 2)
    .join('/');
}

function bodyFor(method: string, path: string): object | undefined {
  if (method === 'PATCH') return {};
  return method === 'POST' && path.endsWith('/sources') ? { type: 'vault_created.v0' } : undefined;
}

const prefixes = [
  'ak',
  'appses',
  'appusr',
  'bot',
  'ca',
  'cert',
  'cr',
  'ed',
  'ep',
  'esb',
  'ev',
  'ipp',
  'ipr',
  'ipx',
  'pt',
  'ra',
  'rd',
] as const;
const longPrefixes = ['req', 'secret', 'service', 'sshcr', 'tn', 'ts', 'usr', 'vault'] as const;

function prefixOf(id: string) {
  for (const prefix of [...prefixes, ...longPrefixes]) if (id.startsWith(`${prefix}_`)) return prefix;
  throw new Error(`no prefix: ${id}`);
}

function masked(text: string, id: string): string {
  return text.replaceAll(id, 'ID').replace(/op_[0-9A-Za-z]{27}/g, 'OP');
}
