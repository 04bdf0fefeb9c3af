import { createReservedDomain } from '@portico/db';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCertificate } from '../../testing/certificates.ts';
import { claimOnline, sessionOnline } from '../../testing/online.ts';
import { type TestAccount, TestApi } from '../../testing/test-api.ts';

let test: TestApi;
let other: TestAccount;
/** An authtoken of the first account. */
let credentialId: string;
beforeAll(async () => {
  test = await TestApi.start();
  other = await test.newAccount();
  credentialId = String((await test.call('POST', '/credentials', { body: {} })).body.id);
});
afterAll(() => test.close());

const answering = 'on_http_request: [{actions: [{type: custom-response, config: {body: hello}}]}]';
const closing = 'on_tcp_connect: [{actions: [{type: close-connection}]}]';
const base = 'portico.localhost';

const make = (body: object, key?: string) =>
  test.call('POST', '/endpoints', {
    body: { type: 'cloud', traffic_policy: answering, ...body },
    ...(key === undefined ? {} : { key }),
  });
const code = (answer: { body: Record<string, unknown> }) => answer.body.error_code;

const bind = (host: string, options: { account?: TestAccount; poolingEnabled?: boolean } = {}) => {
  const who = options.account ?? { accountId: test.first.accountId, credentialId };
  return test.edge.authorizeBind({
    nodeId: 'edge-1',
    accountId: who.accountId,
    credentialId: who.credentialId,
    proto: 'https',
    wanted: { kind: 'host', host },
    poolingEnabled: options.poolingEnabled ?? false,
  });
};

