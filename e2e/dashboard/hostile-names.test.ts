import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeCertificate } from '@portico/api/testing/certificates';
import { type CapturedExchange, InternalClient } from '@portico/api-contract/internal';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from '../support/dashboard-stage.ts';
import { findStrange, hostileTexts, packed } from '../support/hostile-texts.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage?.close();
});

describe('text that comes from agents', () => {
  it('stays text in every field where the page shows it', async () => {
    const texts = hostileTexts();
    const agent = stage.env.agent();
    // One endpoint shows one text as its description and as where its traffic goes.
    for (const [n, text] of texts.entries()) {
      await agent.listen(
        { proto: 'http', subdomain: `hostile-${n}`, name: text, metadata: text, forwardsTo: text },
        () => {},
      );
    }
    const { page, faults } = await stage.signedIn();
    await page.waitForSelector('[data-live=live]');
    await expect.poll(() => page.locator('[data-endpoint]').count(), { timeout: 20_000 }).toBe(texts.length);

    // Drawn by the server first and by the script afterwards; both are looked at.
    for (let round = 0; round < 2; round++) {
      expect(await page.evaluate('window.hacked')).toBeUndefined();
      const strange = await page.evaluate(findStrange);
      expect(strange).toEqual([]);
      await page.reload();
      await page.waitForSelector('[data-live=live]');
    }

    const first = await page.locator('[data-endpoint]', { hasText: `hostile-0.${stage.env.baseDomain}` }).textContent();
    expect(first).toContain('<script>window.hacked=0</script>');
    const turned = await page
      .locator('[data-endpoint]', { hasText: `hostile-23.${stage.env.baseDomain}` })
      .textContent();
    expect(turned).toContain('\\u{202e}>tpircs<23\\u{202c}');
    expect(faults).toEqual([]);
    await agent.close();
    await page.context().close();
  }, 300_000);
});

/** Texts that the database can hold. */
const texts = hostileTexts().filter((text) => !text.includes('\0'));
const descriptions = packed(texts, 255);
const metadata = packed(texts, 4_096);

interface Filled {
  /** Of the REST API. */
  readonly path: string;
  /** Of the dashboard. */
  readonly page: string;
  readonly count?: number;
  readonly body: (at: number, text: string) => Promise<object> | object;
}

/** Every kind of record with the texts in each field that takes any text. */
function filled(env: Stage['env'], certificate: Awaited<ReturnType<typeof makeCertificate>>): readonly Filled[] {
  const policyOf = (text: string) =>
    JSON.stringify({
      on_http_request: [
        {
          name: text,
          actions: [
            { type: 'custom-response', config: { body: text.replaceAll('${', () => '$${'), status_code: 200 } },
          ],
        },
      ],
    });
  const { chain, key, root } = certificate;
  return [
    { path: '/credentials', page: 'authtokens', body: () => ({}) },
    { path: '/api_keys', page: 'api-keys', body: () => ({}) },
    { path: '/reserved_domains', page: 'domains', body: (at) => ({ domain: `hostile${at}.${env.baseDomain}` }) },
    { path: '/reserved_addrs', page: 'tcp-addresses', count: 3, body: () => ({}) },
    {
      path: '/tls_certificates',
      page: 'certificates',
      count: 3,
      body: () => ({ certificate_pem: chain, private_key_pem: key }),
    },
    { path: '/certificate_authorities', page: 'certificates/authorities', count: 3, body: () => ({ ca_pem: root }) },
    { path: '/ip_policies', page: 'ip-policies', body: () => ({}) },
    { path: '/vaults', page: 'vaults', body: (at) => ({ name: `vault-${at}` }) },
    { path: '/service_users', page: 'service-users', body: (_at, text) => ({ name: text }) },
    {
      path: '/event_destinations',
      page: 'event-destinations',
      body: (_at, text) => ({
        target: {
          s3: {
            endpoint: 'https://s3.example.com',
            bucket: text,
            prefix: text,
            access_key_id: 'x',
            secret_access_key: 'x',
          },
        },
      }),
    },
    {
      path: '/event_subscriptions',
      page: 'event-destinations/subscriptions',
      body: () => ({ sources: [{ type: 'endpoint_start.v0' }] }),
    },
    {
      path: '/endpoints',
      page: 'policy',
      count: metadata.length,
      body: (at) => ({
        type: 'cloud',
        url: `https://cloud${at}.${env.baseDomain}`,
        traffic_policy: policyOf(metadata[at] ?? ''),
      }),
    },
  ];
}

