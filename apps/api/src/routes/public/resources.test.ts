import { addToMonth, addUsage, monthOf, rollUpUsage, savePlan, setPlan, totalUsage, usageBuckets } from '@portico/db';
import { newId } from '@portico/service';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCertificate } from '../../testing/certificates.ts';
import { type Answer, type TestAccount, TestApi } from '../../testing/test-api.ts';

const agent = { version: '1', os: 'linux', arch: 'x64', clientType: 'portico', userAgent: 'portico/1' };

let test: TestApi;
let sql: pg.Client;

beforeAll(async () => {
  test = await TestApi.start();
  sql = new pg.Client({ connectionString: test.databaseUrl });
  await sql.connect();
});

afterAll(async () => {
  await sql.end();
  await test.close();
});

const itemsOf = (answer: Answer, key: string): Record<string, unknown>[] => {
  const items = answer.body[key];
  if (!Array.isArray(items)) throw new Error(answer.text);
  return items;
};

async function make(path: string, body: object, account?: TestAccount): Promise<Record<string, unknown>> {
  const answer = await test.call('POST', path, { body, key: account?.apiKey ?? test.first.apiKey });
  expect([path, answer.status, answer.text]).toEqual([path, 201, answer.text]);
  return answer.body;
}

describe('the log of changes', () => {
  it('tells who made, changed and removed what, from where, and shows no secret', async () => {
    const account = await test.newAccount();
    const { id, token } = await make('/credentials', { description: 'one' }, account);
    const call = (method: string, body?: object) =>
      test.call(method, `/credentials/${id}`, { key: account.apiKey, ...(body === undefined ? {} : { body }) });
    const updated = await call('PATCH', { description: 'two' });
    await call('DELETE');
    const answer = await test.call('GET', '/audit_events', { key: account.apiKey });
    const events = itemsOf(answer, 'audit_events');
    expect(events.map((event) => event.type).sort()).toEqual([
      'tunnel_credential_created.v0',
      'tunnel_credential_deleted.v0',
      'tunnel_credential_updated.v0',
    ]);
    const update = events.find((event) => event.type === 'tunnel_credential_updated.v0');
    expect(update).toMatchObject({
      object_id: id,
      before: { description: 'one' },
      after: { description: 'two' },
      actor: { id: null, credential_id: expect.stringMatching(/^ak_/), address: '127.0.0.1' },
      request_id: updated.headers.get('ngrok-operation-id'),
    });
    expect(answer.text).not.toContain(token);
  });

  it('has nothing to tell of changes that were refused', async () => {
    const account = await test.newAccount();
    await test.call('POST', '/credentials', { key: account.apiKey, body: { acl: ['nonsense'] } });
    await test.call('PATCH', `/credentials/${newId('cr')}`, { key: account.apiKey, body: {} });
    await make('/vaults', { name: 'twice' }, account);
    const again = await test.call('POST', '/vaults', { key: account.apiKey, body: { name: 'twice' } });
    expect(again.status).toBe(409);
    const events = itemsOf(await test.call('GET', '/audit_events', { key: account.apiKey }), 'audit_events');
    expect(events.map((event) => event.type)).toEqual(['vault_created.v0']);
  });

  it('cannot be changed, shortened or emptied through the database either', async () => {
    await make('/ip_policies', {});
    for (const statement of [
      `UPDATE audit_event SET address = 'x'`,
      'DELETE FROM audit_event',
      'TRUNCATE audit_event',
    ]) {
      await expect(sql.query(statement)).rejects.toThrow('append-only');
    }
    await sql.query(
      `INSERT INTO audit_event (id, account_id, at, type, credential_id, address, request_id, object_id)
       VALUES ('ev_old', 'ac_x', now() - interval '366 days', 't', 'c', 'a', 'r', 'o')`,
    );
    expect((await sql.query(`DELETE FROM audit_event WHERE id = 'ev_old'`)).rowCount).toBe(1);
  });
});