describe('a cloud endpoint', () => {
  it('is made, shown beside those of agents, changed and removed', async () => {
    const made = await make({ url: `https://life.${base}`, description: 'of a test', metadata: '{}' });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      type: 'cloud',
      url: `https://life.${base}`,
      public_url: `https://life.${base}`,
      proto: 'https',
      scheme: 'https',
      host: `life.${base}`,
      port: 443,
      hostport: `life.${base}:443`,
      bindings: ['public'],
      pooling_enabled: false,
      traffic_policy: answering,
      description: 'of a test',
      tunnel: null,
      tunnel_session: null,
    });
    const id = String(made.body.id);
    const registry = test.registry();
    const sessionId = newId('ts');
    const { accountId } = test.first;
    await sessionOnline(registry, { sessionId, accountId });
    await claimOnline(registry, { sessionId, accountId, endpointId: newId('ep'), url: `https://beside.${base}` });
    await vi.waitFor(async () => {
      const { body } = await test.call('GET', '/endpoints');
      const types = Array.isArray(body.endpoints) ? body.endpoints.map(({ type }) => type) : [];
      expect(types.sort()).toEqual(['cloud', 'ephemeral']);
    }, 10_000);
    const page = await test.call('GET', '/endpoints?limit=1');
    expect(page.body.next_page_uri).toContain('before_id=');
    const filtered = await test.call('GET', `/endpoints?filter=${encodeURIComponent('obj.type == "cloud"')}`);
    expect(filtered.body.endpoints).toMatchObject([{ id }]);
    const other = 'on_http_request: [{actions: [{type: deny}]}]';
    const changed = await test.call('PATCH', `/endpoints/${id}`, {
      body: { id, traffic_policy: other, url: `https://moved.${base}`, metadata: '' },
    });
    expect(changed.body).toMatchObject({ url: `https://moved.${base}`, traffic_policy: other, metadata: '' });
    expect(changed.body.description).toBe('of a test');
    expect((await test.call('DELETE', `/endpoints/${id}`)).status).toBe(204);
    expect((await test.call('GET', `/endpoints/${id}`)).status).toBe(404);
    const log = await test.call('GET', `/audit_events?filter=${encodeURIComponent(`obj.object_id == "${id}"`)}`);
    const types = Array.isArray(log.body.audit_events) ? log.body.audit_events.map(({ type }) => type) : [];
    expect(types.sort()).toEqual(['endpoint_created.v0', 'endpoint_deleted.v0', 'endpoint_updated.v0']);
  });

  it('may be any scheme, and internal', async () => {
    const urls = [
      [`http://plain.${base}`, answering],
      [`tls://raw.${base}`, closing],
      ['tcp://localhost:20007', closing],
      ['https://app.internal', answering],
      ['http://app.internal:8080', answering],
      ['tcp://db.internal:5432', closing],
      ['https://*.shops.internal', answering],
    ];
    for (const [url, traffic_policy] of urls) {
      const made = await make({ url, traffic_policy });
      expect([url, made.status, made.body.url]).toEqual([url, 201, url]);
      const bindings = url?.includes('internal') ? ['internal'] : ['public'];
      expect([url, made.body.bindings]).toEqual([url, bindings]);
      const { body } = await test.call('GET', `/endpoints/${made.body.id}`);
      expect(body.uri).toBe(made.body.uri);
      expect((await test.call('DELETE', `/endpoints/${made.body.id}`)).status).toBe(204);
    }
  });

  it('has a URL that can be one', async () => {
    for (const url of [
      '',
      'life',
      'ftp://a.b',
      `https://a.${base}/path`,
      `https://a.${base}:9999`,
      'https://a..b',
      'tcp://localhost',
      'https://a.b.c.d.e.internal',
      'tcp://db.internal',
      'https://.internal',
    ]) {
      expect([url, code(await make({ url }))]).toEqual([url, 'ERR_NGROK_18001']);
    }
    const fixed = await make({ url: `https://fixed.${base}` });
    const change = (body: object) => test.call('PATCH', `/endpoints/${fixed.body.id}`, { body });
    expect(code(await change({ url: `http://fixed.${base}` }))).toBe('ERR_NGROK_18005');
    expect(code(await change({ url: 'https://fixed.internal' }))).toBe('ERR_NGROK_18001');
    expect(code(await change({ bindings: ['internal'] }))).toBe('ERR_NGROK_18001');
    expect(code(await make({ url: 'https://x.internal', bindings: ['public'] }))).toBe('ERR_NGROK_18001');
    expect(code(await make({ url: `https://k8s.${base}`, bindings: ['kubernetes'] }))).toBe('ERR_NGROK_215');
    await test.call('DELETE', `/endpoints/${fixed.body.id}`);
  });

  it('needs a policy that answers whatever comes; the one that runs stays when a new one is bad', async () => {
    const url = `https://policy.${base}`;
    const open = 'on_http_request: [{expressions: ["req.method == \'GET\'"], actions: [{type: deny}]}]';
    const refused = await make({ url, traffic_policy: open });
    expect(code(refused)).toBe('ERR_NGROK_18002');
    expect(refused.body.msg).toContain('ERR_NGROK_2235');
    expect(code(await make({ url, traffic_policy: '' }))).toBe('ERR_NGROK_18002');
    const unknown = await make({ url, traffic_policy: 'on_http_request:\n  - actions: [{type: denyy}]' });
    expect(unknown.body.msg).toMatch(/2:\d+: .*deny.*ERR_NGROK_2201/);
    const wrongPhase = await make({ url: `tls://policy.${base}`, traffic_policy: answering });
    expect(wrongPhase.body.msg).toContain('ERR_NGROK_2230');
    const made = await make({ url });
    const change = await test.call('PATCH', `/endpoints/${made.body.id}`, { body: { traffic_policy: open } });
    expect(code(change)).toBe('ERR_NGROK_18002');
    const { body } = await test.call('GET', `/endpoints/${made.body.id}`);
    expect(body.traffic_policy).toBe(answering);
    await test.call('DELETE', `/endpoints/${made.body.id}`);
  });

  it('has a name of its account: reserved or free, and nobody else gets it while it is there', async () => {
    const url = `https://held.${base}`;
    const made = await make({ url });
    test.advance(60 * 60_000);
    expect(await bind(`held.${base}`, { account: other })).toMatchObject({ kind: 'refused', error: { code: 320 } });
    expect(await bind(`under.held.${base}`, { account: other })).toMatchObject({ error: { code: 320 } });
    expect(code(await make({ url: `http://held.${base}` }, other.apiKey))).toBe('ERR_NGROK_320');
    const reserve = { key: other.apiKey, body: { domain: `held.${base}` } };
    expect(code(await test.call('POST', '/reserved_domains', reserve))).toBe('ERR_NGROK_320');
    // After a restart of the API too.
    await test.restart();
    expect(await bind(`held.${base}`, { account: other })).toMatchObject({ error: { code: 320 } });
    await test.call('DELETE', `/endpoints/${made.body.id}`);
    // Then it rests like any other name, and is free.
    expect(await bind(`held.${base}`, { account: other })).toMatchObject({ error: { code: 320 } });
    test.advance(11 * 60_000);
    expect(await bind(`held.${base}`, { account: other })).toMatchObject({ kind: 'granted' });
    expect(code(await make({ url: `https://www.${base}` }))).toBe('ERR_NGROK_341');
    expect(code(await make({ url: `https://*.wild.${base}` }))).toBe('ERR_NGROK_318');
    expect(code(await make({ url: 'https://example.com' }))).toBe('ERR_NGROK_319');
    expect(code(await make({ url: 'tcp://localhost:1', traffic_policy: closing }))).toBe('ERR_NGROK_329');
  });

  it('shares its URL only with those who share it too', async () => {
    const url = `https://pool.${base}`;
    const first = await make({ url });
    expect(code(await make({ url }))).toBe('ERR_NGROK_18016');
    expect(await bind(`pool.${base}`)).toMatchObject({ kind: 'refused', error: { code: 334 } });
    expect(await bind(`pool.${base}`, { poolingEnabled: true })).toMatchObject({ error: { code: 334 } });
    await test.call('PATCH', `/endpoints/${first.body.id}`, { body: { pooling_enabled: true } });
    expect(code(await make({ url }))).toBe('ERR_NGROK_18017');
    const second = await make({ url, pooling_enabled: true });
    expect(second.status).toBe(201);
    expect(await bind(`pool.${base}`, { poolingEnabled: true })).toMatchObject({ kind: 'granted' });
    const alone = await test.call('PATCH', `/endpoints/${second.body.id}`, { body: { pooling_enabled: false } });
    expect(code(alone)).toBe('ERR_NGROK_18017');
    for (const { body } of [first, second]) await test.call('DELETE', `/endpoints/${body.id}`);
    expect(await bind(`pool.${base}`)).toMatchObject({ kind: 'granted' });
  });

  it('does not take a URL that an agent serves, and does not change one of an agent', async () => {
    const sessionId = newId('ts');
    const endpointId = newId('ep');
    const registry = test.registry();
    const { accountId } = test.first;
    await claimOnline(registry, { sessionId, accountId, endpointId, url: `https://taken.${base}` });
    await vi.waitFor(async () => expect((await test.call('GET', `/endpoints/${endpointId}`)).status).toBe(200), 10_000);
    expect(code(await make({ url: `https://taken.${base}` }))).toBe('ERR_NGROK_18016');
    const change = { body: { traffic_policy: answering } };
    expect(code(await test.call('PATCH', `/endpoints/${endpointId}`, change))).toBe('ERR_NGROK_18003');
  });

  it('is marked for edges when its own domain is lost, and again when it is back', async () => {
    const { accountId } = test.first;
    const reserve = () =>
      createReservedDomain(test.database.queries, accountId, {
        id: newId('rd'),
        domain: 'shop.example',
        description: '',
        metadata: '',
        createdAt: test.now(),
      });
    const domain = await reserve();
    const made = await make({ url: 'https://a.shop.example' });
    expect(made.status).toBe(201);
    const feed = async (after: number) => test.edge.endpointFeed({ nodeId: 'edge-1', after });
    const all = await feed(0);
    expect(all.endpoints.find(({ id }) => id === made.body.id)?.nameLost).toBeUndefined();
    expect((await test.call('DELETE', `/reserved_domains/${domain.id}`)).status).toBe(204);
    await vi.waitFor(
      async () => expect((await feed(all.upTo)).endpoints).toMatchObject([{ id: made.body.id, nameLost: true }]),
      10_000,
    );
    // What became of another account's claim to it meanwhile counts too.
    await createReservedDomain(test.database.queries, other.accountId, {
      id: newId('rd'),
      domain: 'shop.example',
      description: '',
      metadata: '',
      createdAt: test.now(),
    });
    expect((await feed(all.upTo)).endpoints).toMatchObject([{ id: made.body.id, nameLost: true }]);
    expect(code(await make({ url: 'https://b.shop.example' }))).toBe('ERR_NGROK_320');
    await test.call('DELETE', `/endpoints/${made.body.id}`);
  });

  it('is one of two when two make the same at once', async () => {
    const url = `https://race.${base}`;
    const answers = await Promise.all(Array.from({ length: 6 }, () => make({ url })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
  });
});

