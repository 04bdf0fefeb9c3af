import { createServer } from 'node:http';
import { defaultLimits } from '@portico/api';
import { DnsServer } from '@portico/api/testing/dns-server';
import pg from 'pg';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage, type WatchedPage } from '../support/dashboard-stage.ts';

let stage: Stage;
let watched: WatchedPage;
let page: Page;
let base: string;
let dns: DnsServer;
/** Where events are sent: what came, and what is answered. */
const received: string[] = [];
let answers = 200;
const receiver = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => {
    received.push(body);
    response.writeHead(answers).end();
  });
});

beforeAll(async () => {
  dns = await DnsServer.open();
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const deliveries = { ...defaultLimits.deliveries, pollMs: 500, retryMs: 20, retryMaxMs: 40, refusalsMax: 2 };
  stage = await openStage({
    settings: { PORTICO_DNS_SERVERS: dns.address, PORTICO_OUTGOING_ALLOW: '127.0.0.1/32' },
    apiLimits: { deliveries },
  });
  watched = await stage.signedIn();
  page = watched.page;
  base = page.url().replace(/\/endpoints$/, '');
});
afterAll(async () => {
  await stage?.close();
  await dns?.close();
  receiver.closeAllConnections();
  receiver.close();
});

const row = (name: string) => page.locator('[data-record]', { hasText: name });
const submit = () => page.locator('dialog[open] button[type=submit]').click();
const press = (label: string) => page.getByRole('button', { name: label, exact: true }).click();