describe('text that people and programs write into records', () => {
  it('stays text on every page that shows it', async () => {
    const { env } = stage;
    const { page, faults } = await stage.signedIn();
    const base = page.url().replace(/\/endpoints$/, '');
    const accountId = env.accountId;
    const api = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
      const answer = await fetch(env.api.publicUrl + path, {
        method,
        headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2', 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await answer.text();
      expect([path, answer.ok, text]).toEqual([path, true, text]);
      return JSON.parse(text);
    };

    const places: { readonly page: string; readonly id: string; readonly shown: readonly string[] }[] = [];
    for (const { path, page: at, count = descriptions.length, body } of filled(
      env,
      await makeCertificate(`own.${env.baseDomain}`),
    )) {
      const made: string[] = [];
      for (const [index, text] of descriptions.slice(0, count).entries()) {
        const common = path === '/service_users' ? {} : { description: text, metadata: metadata[index] ?? '' };
        made.push(String((await api('POST', path, { ...common, ...(await body(index, text)) })).id));
      }
      // The object is open over its list: all descriptions are on the page, and this one's metadata.
      for (const index of path === '/credentials' ? metadata.keys() : [0]) {
        places.push({
          page: at,
          id: made[index] ?? '',
          shown: [...descriptions.slice(0, count), metadata[index] ?? ''],
        });
      }
    }
    const [policyId = ''] = places.filter((place) => place.page === 'ip-policies').map(({ id }) => id);
    const [vaultId = ''] = places.filter((place) => place.page === 'vaults').map(({ id }) => id);
    for (const [index, description] of descriptions.entries()) {
      await api('POST', '/ip_policy_rules', { ip_policy_id: policyId, cidr: `203.0.113.${index}/32`, description });
      await api('POST', '/vault_secrets', { vault_id: vaultId, name: `secret-${index}`, value: 'x', description });
    }
    for (const [index, type] of ['dashboard', 'api', 'agent', 'endpoints'].entries()) {
      const body = { type, ip_policy_ids: [policyId], enforced: false, description: descriptions[index] };
      const { id } = await api('POST', '/ip_restrictions', body);
      if (index === 0)
        places.push({ page: 'ip-policies/restrictions', id: String(id), shown: descriptions.slice(0, 1) });
    }
    await api('PATCH', '/capture', { mode: 'full' });
    const told = await tellAsEdge(accountId);
    places.push({ page: 'identities', id: '', shown: told });
    places.push({ page: 'usage', id: '', shown: told.slice(0, 5) });
    // What was made stands in the log too, before and after.
    const { audit_events: events } = await api('GET', '/audit_events?limit=100');
    const event = Array.isArray(events) ? events.find(({ type }) => type === 'endpoint_created.v0') : null;
    places.push({ page: 'audit', id: String(event?.id), shown: [] });

    const seen = new Set<string>();
    for (const { page: at, id, shown } of places) {
      await page.goto(`${base}/${at}${id === '' ? '' : `/${id}`}`);
      const object =
        at === 'policy' ? page.getByLabel('Traffic policy, YAML') : page.locator('dialog[open] dd').first();
      if (id !== '') await object.waitFor();
      if (at !== 'policy') await expectShown(page, at, shown);
      expect([at, await page.evaluate(findStrange)]).toEqual([at, []]);
      const edit = page.locator('dialog[open]').getByRole('button', { name: 'Edit', exact: true });
      if (!seen.has(at) && (await edit.count()) > 0) {
        await edit.click();
        await page.locator('dialog[open] form').waitFor();
        expect([at, await page.evaluate(findStrange)]).toEqual([at, []]);
      }
      seen.add(at);
    }

    // The inspector, the page of an endpoint's policy, and pages that gather from all others.
    await page.goto(`${base}/inspector`);
    await page.locator('[data-exchange]').first().waitFor();
    expect(await page.evaluate(findStrange)).toEqual([]);
    await page.locator('[data-exchange] a').first().click();
    for (const name of ['Request', 'Response', 'Summary']) {
      await page.getByRole('tab', { name }).click();
      expect([name, await page.evaluate(findStrange)]).toEqual([name, []]);
    }
    for (const at of [
      'overview',
      'endpoints',
      'team',
      'event-destinations/new',
      'authtokens/new',
      'settings',
      'start',
    ]) {
      await page.goto(`${base}/${at}`);
      await page.locator('main :is(h2, h3, table, form, section):visible').first().waitFor();
      expect([at, await page.evaluate(findStrange)]).toEqual([at, []]);
    }
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(faults).toEqual([]);
    await page.context().close();
  }, 300_000);
});

/** Waits until the page has these texts as text. What hides in them is shown as signs of its own, which other tests read. */
async function expectShown(page: Page, at: string, shown: readonly string[]): Promise<void> {
  const parts = shown.flatMap((text) => text.split(/\p{C}|\p{Z}/u).filter((word) => word.length > 8));
  const missing = `((parts) => {
    const text = document.body.textContent;
    return parts.filter((part) => !text.includes(part));
  })(${JSON.stringify(parts)})`;
  await expect.poll(() => page.evaluate(missing), { message: at, timeout: 20_000 }).toEqual([]);
}

function phaseOf(text: string): NonNullable<CapturedExchange['policy']>['phases'][number] {
  const expressions = [{ source: text, value: null, error: text }];
  const actions = [{ type: text.slice(0, 64), effect: text, milliseconds: 1, ended: true }];
  return {
    url: text,
    phase: 'on_http_request',
    rules: [{ name: text, index: 0, verdict: 'fired', expressions, actions }],
    cut: true,
  };
}

/** What edges report: visitors who signed in, traffic, recorded requests. The texts that visitors' pages have to show. */
async function tellAsEdge(accountId: string): Promise<readonly string[]> {
  const credential = readFileSync(join(dirname(stage.env.caFile), 'node-edge.credential'), 'utf8').trim();
  const client = new InternalClient({ baseUrl: stage.env.api.internalUrl, credential, deadlineMs: 60_000 });
  const nodeId = 'made-up';
  const at = new Date().toISOString();
  const idOf = (prefix: string, n: number) => `${prefix}_${String(n).padStart(27, '0')}`;
  const shown = texts.map((text, n) => `${text}${n}`);
  await client.visitors({
    nodeId,
    sessions: shown.map((text, n) => ({
      id: idOf('appses', n),
      accountId,
      endpointId: null,
      publicUrl: text,
      provider: text,
      subject: text,
      username: text,
      email: text,
      name: text,
      ip: text.slice(0, 64),
      userAgent: text,
      startedAt: at,
      lastActiveAt: at,
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    })),
  });
  await client.reportUsage({
    nodeId,
    epoch: 'one',
    seq: 1,
    rows: shown.map((url, n) => ({
      accountId,
      endpointId: idOf('ep', n),
      url,
      minute: at,
      requests: 1_000 - n,
      connections: 1,
      bytesIn: 1,
      bytesOut: 1,
      errors: 0,
    })),
  });
  const side = {
    fields: shown.flatMap((text, n) => [`x-hostile-${n}`, text]),
    trailers: [],
    body: Buffer.from(JSON.stringify(shown)).toString('base64'),
    truncated: false,
  };
  const exchanges = shown.map(
    (text, n): CapturedExchange => ({
      id: idOf('req', n),
      accountId,
      endpointId: idOf('ep', 0),
      url: `https://hostile.${stage.env.baseDomain}`,
      at,
      clientIp: text.slice(0, 64),
      httpVersion: '1.1',
      method: text.slice(0, 64),
      host: text,
      target: `/${text}`,
      status: 200,
      errorCode: null,
      end: 'complete',
      timing: { policyMs: null, tunnelMs: 1, waitMs: 20, totalMs: 30 },
      requestBytes: 0,
      responseBytes: 1_000,
      agent: text.slice(0, 256),
      region: text.slice(0, 64),
      policy: { request: 'ended', response: null, logs: [text, { [text]: text }], phases: [phaseOf(text)] },
      replayOf: null,
      request: { ...side, fields: ['content-type', 'application/json', ...side.fields] },
      response: { ...side, fields: ['content-type', 'text/html', ...side.fields] },
    }),
  );
  await client.reportExchanges({ nodeId, epoch: 'one', seq: 1, exchanges, dropped: 0 });
  client.close();
  return shown;
}