describe('an internal name', () => {
  const ask = (host: string, port: number, account: TestAccount = other, proto: 'https' | 'tcp' = 'https') =>
    test.edge.authorizeBind({
      nodeId: 'edge-1',
      accountId: account.accountId,
      credentialId: account.credentialId,
      proto,
      wanted: { kind: 'internal', host, port },
    });

  it('is for every account, and needs no reservation', async () => {
    const made = await make({ url: 'https://same.internal' });
    expect(await ask('same.internal', 443)).toMatchObject({ kind: 'granted', host: 'same.internal', port: 443 });
    expect(await ask('*.same.internal', 443)).toMatchObject({ kind: 'granted' });
    expect(await ask('db.internal', 5432, other, 'tcp')).toMatchObject({ kind: 'granted', port: 5432 });
    const { accountId } = test.first;
    expect(await ask('same.internal', 443, { ...other, accountId, credentialId })).toMatchObject({
      error: { code: 334 },
    });
    expect(await ask('a.b.c.d.e.internal', 443)).toMatchObject({ error: { code: 326 } });
    expect(await ask('x.internal', 0)).toMatchObject({ error: { code: 329 } });
    expect(await ask(`x.${base}`, 443)).toMatchObject({ error: { code: 326 } });
    await test.call('DELETE', `/endpoints/${made.body.id}`);
  });
});

