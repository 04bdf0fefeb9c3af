import { createServer, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Agent } from '@portico/agent';
import { firstLoadBytesMax } from '@portico/dashboard/first-load';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from '../support/dashboard-stage.ts';
import { visit } from '../support/visit.ts';

let stage: Stage;
let upstream: Server;
let upstreamPort: number;
beforeAll(async () => {
  stage = await openStage();
  upstream = createServer((request, response) => {
    request.resume();
    response.end('x'.repeat(1000));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const address = upstream.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  upstreamPort = address.port;
});
afterAll(async () => {
  await stage?.close();
  upstream?.closeAllConnections();
  upstream?.close();
});

const agents: Agent[] = [];
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.close()));
});

/** Closed when its test ends, however it ends. */
function openAgent(): Agent {
  const agent = stage.env.agent();
  agents.push(agent);
  return agent;
}

describe('the endpoints page', () => {
  it('says what to run while nothing is online', async () => {
    const { page, faults } = await stage.signedIn();
    await page.waitForSelector('text=No endpoint is online');
    expect(await page.textContent('main code')).toBe('portico http 3000');
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it('shows an endpoint as it comes, is used and goes, without a reload', async () => {
    const { page, faults } = await stage.signedIn();
    await page.waitForSelector('[data-live=live]');
    let loads = 0;
    page.on('load', () => {
      loads += 1;
    });

    const agent = openAgent();
    const endpoint = await agent.forward({
      proto: 'http',
      subdomain: 'shop',
      metadata: 'Checkout',
      upstream: `localhost:${upstreamPort}`,
    });
    const row = page.locator('[data-endpoint]:visible', { hasText: `shop.${stage.env.baseDomain}` });
    await row.waitFor();
    const text = await row.textContent();
    expect(text).toContain(endpoint.url);
    expect(text).toContain('Checkout');
    expect(text).toContain('Agent');
    expect(text).toContain(`localhost:${upstreamPort}`);
    await page.waitForSelector('[data-session]');
    expect(await page.textContent('nav a[aria-current=page]')).toBe('Endpoints1');

    for (let i = 0; i < 7; i++) {
      const answer = await visit(stage.env, endpoint.url);
      expect(answer.status).toBe(200);
    }
    await row.getByText('7', { exact: true }).first().waitFor();
    await row.locator('svg[aria-label="Edge, agent and upstream work"]').waitFor();
    const figures = page.locator('dl[aria-label^="Traffic"]');
    await figures.getByText('7', { exact: true }).first().waitFor();

    await agent.close();
    await row.waitFor({ state: 'detached' });
    await page.waitForSelector('text=No endpoint is online');
    const recent = page.locator('section[aria-labelledby=recent]');
    await recent.locator('li', { hasText: 'offline' }).filter({ hasText: endpoint.url }).waitFor();
    expect(loads).toBe(0);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it('says which upstream fails, in a line of its own', async () => {
    const { page } = await stage.signedIn();
    const agent = openAgent();
    const endpoint = await agent.forward({ proto: 'http', subdomain: 'down', upstream: 'localhost:1' });
    const row = page.locator('[data-endpoint]:visible', { hasText: `down.${stage.env.baseDomain}` });
    await row.locator('svg[aria-label^="Edge and agent work; nothing"]').waitFor();
    expect((await visit(stage.env, endpoint.url)).status).toBe(502);
    await row.locator('svg[aria-label="Upstream fails"]').waitFor();
    await row.getByText(/localhost:1 (refuses connections|fails) since \d\d:\d\d:\d\d/).waitFor();
    await page.waitForSelector('header >> text=1 failing');
    await page.context().close();
  });

  it('keeps what it last saw while there is no contact, says for how long, and goes on by itself', async () => {
    const { page } = await stage.signedIn();
    const agent = openAgent();
    await agent.forward({ proto: 'http', subdomain: 'kept', upstream: `localhost:${upstreamPort}` });
    const row = page.locator('[data-endpoint]:visible', { hasText: 'kept.' });
    await row.waitFor();
    stage.gate.cut();
    await page.waitForSelector('text=/No contact with the API for \\d+ s\\./');
    await page.waitForSelector('text=Tunnels keep working.');
    await page.waitForSelector('text=/As of \\d\\d:\\d\\d:\\d\\d\\./');
    expect(await row.isVisible()).toBe(true);
    await expect
      .poll(() => page.evaluate("getComputedStyle(document.querySelector('main > div')).opacity"))
      .toBe('0.62');
    stage.gate.open();
    await page.waitForSelector('[data-live=live]');
    await page.waitForSelector('text=No contact', { state: 'detached' });
    await agent.close();
    await row.waitFor({ state: 'detached' });

    await page.context().setOffline(true);
    await page.waitForSelector('text=Your browser is offline.');
    await page.context().setOffline(false);
    await page.waitForSelector('[data-live=live]');
    await page.context().close();
  });

  it('opens with a page that says so when the API is away, and with the endpoints when it is back', async () => {
    const { page } = await stage.signedIn();
    stage.gate.cut();
    await page.reload();
    await page.waitForSelector('text=The API does not answer');
    stage.gate.open();
    await page.waitForSelector('h1:has-text("Endpoints")');
    await page.context().close();
  });

  it('holds one stream, however long it is looked at', async () => {
    const { page } = await stage.signedIn();
    await page.waitForSelector('[data-live=live]');
    const streams: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/live')) streams.push(request.url());
    });
    await page.reload();
    await page.waitForSelector('[data-live=live]');
    const agent = openAgent();
    for (const name of ['one', 'two', 'three']) {
      await agent.forward({ proto: 'http', subdomain: name, upstream: `localhost:${upstreamPort}` });
      await page.locator('[data-endpoint]:visible', { hasText: `${name}.${stage.env.baseDomain}` }).waitFor();
    }
    expect(streams).toHaveLength(1);
    await page.context().close();
  });

  it('is worked by keys alone', async () => {
    const agent = openAgent();
    const urls: string[] = [];
    for (const name of ['keys-a', 'keys-b']) {
      const { url } = await agent.forward({ proto: 'http', subdomain: name, upstream: `localhost:${upstreamPort}` });
      urls.push(url);
    }
    const { page } = await stage.signedIn({ permissions: ['clipboard-read', 'clipboard-write'] });
    await page.waitForSelector('[data-endpoint]:nth-child(2)');
    // From here on the page listens to keys.
    await page.waitForSelector('[data-live=live]');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('c');
    await page.waitForSelector('[data-endpoint] >> text=Copied');
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(urls[0]);
    const outline = () =>
      page.evaluate(
        "((style) => style.outlineStyle + ' ' + style.outlineWidth)(getComputedStyle(document.activeElement))",
      );
    expect(await outline()).toBe('solid 2px');

    await page.getByRole('button', { name: 'Open a tunnel' }).focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open] >> text=portico tcp 5432');
    await page.keyboard.press('j');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog[open]', { state: 'detached' });
    expect(await page.locator(':focus').textContent()).toBe('Open a tunnel');
    await page.context().close();
  });

  it('draws the chosen theme in the first paint', async () => {
    const { page, faults } = await stage.signedIn({ colorScheme: 'light' });
    const canvas = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    expect(await canvas()).toBe('rgb(244, 244, 241)');
    await page.click('button[popovertarget]:visible');
    await page.click('label:has-text("Dark")');
    await expect.poll(canvas).toBe('rgb(12, 13, 14)');
    const answer = await page.reload();
    expect(await answer?.text()).toContain('data-theme="dark"');
    expect(await canvas()).toBe('rgb(12, 13, 14)');
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it('fits every width from 360 px on without scrolling sideways', async () => {
    const agent = openAgent();
    await agent.forward({
      proto: 'http',
      subdomain: 'a-very-long-name-that-somebody-gave-to-the-preview-of-a-branch',
      metadata: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft '.repeat(3),
      upstream: `localhost:${upstreamPort}`,
    });
    const { page } = await stage.signedIn();
    await page.waitForSelector('[data-endpoint]');
    for (const width of [360, 390, 639, 640, 800, 1024, 1100, 1280, 1440, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      const wide = (element: string) => page.evaluate(`document.querySelector('${element}').scrollWidth`);
      const seen = await page.evaluate("document.querySelector('main').clientWidth");
      expect(await wide('html'), `page at ${width}`).toBe(width);
      expect(await wide('main'), `content at ${width}`).toBe(seen);
    }
    await page.context().close();
  });

  it(`loads less than ${firstLoadBytesMax / 1000} kB of script, from this site only`, async () => {
    const { page } = await stage.signedIn();
    const scripts = new Map<string, Promise<Buffer>>();
    const elsewhere: string[] = [];
    page.on('response', (response) => {
      const url = response.url();
      if (!url.startsWith(stage.dashboard.url)) elsewhere.push(url);
      if (response.request().resourceType() !== 'script') return;
      const body = response.body();
      // Awaited below; until then nobody listens.
      body.catch(() => {});
      scripts.set(url, body);
    });
    await page.reload();
    await page.waitForSelector('[data-live=live]');
    const bodies = await Promise.all(scripts.values());
    const bytes = bodies.reduce((sum, body) => sum + gzipSync(body).length, 0);
    expect(bodies.length).toBeGreaterThan(3);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(firstLoadBytesMax);
    expect(elsewhere).toEqual([]);
    await page.context().close();
  });
});
