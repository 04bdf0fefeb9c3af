import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { joinAs } from '../support/colleague.ts';
import { openStage, type Stage, type WatchedPage } from '../support/dashboard-stage.ts';
import { long as isLong } from '../support/long.ts';
import { visit } from '../support/visit.ts';

/** Where pictures of every page go, when somebody wants them: `PORTICO_SCREENSHOTS=docs/screenshots`. */
const pictures = process.env.PORTICO_SCREENSHOTS;

const pages = [
  'start',
  'overview',
  'endpoints',
  'inspector',
  'agents',
  'connect',
  'domains',
  'tcp-addresses',
  'certificates',
  'certificates/authorities',
  'policy',
  'ip-policies',
  'ip-policies/restrictions',
  'vaults',
  'identities',
  'authtokens',
  'authtokens/new',
  'api-keys',
  'personal-tokens',
  'service-users',
  'team',
  'usage',
  'audit',
  'event-destinations',
  'event-destinations/new',
  'event-destinations/subscriptions',
  'settings',
  'operator',
  'operator/accounts',
  'operator/plans',
  'operator/certificates',
  'operator/storage',
];

let stage: Stage;
let watched: WatchedPage;
let page: Page;
let base: string;
const upstream = createServer((request, response) => {
  request.resume();
  const isBad = request.url?.startsWith('/checkout') === true;
  response.writeHead(isBad ? 500 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(isBad ? { error: 'no stock' } : { items: [{ id: 7, name: 'Kaffee' }], total: 12.5 }));
});

beforeAll(async () => {
  stage = await openStage();
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  await fill(port);
  watched = await stage.signedIn();
  page = watched.page;
  base = page.url().replace(/\/endpoints$/, '');
});
afterAll(async () => {
  await stage.close();
  upstream.close();
});