describe('lists of records', () => {
  it('make an authtoken whose secret is shown once, change it, and revoke it', async () => {
    await page.goto(`${base}/authtokens`);
    await row('Made at the first start').waitFor();
    await page.keyboard.press('n');
    await page.fill('[name=description]', 'laptop <b>of</b> Mira');
    await page.fill('[name=acl]', 'demo.example.com');
    await submit();
    await page.getByText('does not begin with bind:').waitFor();
    await page.fill('[name=acl]', 'bind:*.mira.portico.localhost');
    await submit();
    const secret = await page.locator('[data-secret]').textContent();
    expect(secret).toMatch(/^pat_/);
    await page.keyboard.press('Escape');
    await page.locator('[data-secret]').waitFor();
    await press('Done, I have it');
    await row('laptop <b>of</b> Mira').waitFor();
    expect(await page.content()).not.toContain(secret);

    await page.keyboard.press('/');
    await page.keyboard.type('mira');
    await expect.poll(() => page.locator('[data-record]').count()).toBe(1);
    await row('laptop').locator('a').click();
    await press('Edit');
    await page.fill('[name=description]', 'desktop of Mira');
    await submit();
    await page.locator('dialog[open] h2', { hasText: 'desktop of Mira' }).waitFor();
    await press('Revoke authtoken…');
    await press('Revoke authtoken');
    await expect.poll(() => row('desktop of Mira').count()).toBe(0);
  });

  it('say what the API refuses, and lose nothing that was typed', async () => {
    await page.goto(`${base}/domains/new`);
    await page.fill('[name=domain]', 'admin.portico.localhost');
    await submit();
    await page.locator('dialog[open] [role=alert]', { hasText: 'ERR_NGROK' }).waitFor();
    expect(await page.inputValue('[name=domain]')).toBe('admin.portico.localhost');
    await page.fill('[name=domain]', 'shop.portico.localhost');
    await submit();
    await page.locator('dialog[open] h2', { hasText: 'shop.portico.localhost' }).waitFor();
    expect(page.url()).toMatch(/\/domains\/rd_/);
    await page.reload();
    await page.locator('dialog[open] h2', { hasText: 'shop.portico.localhost' }).waitFor();
  });

  it('show what DNS says of a name of one’s own, and ask it again', async () => {
    dns.set('A', 'shop.linden-shop.com', '203.0.113.80');
    await page.goto(`${base}/domains/new`);
    await page.fill('[name=domain]', 'shop.linden-shop.com');
    await submit();
    await page.locator('dialog[open] h2', { hasText: 'shop.linden-shop.com' }).waitFor();
    const record = page.locator('[data-dns-record=CNAME]');
    await record.getByText('This is in the way').waitFor();
    await record.getByText('A 203.0.113.80').waitFor();
    const target = /d-[0-9a-f]{20}\.portico\.localhost/.exec((await record.textContent()) ?? '')?.[0] ?? 'none';
    await page.locator('[data-dns-record=CNAME] code', { hasText: target }).waitFor();
    await page.locator('[data-step=waiting]', { hasText: 'DNS points here' }).waitFor();

    dns.set('A', 'shop.linden-shop.com');
    dns.set('CNAME', 'shop.linden-shop.com', target);
    await press('Check again');
    await page.locator('[data-step=works]', { hasText: 'DNS points here' }).waitFor();
    await record.getByText(`Seen now: CNAME ${target}`).waitFor();
    // The name servers go away.
    dns.silent = true;
    await press('Check again');
    await page.locator('dialog[open] [role=status]', { hasText: 'name servers do not answer' }).waitFor();
    dns.silent = false;
    await press('Let the server obtain one');
    await page.locator('dialog[open] [role=alert]', { hasText: 'PORTICO_ACME_DIRECTORY' }).waitFor();
    await page.keyboard.press('Escape');
    await row('shop.linden-shop.com').getByText('offline').waitFor();
  });

  it('say how sending to a destination goes, try it, pause it, and send again what was given up', async () => {
    const address = receiver.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    await page.goto(`${base}/event-destinations/new`);
    await page.fill('[name=webhookUrl]', `http://127.0.0.1:${address.port}/events`);
    await page.fill('[name=description]', 'Operations');
    await submit();
    // Made by the server, so this is the only time that it is shown.
    await page.locator('[data-secret]', { hasText: 'whsec_' }).waitFor();
    await press('Done, I have it');
    await row('Operations').locator('a').click();
    await press('Send a test event');
    await page.locator('[data-said=done]', { hasText: 'The test event arrived' }).waitFor();
    expect(received.join()).toContain('test.v0');
    answers = 410;
    await press('Send a test event');
    await page.locator('[data-said=failed]', { hasText: '410' }).waitFor();
    await press('Pause');
    await page.locator('dialog[open] dd', { hasText: 'paused' }).waitFor();
    await press('Resume');
    await page.locator('dialog[open] dd', { hasText: 'working' }).waitFor();

    await page.goto(`${base}/event-destinations/subscriptions/new`);
    await page.fill('[name=sources]', 'service_user_created.v0');
    await page.locator('dialog[open] label', { hasText: 'Operations' }).click();
    await submit();
    await page.locator('dialog[open] li', { hasText: 'service_user_created.v0' }).waitFor();
    await page.goto(`${base}/service-users/new`);
    await page.fill('[name=name]', 'ci');
    await submit();
    await page.locator('dialog[open] h2', { hasText: 'ci' }).waitFor();
    await expect.poll(() => received.filter((body) => body.includes('service_user_created')).length).toBe(2);
    await page.goto(`${base}/event-destinations`);
    await row('Operations').locator('a').click();
    await page.locator('[data-given-up]', { hasText: 'service_user_created.v0' }).getByText('410').waitFor();
    answers = 200;
    await press('Send 1 given-up event again');
    await page.locator('[data-given-up]').waitFor({ state: 'detached' });
    await expect.poll(() => received.filter((body) => body.includes('service_user_created')).length).toBe(3);
  });

  it('change when the account does, by whoever’s hand, without anybody asking', async () => {
    await page.goto(`${base}/vaults`);
    const { env } = stage;
    const made = await fetch(`${env.api.publicUrl}/vaults`, {
      method: 'POST',
      headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2', 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'by-a-script' }),
    });
    expect(made.status).toBe(201);
    // Sooner than the list would ask by itself, which is once a minute.
    await row('by-a-script').waitFor({ timeout: 45_000 });
  });

  it('let everybody have keys of their own, revoked at once', async () => {
    await page.goto(`${base}/personal-tokens/new`);
    await page.fill('[name=description]', 'my scripts');
    await submit();
    const secret = page.locator('[data-secret]', { hasText: 'pt_' });
    await secret.waitFor();
    const token = (await secret.textContent()) ?? '';
    const ask = async () => {
      const { publicUrl } = stage.env.api;
      const headers = { authorization: `Bearer ${token}`, 'ngrok-version': '2' };
      return (await fetch(`${publicUrl}/vaults`, { headers })).status;
    };
    expect(await ask()).toBe(200);
    await press('Done, I have it');
    await row('my scripts').getByText('working').waitFor();
    await row('my scripts').locator('a').click();
    await press('Revoke now');
    await page.locator('dialog[open] dd', { hasText: 'revoked' }).first().waitFor();
    expect(await ask()).toBe(401);
  });

  it('hold the parts of an object: rules of an IP policy, secrets of a vault', async () => {
    await page.goto(`${base}/ip-policies/new`);
    await page.fill('[name=description]', 'office');
    await submit();
    await press('Add a rule');
    await page.fill('[name=cidr]', '203.0.113.0/24');
    await submit();
    await page.locator('dialog[open] li', { hasText: '203.0.113.0/24' }).waitFor();

    await page.goto(`${base}/vaults/new`);
    await page.fill('[name=name]', 'payments');
    await submit();
    await press('Add a secret');
    await page.fill('section [name=name]', 'hook');
    await page.fill('[name=value]', 'never shown again');
    await submit();
    await page.locator('dialog[open] li', { hasText: 'hook' }).waitFor();
    expect(await page.content()).not.toContain('never shown again');
  });

  it('tell who changed what', async () => {
    await page.goto(`${base}/audit`);
    await row('vault created').first().locator('a').click();
    await page.locator('dialog[open] dd', { hasText: 'payments' }).first().waitFor();
  });

  it('show the month against the limits of the plan, and by which endpoint', async () => {
    const database = new pg.Client({ connectionString: stage.env.databaseUrl });
    await database.connect();
    const { accountId, api, apiKey } = stage.env;
    await database.query('INSERT INTO plan (id, requests_per_month, reserved_domains) VALUES ($1, 1000, 100)', [
      'small',
    ]);
    const month = "date_trunc('month', now() at time zone 'utc')";
    await database.query(
      `INSERT INTO usage_month (account_id, month, requests, connections, bytes) VALUES ($1, ${month}, 950, 5, 1000)
       ON CONFLICT (account_id, month) DO UPDATE SET requests = 950`,
      [accountId],
    );
    for (const [url, requests] of Object.entries({
      'https://shop.example.com': 700,
      'https://docs.example.com': 250,
    })) {
      await database.query(
        `INSERT INTO usage (account_id, endpoint_id, minute, url, requests, connections, bytes_in, bytes_out, errors)
         VALUES ($1, $2, date_trunc('minute', now()), $2, $3, 1, 10, 10, 0)`,
        [accountId, url, requests],
      );
    }
    await database.query('UPDATE account SET plan = $2 WHERE id = $1', [accountId, 'small']);
    await database.end();
    const headers = { authorization: `Bearer ${apiKey}`, 'ngrok-version': '2' };
    const limits = async () => (await fetch(`${api.publicUrl}/usage/limits`, { headers })).text();
    await expect.poll(limits, { timeout: 20_000 }).toContain('"requests_per_month":{"used":950,"limit":1000}');
    await page.goto(`${base}/usage`);
    await page.locator('[data-limit=requests][data-nearness=almost]', { hasText: '950 of 1,000' }).waitFor();
    await page.locator('[data-limit=bytes][data-nearness=unlimited]').waitFor();
    await page.locator('[data-series="https://shop.example.com"]', { hasText: '700' }).click();
    await page.locator('[data-series="https://shop.example.com"][aria-pressed=false]').waitFor();
    await page.locator('[data-pace]').waitFor();
  });

  it('show what was last seen while the API is away', async () => {
    await page.goto(`${base}/authtokens`);
    await row('Made at the first start').waitFor();
    stage.gate.cut();
    await page.getByText('No contact with the API').first().waitFor();
    expect(await row('Made at the first start').count()).toBe(1);
    stage.gate.open();
    await page.getByText('No contact with the API').first().waitFor({ state: 'detached' });
    expect(watched.faults).toEqual([]);
  });
});