describe('the feed of cloud endpoints', () => {
  it('tells an edge what changed since it asked, once, and what is gone', async () => {
    const from = (await test.edge.endpointFeed({ nodeId: 'edge-1', after: 0 })).upTo;
    const one = await make({ url: `https://one.${base}` });
    const two = await make({ url: `https://two.${base}` });
    const page = await test.edge.endpointFeed({ nodeId: 'edge-1', after: from });
    expect(page).toMatchObject({ gone: [], hasMore: false, mustRestart: false, upTo: from + 2 });
    expect(page.endpoints.map(({ id }) => id)).toEqual([one.body.id, two.body.id]);
    expect(page.endpoints[0]).toMatchObject({ proto: 'https', host: `one.${base}`, trafficPolicy: answering });
    await test.call('PATCH', `/endpoints/${one.body.id}`, { body: { description: 'x' } });
    await test.call('DELETE', `/endpoints/${two.body.id}`);
    const next = await test.edge.endpointFeed({ nodeId: 'edge-1', after: page.upTo });
    expect(next.endpoints.map(({ id }) => id)).toEqual([one.body.id]);
    expect(next.gone).toEqual([two.body.id]);
    expect(await test.edge.endpointFeed({ nodeId: 'edge-1', after: next.upTo })).toMatchObject({
      endpoints: [],
      gone: [],
      upTo: next.upTo,
    });
    // An edge that knows a later change than there is followed another database.
    const strange = await test.edge.endpointFeed({ nodeId: 'edge-1', after: next.upTo + 50 });
    expect(strange).toMatchObject({ mustRestart: true, upTo: 0 });
    await test.call('DELETE', `/endpoints/${one.body.id}`);
  });

  it('comes in pages that end where many or long policies would make it too long', async () => {
    const from = (await test.edge.endpointFeed({ nodeId: 'edge-1', after: 0 })).upTo;
    const long = `${answering} #${'x'.repeat(200_000)}`;
    const ids: unknown[] = [];
    for (let index = 0; index < 12; index += 1) {
      ids.push((await make({ url: `https://p${index}.internal`, traffic_policy: long })).body.id);
    }
    const seen: string[] = [];
    let after = from;
    for (let pages = 1; ; pages += 1) {
      const page = await test.edge.endpointFeed({ nodeId: 'edge-1', after });
      seen.push(...page.endpoints.map(({ id }) => id));
      after = page.upTo;
      if (page.hasMore) continue;
      expect(pages).toBe(2);
      break;
    }
    expect(seen).toEqual(ids);
    for (const id of ids) await test.call('DELETE', `/endpoints/${id}`);
  });
});