describe('secrets that an account entrusts', () => {
  it('stand in no row of the database and in no answer', async () => {
    const { chain, key } = await makeCertificate('sealed.portico.localhost');
    await make('/tls_certificates', { certificate_pem: chain, private_key_pem: key });
    const vault = await make('/vaults', { name: 'sealed' });
    const made = await make('/vault_secrets', { name: 'a', value: 'value-of-the-secret', vault_id: vault.id });
    await test.call('PATCH', `/vault_secrets/${made.id}`, { body: { value: 'another-value-of-it' } });
    const target = {
      webhook: { url: 'https://hooks.example', headers: { 'x-key': 'key-of-hook' }, signing_secret: 's3cr3t-of-hook' },
    };
    const destination = await make('/event_destinations', { target });
    expect(destination.target).toMatchObject({
      webhook: { url: 'https://hooks.example', headers: { 'x-key': '' }, signing_secret: '' },
      s3: null,
    });
    const tables = await sql.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
    );
    const lists = await Promise.all(
      [
        '/tls_certificates',
        '/vault_secrets',
        `/vaults/${vault.id}/secrets`,
        '/event_destinations',
        '/audit_events',
      ].map((path) => test.call('GET', path)),
    );
    const rows: string[] = [];
    for (const { name } of tables.rows) {
      const dump = await sql.query<{ row: string }>(`SELECT t::text AS row FROM "${name}" AS t`);
      rows.push(...dump.rows.map(({ row }) => row));
    }
    const everything = [...rows, ...lists.map(({ text }) => text)];
    expect(everything.length).toBeGreaterThan(10);
    for (const secret of [
      'PRIVATE KEY',
      'value-of-the-secret',
      'another-value-of-it',
      'key-of-hook',
      's3cr3t-of-hook',
    ]) {
      expect(everything.filter((text) => text.includes(secret))).toEqual([]);
    }
  });

  it('are refused when key and certificate do not belong together, or a chain is broken', async () => {
    const one = await makeCertificate('one.portico.localhost');
    const two = await makeCertificate('two.portico.localhost');
    for (const body of [
      { certificate_pem: one.chain, private_key_pem: two.key },
      { certificate_pem: one.chain + two.chain, private_key_pem: one.key },
      { certificate_pem: 'nonsense', private_key_pem: one.key },
      { certificate_pem: one.chain, private_key_pem: 'nonsense' },
    ]) {
      expect((await test.call('POST', '/tls_certificates', { body })).body.error_code).toBe('ERR_NGROK_215');
    }
    const noAuthority = await test.call('POST', '/certificate_authorities', { body: { ca_pem: one.chain } });
    expect(noAuthority.body.error_code).toBe('ERR_NGROK_215');
    const { id } = await make('/tls_certificates', { certificate_pem: one.chain, private_key_pem: one.key });
    const wrongName = await test.call('POST', '/reserved_domains', {
      body: { domain: 'three.portico.localhost', certificate_id: id },
    });
    expect(wrongName.body).toMatchObject({ error_code: 'ERR_NGROK_215', msg: expect.stringContaining('three.') });
  });
});

