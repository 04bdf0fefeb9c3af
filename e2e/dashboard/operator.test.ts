import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxeBuilder } from '@axe-core/playwright';
import { Client } from 'pg';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage, type WatchedPage } from '../support/dashboard-stage.ts';
import { visit } from '../support/visit.ts';

let stage: Stage;
let upstream: Server;
let database: Client;
let operator: WatchedPage;
let page: Page;
/** `/a/<account>` of the operator's own account. */
let base: string;

beforeAll(async () => {
  stage = await openStage();
  database = new Client({ connectionString: stage.env.databaseUrl });
  await database.connect();
  upstream = createServer((request, response) => {
    request.resume();
    response.end('served');
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  operator = await stage.signedIn();
  page = operator.page;
  base = page.url().replace(/\/endpoints$/, '');
});
afterAll(async () => {
  await database?.end();
  await stage?.close();
  upstream?.closeAllConnections();
  upstream?.close();
});

/** Another account with an agent and an endpoint; the operator is a member of it as well. */
async function tenant(name: string): Promise<{ accountId: string; url: string }> {
  const { env } = stage;
  const answer = await fetch(`${env.api.publicUrl}/credentials`, {
    method: 'POST',
    headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2', 'content-type': 'application/json' },
    body: '{}',
  });
  const made: { id: string; token: string } = JSON.parse(await answer.text());
  const accountId = `ac_${name}${'0'.repeat(27 - name.length)}`;
  await database.query('INSERT INTO account (id, name) VALUES ($1, $2)', [accountId, 'Linden & Co']);
  await database.query('UPDATE credential SET account_id = $1, owner_id = NULL WHERE id = $2', [accountId, made.id]);
  await database.query(
    `INSERT INTO membership (id, account_id, user_id, role) SELECT 'mb_x', $1, id, 'administrator' FROM "user"`,
    [accountId],
  );
  const { port } = upstream.address() as AddressInfo;
  const agent = env.agent({ authtoken: made.token });
  const endpoint = await agent.forward({ proto: 'http', subdomain: name, upstream: `127.0.0.1:${port}` });
  return { accountId, url: endpoint.url };
}

async function seriousFaults(): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

describe('the operator console', () => {
  it('shows the edges, and suspends an account with all that it has online', async () => {
    const { accountId, url } = await tenant('linden');
    expect((await visit(stage.env, url)).status).toBe(200);

    await page.goto(`${base}/operator`);
    const edge = page.locator('[data-edge]');
    await edge.getByText('working').waitFor();
    await page.waitForSelector('figure[aria-label="The path of the installation"]');

    await page.click('nav[aria-label="Parts of the console"] a:has-text("Accounts")');
    const row = page.locator(`[data-account="${accountId}"]`);
    await row.waitFor();
    await page.fill('input[type=search]', 'nobody is called that');
    await page.waitForSelector('h2:has-text("No account matches")');
    await page.fill('input[type=search]', 'linden');
    await row.waitFor();
    await row.locator('a').click();
    await page.waitForURL(new RegExp(`/operator/accounts/${accountId}$`));
    const drawer = page.locator('dialog', { hasText: accountId });
    await drawer.getByText('1 agent, 1 endpoint').waitFor();
    expect(await seriousFaults()).toEqual([]);

    await drawer.getByRole('button', { name: 'Suspend this account…' }).click();
    await page.fill('input[name=reason]', 'a phishing report');
    await page.getByRole('button', { name: 'Suspend account' }).click();
    await drawer.getByText(/Suspended by Owner, .*: a phishing report/).waitFor();
    await expect.poll(async () => (await visit(stage.env, url)).status, { timeout: 20_000 }).toBe(404);

    // Its own people are told, and can look.
    const theirs = await operator.page.context().newPage();
    await theirs.goto(`${new URL(base).origin}/a/${accountId}/authtokens`);
    await theirs.waitForSelector('text=/This account is suspended since .*: a phishing report/');
    await theirs.close();

    await drawer.getByRole('button', { name: 'Bring it back' }).click();
    await drawer.getByRole('button', { name: 'Suspend this account…' }).waitFor();
    const { rows } = await database.query('SELECT suspended_at FROM account WHERE id = $1', [accountId]);
    expect(rows).toEqual([{ suspended_at: null }]);
    expect(operator.faults).toEqual([]);
  });

  it('makes a plan and gives it to an account', async () => {
    await page.goto(`${base}/operator/plans`);
    await page.click('button:has-text("New plan")');
    await page.fill('input[name=id]', 'small-team');
    await page.fill('input[name=endpoints]', 'three');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('text=A limit is a whole number, or empty for none.');
    await page.fill('input[name=endpoints]', '3');
    await page.click('dialog button[type=submit]');
    await page.locator('[data-plan=small-team]').waitFor();

    await page.goto(`${base}/operator/accounts`);
    await page.locator('[data-account] a', { hasText: 'Linden & Co' }).click();
    await page.locator('dialog select').selectOption('small-team');
    await expect
      .poll(async () => (await database.query('SELECT plan FROM account WHERE name = $1', ['Linden & Co'])).rows)
      .toEqual([{ plan: 'small-team' }]);
  });

  it('is not there for anybody else', async () => {
    await database.query('UPDATE "user" SET is_operator = false');
    await page.goto(`${base}/operator/accounts`);
    await page.waitForSelector('h2:has-text("for those who run this installation")');
    expect(await page.locator('nav a:has-text("Operator console")').count()).toBe(0);
    expect(await page.locator('[data-account]').count()).toBe(0);
    await database.query('UPDATE "user" SET is_operator = true');
  });
});

describe('the palette', () => {
  it('goes to pages and endpoints and takes what is pasted, by the keyboard alone', async () => {
    const agent = stage.env.agent();
    const { port } = upstream.address() as AddressInfo;
    const endpoint = await agent.forward({ proto: 'http', subdomain: 'found', upstream: `127.0.0.1:${port}` });
    await page.goto(`${base}/endpoints`);
    await page.locator('[data-endpoint]', { hasText: 'found.' }).waitFor();
    const field = page.locator('dialog input[role=combobox]');
    const choose = async (text: string, expected: string): Promise<void> => {
      await page.keyboard.press('Control+k');
      await page.locator('dialog input[role=combobox]:focus').waitFor();
      await page.keyboard.type(text);
      await page.locator('[cmdk-item][data-selected=true]', { hasText: expected }).waitFor();
    };

    await choose('audit', 'Audit log');
    expect(await seriousFaults()).toEqual([]);
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/audit$/);
    await field.waitFor({ state: 'detached' });

    await choose('copy found', `Copy ${endpoint.url}`);
    await page.keyboard.press('Escape');
    await field.waitFor({ state: 'detached' });

    await choose(`${endpoint.url}/cart`, 'Requests of');
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.searchParams.get('q') === `endpoint:found.${stage.env.baseDomain}`);

    await choose('ERR_NGROK_8012', 'Requests that ended with ERR_NGROK_8012');
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.searchParams.get('q') === 'code:8012');
    expect(operator.faults).toEqual([]);
    await agent.close();
  });
});