describe('the settings of an account, as edges get them', () => {
  const ask = (version: number | null, secrets: { vault: string; name: string }[] = []) =>
    test.edge.accountSettings({
      nodeId: 'edge-1',
      accounts: [{ accountId: test.first.accountId, version, secrets }],
    });

  it('are newer after every change of policies, restrictions and secrets, and only then', async () => {
    const { changed } = await ask(null);
    let version = changed[0]?.version ?? -1;
    expect(changed[0]).toMatchObject({ suspended: false, secrets: [] });
    const step = async (method: string, path: string, body?: object) => {
      const answer = await test.call(method, path, { body });
      expect([path, answer.status < 300]).toEqual([path, true]);
      const [now] = (await ask(version)).changed;
      expect([method, path, (now?.version ?? 0) > version]).toEqual([method, path, true]);
      version = now?.version ?? version;
      expect((await ask(version)).changed).toEqual([]);
      return { id: String(answer.body.id), now };
    };
    const policy = String((await test.call('POST', '/ip_policies', { body: {} })).body.id);
    const rule = await step('POST', '/ip_policy_rules', { ip_policy_id: policy, cidr: '10.0.0.0/8', action: 'deny' });
    expect(rule.now?.ipPolicies).toEqual([{ id: policy, allow: [], deny: ['10.0.0.0/8'] }]);
    await step('PATCH', `/ip_policy_rules/${rule.id}`, { cidr: '10.1.0.0/16' });
    const restriction = await step('POST', '/ip_restrictions', { type: 'endpoints', ip_policy_ids: [policy] });
    expect(restriction.now?.restrictions).toEqual({
      agent: null,
      endpoints: { enforced: false, allow: [], deny: ['10.1.0.0/16'] },
    });
    const enforced = await step('PATCH', `/ip_restrictions/${restriction.id}`, { enforced: true });
    expect(enforced.now?.restrictions.endpoints?.enforced).toBe(true);
    await step('DELETE', `/ip_restrictions/${restriction.id}`);
    const none = await step('DELETE', `/ip_policies/${policy}`);
    expect(none.now?.ipPolicies).toEqual([]);
    const vault = String((await test.call('POST', '/vaults', { body: { name: 'keys' } })).body.id);
    const secret = await step('POST', '/vault_secrets', { name: 'token', value: 'open-sesame', vault_id: vault });
    await test.call('POST', '/vault_secrets', { body: { name: 'unnamed', value: 'stays-here', vault_id: vault } });
    const read = await ask(null, [
      { vault: 'keys', name: 'token' },
      { vault, name: 'token' },
      { vault: 'keys', name: 'absent' },
    ]);
    expect(read.changed[0]?.secrets).toEqual([
      { vault: 'keys', name: 'token', value: 'open-sesame' },
      { vault, name: 'token', value: 'open-sesame' },
    ]);
    expect(JSON.stringify(read)).not.toContain('stays-here');
    version = read.changed[0]?.version ?? version;
    await step('PATCH', `/vault_secrets/${secret.id}`, { value: 'other' });
    await step('PATCH', `/vaults/${vault}`, { name: 'renamed' });
    await step('DELETE', `/vault_secrets/${secret.id}`);
    const { root } = await makeCertificate('a.portico.localhost');
    const authority = await step('POST', '/certificate_authorities', { ca_pem: root });
    expect(authority.now?.certificateAuthorities).toEqual([{ id: authority.id, pem: root }]);
    await step('DELETE', `/certificate_authorities/${authority.id}`);
  });

  it('leave out a secret that cannot be opened, and hold the others', async () => {
    const vault = String((await test.call('POST', '/vaults', { body: { name: 'spoiled' } })).body.id);
    for (const name of ['good', 'bad']) {
      await test.call('POST', '/vault_secrets', { body: { name, value: `value of ${name}`, vault_id: vault } });
    }
    await test.database.queries.vaultSecret.updateMany({
      where: { vaultId: vault, name: 'bad' },
      data: { sealedValue: 'AAAA' },
    });
    const names = ['bad', 'good'].map((name) => ({ vault: 'spoiled', name }));
    expect((await ask(null, names)).changed[0]?.secrets).toEqual([
      { vault: 'spoiled', name: 'good', value: 'value of good' },
    ]);
  });

  it('of another account never hold these secrets, and an account that is gone is gone', async () => {
    const answer = await test.edge.accountSettings({
      nodeId: 'edge-1',
      accounts: [
        { accountId: other.accountId, version: null, secrets: [{ vault: 'renamed', name: 'unnamed' }] },
        { accountId: newId('ac'), version: null, secrets: [] },
      ],
    });
    expect(answer.changed).toMatchObject([{ accountId: other.accountId, secrets: [] }]);
    expect(answer.gone).toHaveLength(1);
  });
});