describe('IP restrictions', () => {
  const restrict = async (
    account: TestAccount,
    type: string,
    cidr: string,
    action: 'allow' | 'deny',
    enforced = true,
  ) => {
    const policy = await make('/ip_policies', {}, account);
    await make('/ip_policy_rules', { ip_policy_id: policy.id, cidr, action }, account);
    return make('/ip_restrictions', { type, enforced, ip_policy_ids: [policy.id] }, account);
  };

  it('of the API refuse others with 220 at once', async () => {
    const account = await test.newAccount();
    await restrict(account, 'api', '198.51.100.0/24', 'allow');
    const from = (ip: string) =>
      test.call('GET', '/credentials', { key: account.apiKey, headers: { 'x-forwarded-for': ip } });
    expect(await from('203.0.113.9')).toMatchObject({ status: 403, body: { error_code: 'ERR_NGROK_220' } });
    expect((await from('198.51.100.20')).status).toBe(200);
  });

  it('refuse nobody while they are not enforced', async () => {
    const account = await test.newAccount();
    await restrict(account, 'api', '198.51.100.0/24', 'allow', false);
    expect((await test.call('GET', '/credentials', { key: account.apiKey })).status).toBe(200);
  });

  it('of agents refuse sessions with 115, or 116 from a denied range', async () => {
    const authorize = (account: TestAccount, clientIp: string) =>
      test.edge.authorizeSession({ nodeId: 'edge-1', token: account.authtoken, clientIp, agent });
    const allowing = await test.newAccount();
    await restrict(allowing, 'agent', '198.51.100.0/24', 'allow');
    expect(await authorize(allowing, '203.0.113.9')).toMatchObject({ kind: 'refused', error: { code: 115 } });
    expect(await authorize(allowing, '198.51.100.7')).toMatchObject({ kind: 'granted' });
    const denying = await test.newAccount();
    await restrict(denying, 'agent', '203.0.113.0/24', 'deny');
    expect(await authorize(denying, '203.0.113.9')).toMatchObject({ kind: 'refused', error: { code: 116 } });
    expect(await authorize(denying, '198.51.100.7')).toMatchObject({ kind: 'granted' });
  });

  it('are one a surface, and keep the policies that they name', async () => {
    const account = await test.newAccount();
    const made = await restrict(account, 'endpoints', '10.0.0.0/8', 'allow');
    const again = await test.call('POST', '/ip_restrictions', { key: account.apiKey, body: { type: 'endpoints' } });
    expect(again.body.error_code).toBe('ERR_NGROK_1802');
    const [policy] = Array.isArray(made.ip_policies) ? made.ip_policies : [];
    const kept = await test.call('DELETE', `/ip_policies/${policy.id}`, { key: account.apiKey });
    expect(kept).toMatchObject({ status: 409, body: { error_code: 'ERR_NGROK_1407' } });
    const wrong = await test.call('POST', '/ip_policy_rules', {
      key: account.apiKey,
      body: { ip_policy_id: policy.id, cidr: '10.0.0.1/8' },
    });
    expect(wrong.body.error_code).toBe('ERR_NGROK_1409');
  });
});

describe('reserved addresses', () => {
  const bind = (account: TestAccount, port: number | null) =>
    test.edge.authorizeBind({
      nodeId: 'edge-1',
      accountId: account.accountId,
      credentialId: account.credentialId,
      proto: 'tcp',
      wanted: port === null ? { kind: 'any-port' } : { kind: 'port', port },
    });

  it('belong to their account, are given to nobody by chance, and rest a day for others', async () => {
    const [owner, other] = [await test.newAccount(), await test.newAccount()];
    const { id, addr } = await make('/reserved_addrs', {}, owner);
    const port = Number(String(addr).split(':')[1]);
    expect(await bind(owner, port)).toMatchObject({ kind: 'granted', port });
    expect(await bind(other, port)).toMatchObject({ kind: 'refused', error: { code: 309 } });
    for (const account of [owner, other]) {
      expect(await bind(account, null)).toMatchObject({ kind: 'granted', avoidPorts: expect.arrayContaining([port]) });
    }
    await test.call('DELETE', `/reserved_addrs/${id}`, { key: owner.apiKey });
    test.advance(23 * 3_600_000);
    expect(await bind(other, port)).toMatchObject({ kind: 'refused' });
    test.advance(2 * 3_600_000);
    expect(await bind(other, port)).toMatchObject({ kind: 'granted', port });
  });
});