/** Something on every page. */
async function fill(port: number): Promise<void> {
  const { env } = stage;
  const api = async (method: string, path: string, body: object): Promise<string> => {
    const answer = await fetch(env.api.publicUrl + path, {
      method,
      headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    expect([path, answer.ok, text]).toEqual([path, true, text]);
    const made: unknown = JSON.parse(text);
    return typeof made === 'object' && made !== null && 'id' in made ? String(made.id) : '';
  };
  await api('PATCH', '/capture', { mode: 'full' });
  await api('POST', '/credentials', { description: 'CI of the shop', acl: [`bind:*.preview.${env.baseDomain}`] });
  await api('POST', '/reserved_domains', { domain: `shop.${env.baseDomain}`, description: 'The shop' });
  await api('POST', '/reserved_addrs', { description: 'The staging database' });
  const policy = await api('POST', '/ip_policies', { description: 'Office in Hamburg' });
  await api('POST', '/ip_policy_rules', { ip_policy_id: policy, cidr: '203.0.113.0/24' });
  await api('POST', '/ip_restrictions', { type: 'endpoints', ip_policy_ids: [policy], enforced: false });
  const vault = await api('POST', '/vaults', { name: 'payments' });
  await api('POST', '/vault_secrets', { name: 'webhook-key', value: 'x', vault_id: vault });
  await api('POST', '/service_users', { name: 'ci' });
  const destination = await api('POST', '/event_destinations', {
    description: 'Operations',
    target: { webhook: { url: 'https://hooks.example.com/portico' } },
  });
  await api('POST', '/event_subscriptions', {
    sources: [{ type: 'endpoint_start.v0' }],
    destination_ids: [destination],
  });
  await api('POST', '/endpoints', {
    type: 'cloud',
    url: `https://soon.${env.baseDomain}`,
    traffic_policy: 'on_http_request: [{name: soon, actions: [{type: custom-response, config: {body: soon}}]}]',
  });
  const endpoint = await env.agent().forward({ proto: 'http', subdomain: 'shop', upstream: `127.0.0.1:${port}` });
  for (const path of ['/', '/api/cart', '/checkout?step=2', '/assets/index.js', '/api/cart', '/']) {
    await visit(env, endpoint.url + path, path.startsWith('/checkout') ? { method: 'POST', body: '{"id":7}' } : {});
  }
}

async function open(path: string): Promise<void> {
  await page.goto(`${base}/${path}`);
  await page.locator('main :is(h2, table, form, section, [data-exchange]):visible').first().waitFor();
  // Rows stand where the outlines of rows did.
  await page.locator('main .show-late').first().waitFor({ state: 'detached' });
}

/** Colours on their way from one theme to the other have no contrast worth measuring; what never ends is no such way. */
async function stillness(): Promise<void> {
  await page.evaluate(`Promise.allSettled(
    document.getAnimations()
      .filter((animation) => animation.effect.getComputedTiming().endTime !== Infinity)
      .map((animation) => animation.finished))`);
}

/** All rules in one theme; in the other only what differs between them. */
async function faultsOf(what: string, rules: readonly string[] = []): Promise<string[]> {
  await stillness();
  const builder = new AxeBuilder({ page }).exclude('[data-policy-editor]').options({ resultTypes: ['violations'] });
  if (rules.length > 0) builder.withRules([...rules]);
  const { violations } = await builder.analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${what}: ${id} at ${nodes.slice(0, 3).map(({ target }) => target.join(' '))}`);
}

describe('every page', () => {
  // One visit to each page for all that is looked at: on a busy machine a visit takes seconds.
  it('can be used by everybody, in light and in dark, and never scrolls sideways on a small screen', async () => {
    const faults: string[] = [];
    for (const [at, path] of pages.entries()) {
      await page.setViewportSize({ width: 1440, height: 900 });
      await open(path);
      faults.push(...(await faultsOf(`${path}, light`)));
      await picture(path, 'light');
      if (isLong || pictures !== undefined || at % 2 === 0) {
        await page.emulateMedia({ colorScheme: 'dark' });
        faults.push(...(await faultsOf(`${path}, dark`, isLong ? [] : ['color-contrast'])));
        await picture(path, 'dark');
        await page.emulateMedia({ colorScheme: 'light' });
      }
      for (const width of [390, 360]) {
        await page.setViewportSize({ width, height: 844 });
        if (await page.evaluate('document.documentElement.scrollWidth > innerWidth')) {
          faults.push(`${path} scrolls sideways at ${width}`);
        }
        if (width === 390) await picture(path, '390');
      }
    }
    expect(faults).toEqual([]);
    expect(watched.faults).toEqual([]);
  }, 600_000);

  it('offers nothing that changes the account to who may only look', async () => {
    const viewer = await joinAs(stage, page, { role: 'viewer', email: 'looks@harbor.example', name: 'A viewer' });
    const offered: string[] = [];
    for (const path of pages.filter((one) => !own.includes(one) && !one.startsWith('operator'))) {
      await viewer.page.goto(`${base}/${path}`);
      const content = viewer.page.locator('main :is(h2, table, section, [data-exchange]):visible').first();
      await content.waitFor();
      if (closed.includes(path)) await viewer.page.getByText('You may not see').waitFor();
      const object = viewer.page.locator('[data-record] a').first();
      if ((await object.count()) > 0 && !path.endsWith('/new')) {
        await object.click();
        await viewer.page.locator('dialog[open] dd, [data-policy-editor]').first().waitFor();
      }
      const labels = await viewer.page.locator(':is(header, main, dialog) button:visible').allTextContents();
      offered.push(...labels.filter((label) => changes.test(label.trim())).map((label) => `${path}: ${label}`));
      expect([path, await viewer.page.locator('dialog[open] form').count()]).toEqual([path, 0]);
    }
    expect(offered).toEqual([]);
    expect(viewer.faults).toEqual([]);
    await viewer.page.context().close();
  }, 300_000);
});

/** What everybody may change, since it is theirs. */
const own = ['settings', 'personal-tokens'];
/** What is not even shown to who may only look. */
const closed = ['api-keys', 'audit'];
const changes =
  /^(New|Add|Invite|Reserve|Upload|Make|Send|Revoke|Remove|Give up|Delete|Edit|Save|Publish|Attach|Detach|Let the server|Resume|Turn|Stop|Restart|Replay|Check again|Sign .*out)/;

async function picture(path: string, kind: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await stillness();
  await page.screenshot({ path: join(pictures, `${path.replaceAll('/', '-')}-${kind}.png`) });
}
