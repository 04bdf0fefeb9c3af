import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectAgent } from '@portico/agent';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { home, openStage, type Stage } from '../support/dashboard-stage.ts';

let stage: Stage;
let upstream: Server;

beforeAll(async () => {
  stage = await openStage();
  upstream = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'text/html');
    response.end('<title>My shop</title><h1>Hello from port 3000</h1>');
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await stage?.close();
  upstream?.closeAllConnections();
  upstream?.close();
});

/** Counts animations of columns from now on. */
const countLights = `globalThis.lights = 0;
  addEventListener('animationstart', ({ animationName }) => { if (animationName === 'stand') lights += 1; }, true)`;

describe('getting started', () => {
  it('leads a newcomer from sign-in to the page of their own app, and sees each step by itself', async () => {
    const { env, dashboard } = stage;
    const { page, faults } = await stage.page({ ignoreHTTPSErrors: true });
    await page.goto(`${dashboard.url}/sign-in`);
    await page.fill('#email', env.account.email);
    await page.fill('#password', env.account.password);
    await page.click('button[type=submit]');
    await page.waitForURL(home);
    expect(page.url()).toMatch(/\/start$/);
    await page.waitForSelector('h2:has-text("Waiting for your first tunnel")');
    await page.waitForSelector('[data-live=live]');
    let loads = 0;
    page.on('load', () => {
      loads += 1;
    });
    // Beside it, the same page for who wants less motion.
    const still = await page.context().newPage();
    await still.emulateMedia({ reducedMotion: 'reduce' });
    await still.goto(page.url());
    await still.waitForSelector('[data-live=live]');
    for (const each of [page, still]) await each.evaluate(countLights);

    // The token is made here, shown masked and copied whole.
    expect(await page.textContent('[data-secret-line]')).toBe('portico config add-authtoken YOUR_AUTHTOKEN');
    const made = page.waitForResponse('**/api/dashboard/v1/api/credentials');
    await page.click('button:has-text("Make an authtoken")');
    const { token }: { token: string } = await (await made).json();
    const line = page.locator('[data-secret-line]');
    await line.getByText(`${token.slice(0, 4)}••••••••••••${token.slice(-4)}`).waitFor();
    expect(await page.content()).not.toContain(token);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.locator('div:has(> [data-secret-line]) [data-copy]').click();
    await page.waitForSelector('text=Copied');
    const copied = await page.evaluate('navigator.clipboard.readText()');
    expect(copied).toBe(`portico config add-authtoken ${token}`);

    // Each SDK has its lines, with the same token.
    await page.keyboard.press('3');
    await page.locator('main pre', { hasText: 'WithAgentConnectCAs' }).waitFor();
    expect(await page.textContent('main pre')).toContain(env.connectUrl);
    expect(await page.textContent('main pre')).not.toContain('YOUR_AUTHTOKEN');
    await page.keyboard.press('1');

    const done = page.locator('li[data-done=true]');
    expect(await done.count()).toBe(0);
    const { port } = upstream.address() as AddressInfo;
    const agent = connectAgent({ connectUrl: env.connectUrl, ca: env.ca, authtoken: token, version: '9.8.7' });
    await page.waitForSelector('text=Agent 9.8.7 seen on');
    const endpoint = await agent.forward({ proto: 'http', subdomain: 'first', upstream: `127.0.0.1:${port}` });
    await page.waitForSelector('h2:has-text("Your first tunnel is live")');
    await expect.poll(() => done.count()).toBe(3);
    expect(await page.textContent('[data-url]')).toBe(endpoint.url.replace('https://', ''));
    await page.waitForSelector('figure[aria-label="From the visitor to the upstream, the path stands"]');

    // The columns light up once, but not for who wants less motion.
    await expect.poll(() => page.evaluate('globalThis.lights')).toBe(4);
    await still.waitForSelector('h2:has-text("Your first tunnel is live")');
    await still.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    expect(await still.evaluate('globalThis.lights')).toBe(0);
    await still.close();

    const opened = page.context().waitForEvent('page');
    await page.click('a:has-text("Open")');
    const shop = await opened;
    await shop.waitForSelector('h1:has-text("Hello from port 3000")');
    await page.getByText(/^\d+ so far$/).waitFor();
    await shop.close();

    // What breaks is said where it breaks.
    await agent.close();
    await page.waitForSelector('h2:has-text("Your tunnel went offline")');
    await page.waitForSelector('[data-tunnel=gone]');
    expect(loads).toBe(0);
    expect(faults).toEqual([]);

    // From now on the first page is the overview.
    await page.goto(dashboard.url);
    await page.waitForURL(/\/overview$/);
    await page.context().close();
  });
});