describe('service users', () => {
  it('own secrets that work only while they are active, and end with them', async () => {
    const account = await test.newAccount();
    const user = await make('/service_users', { name: 'ci' }, account);
    const key = await make('/api_keys', { owner_id: user.id }, account);
    const credential = await make('/credentials', { owner_id: user.id }, account);
    const authorize = () =>
      test.edge.authorizeSession({ nodeId: 'edge-1', token: String(credential.token), clientIp: '127.0.0.1', agent });
    const reconcile = () =>
      test.edge.reconcile({ nodeId: 'edge-1', grants: [{ credentialId: String(credential.id), version: 1 }] });
    const call = () => test.call('GET', '/', { key: String(key.token) });
    expect((await call()).status).toBe(200);
    expect(await authorize()).toMatchObject({ kind: 'granted' });
    const set = (active: boolean) =>
      test.call('PATCH', `/service_users/${user.id}`, { key: account.apiKey, body: { active } });
    await set(false);
    expect(await call()).toMatchObject({ status: 403, body: { error_code: 'ERR_NGROK_4005' } });
    expect(await authorize()).toMatchObject({ kind: 'refused', error: { code: 4005 } });
    expect((await reconcile()).gone).toEqual([credential.id]);
    await set(true);
    expect((await call()).status).toBe(200);
    expect((await reconcile()).gone).toEqual([]);
    await test.call('DELETE', `/service_users/${user.id}`, { key: account.apiKey });
    expect((await call()).body.error_code).toBe('ERR_NGROK_203');
    expect(await authorize()).toMatchObject({ kind: 'refused', error: { code: 300 } });
  });
});

describe('lists with a filter', () => {
  it('show what fits, by pages whose next one keeps the filter', async () => {
    const account = await test.newAccount();
    for (let index = 0; index < 6; index += 1) {
      test.advance(1_000);
      await make('/ip_policies', { description: index % 2 === 0 ? 'even' : 'odd' }, account);
    }
    const filter = encodeURIComponent('obj.description == "even"');
    const seen: unknown[] = [];
    let path: string | null = `/ip_policies?limit=2&filter=${filter}`;
    while (path !== null) {
      const answer = await test.call('GET', path, { key: account.apiKey });
      seen.push(...itemsOf(answer, 'ip_policies').map((item) => item.description));
      const next = answer.body.next_page_uri;
      path = typeof next === 'string' ? next.slice(test.api.publicUrl.length) : null;
    }
    expect(seen).toEqual(['even', 'even', 'even']);
  });
});

describe('usage', () => {
  it('is moved into hours and days and stays the same sum', async () => {
    const account = await test.newAccount();
    const { accountId } = account;
    const start = Date.parse('2026-01-01T00:00:00Z');
    const counts = { requests: 1, connections: 1, bytesIn: 10, bytesOut: 100, errors: 0 };
    const rows = Array.from({ length: 180 }, (_none, index) => ({
      accountId,
      endpointId: index % 2 === 0 ? 'ep_a' : 'ep_b',
      url: 'https://a.portico.localhost',
      minute: new Date(start + index * 60_000).toISOString(),
      ...counts,
    }));
    const { queries } = test.database;
    await addUsage(queries, rows);
    const from = new Date(start);
    const to = new Date(start + 86_400_000);
    const stored = async () =>
      Number((await sql.query('SELECT count(*) FROM usage WHERE account_id = $1', [accountId])).rows[0].count);
    const whole = await totalUsage(queries, accountId, from);
    expect(whole).toMatchObject({ requests: 180, bytesOut: 18_000 });
    expect(await stored()).toBe(180);
    // By parts, as a sweep does; the last hour is not old enough.
    while ((await rollUpUsage(queries, { from: 'minute', before: new Date(start + 7_200_000), limit: 50 })) === 50);
    expect(await stored()).toBe(4 + 60);
    expect(await totalUsage(queries, accountId, from)).toEqual(whole);
    // A report that comes late is added to what was moved already.
    const [late] = rows;
    if (late === undefined) throw new Error('no row');
    await addUsage(queries, [late]);
    await rollUpUsage(queries, { from: 'minute', before: to, limit: 1_000 });
    await rollUpUsage(queries, { from: 'hour', before: to, limit: 1_000 });
    expect(await stored()).toBe(2);
    expect(await totalUsage(queries, accountId, from)).toMatchObject({ requests: 181, bytesOut: 18_100 });
    const days = await usageBuckets(queries, accountId, { from, to, span: 'day', byEndpoint: true, limit: 10 });
    expect(days.map((bucket) => [bucket.endpointId, bucket.requests])).toEqual([
      ['ep_b', 90],
      ['ep_a', 91],
    ]);
    const query = `from=${from.toISOString()}&to=${to.toISOString()}`;
    const answer = await test.call('GET', `/usage?${query}`, { key: account.apiKey });
    expect(answer.body.usage).toEqual([
      expect.objectContaining({
        start: from.toISOString(),
        span: 'day',
        endpoint_id: null,
        requests: 181,
        bytes_in: 1810,
      }),
    ]);
    for (const wrong of ['span=year', 'by=hour', 'from=yesterday']) {
      expect((await test.call('GET', `/usage?${wrong}`)).body.error_code).toBe('ERR_NGROK_215');
    }
  });
});

describe('the limits of an account', () => {
  it('are those of its plan, with what is used of them', async () => {
    const account = await test.newAccount();
    const { accountId, apiKey: key } = account;
    const { queries } = test.database;
    const look = async () => (await test.call('GET', '/usage/limits', { key })).body;
    const month = monthOf(test.now());
    expect(await look()).toMatchObject({
      plan: expect.any(String),
      month_start: month.toISOString(),
      requests_per_month: { used: 0, limit: null },
      sessions: { used: 0, limit: 1_000 },
      endpoints_per_session: { limit: 100 },
    });
    const plan = `small-${accountId}`;
    await savePlan(queries, plan, { requestsPerMonth: 100n, reservedDomains: 3, sessions: 2, requestsPerSecond: 10 });
    await setPlan(queries, accountId, plan);
    await addToMonth(queries, month, [{ accountId, requests: 90, connections: 7, bytes: 1_000 }]);
    await test.call('POST', '/reserved_domains', { key, body: { domain: 'limits.portico.localhost' } });
    // Plans are read anew when the database says that one has changed.
    await vi.waitFor(
      async () =>
        expect(await look()).toMatchObject({
          plan,
          requests_per_month: { used: 90, limit: 100 },
          connections_per_month: { used: 7, limit: null },
          bytes_per_month: { used: 1_000, limit: null },
          reserved_domains: { used: 1, limit: 3 },
          sessions: { used: 0, limit: 2 },
          requests_per_second: { limit: 10 },
        }),
      20_000,
    );
  });
});

describe('visitors who signed in by a policy', () => {
  it('are shown with their browser, and with the place of their address where an edge knows it', async () => {
    const account = await test.newAccount();
    const at = (ms: number) => new Date(test.now().getTime() + ms).toISOString();
    const id = newId('appses');
    const session = {
      id,
      accountId: account.accountId,
      endpointId: null,
      publicUrl: 'https://mine.portico.localhost',
      provider: 'google',
      subject: 'subject-1',
      username: '',
      email: 'visitor@example.com',
      name: 'Visitor',
      ip: '203.0.113.5',
      userAgent:
        'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1',
      place: { countryCode: 'DE', latitude: 53.55, longitude: 9.99, radiusKm: null },
      startedAt: at(0),
      lastActiveAt: at(0),
      expiresAt: at(3_600_000),
    };
    await test.edge.visitors({ nodeId: 'edge-1', sessions: [session] });
    const answer = await test.call('GET', `/app/sessions/${id}`, { key: account.apiKey });
    expect(answer.body.browser_session).toEqual({
      user_agent: {
        raw: session.userAgent,
        browser_name: 'Safari',
        browser_version: '17.4',
        device_type: 'mobile',
        os_name: 'iOS',
        os_version: '17.4',
      },
      ip_address: '203.0.113.5',
      location: { country_code: 'DE', latitude: 53.55, longitude: 9.99, lat_long_radius_km: null },
    });
  });
});

describe('hostile values', () => {
  it('that the database cannot store are refused, in bodies, paths and queries', async () => {
    for (const text of ['a\\u0000b', '\\ud800']) {
      const answer = await test.call('POST', '/ip_policies', { body: `{"description":"${text}"}` });
      expect([text, answer.status, answer.body.error_code]).toEqual([text, 400, 'ERR_NGROK_215']);
    }
    expect((await test.call('GET', '/credentials/%00')).status).toBe(404);
    expect((await test.call('GET', '/credentials?before_id=%00')).body.error_code).toBe('ERR_NGROK_215');
    expect((await test.call('GET', '/ip_policies?filter=obj.id%20%3D%3D%20%22%00%22')).status).toBe(200);
  });
});
