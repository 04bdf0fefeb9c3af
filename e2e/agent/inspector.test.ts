import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ConnectServer, type ServerSession } from '@portico/agent/testing';
import { CliHome } from '@portico/cli/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/browser.ts';

const shots = process.env.PORTICO_SHOTS;

/** The page at 4040 in a real browser, fed by a real agent process with traffic that tries to break out. */
describe('the inspector', () => {
  const cleanups: (() => Promise<unknown> | unknown)[] = [];
  let server: ConnectServer;
  let session: ServerSession;
  let browser: Browser;
  let page: Page;
  let base: string;
  const seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  const problems: string[] = [];

  beforeAll(async () => {
    const app = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => app.close());
    const home = await CliHome.make();
    cleanups.push(() => home.remove());
    server = await ConnectServer.start();
    cleanups.push(() => server.close());
    await writeFile(join(home.path, 'ca.pem'), server.caPem);
    const config = join(home.path, 'agent.yml');
    await writeFile(
      config,
      `version: 3\nagent: {authtoken: tok, connect_url: "${server.connectUrl}", connect_cas: ca.pem, web_addr: "127.0.0.1:0"}\n`,
    );
    const { port } = app.address() as AddressInfo;
    const cli = home.start(['http', String(port), '--subdomain', 'shop', '--config', config]);
    const [, addr] = await cli.saw(/msg="starting web service" obj=web addr=(\S+)/);
    await cli.saw(/url=https/);
    base = `http://${addr}`;
    session = await server.until(() => server.live);
    browser = await launchBrowser();
    cleanups.push(() => browser.close());
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('dialog', (dialog) => {
      problems.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  });
  afterAll(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean();
  });

  function answer(request: IncomingMessage, response: ServerResponse): void {
    switch (request.url?.split('?')[0]) {
      case '/api/checkout':
        if (request.url?.endsWith('?again')) {
          response.writeHead(409, { 'content-type': 'application/json', 'x-cart': 'other' });
          response.end('{"allowed":["eur","usd"],"total":12}');
          return;
        }
        response.writeHead(422, { 'content-type': 'application/json' });
        response.end('{"error":"currency not enabled","allowed":["eur","gbp"]}');
        return;
      case '/page':
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end(
          '<title>x</title><script>parent.pwned = 1; alert(1)</script><img src=x onerror=alert(2)><h1>hello</h1>',
        );
        return;
      case '/picture':
        response.writeHead(200, { 'content-type': 'image/svg+xml' });
        response.end('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(3)"><script>alert(4)</script></svg>');
        return;
      case '/refused':
        response.writeHead(403, { 'content-type': 'text/plain' });
        response.end('Blocked request. This host ("shop.portico.test") is not allowed.');
        return;
      default:
        response.writeHead(200, { 'content-type': 'text/plain', 'x-hostile': '<img src=x onerror=alert(5)>' });
        response.end('<script>alert(6)</script>\u202egnp.exe');
    }
  }

  async function visit(path: string, more = '', body = ''): Promise<void> {
    const method = body === '' ? 'GET' : 'POST';
    const length = body === '' ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
    const visitor = session.visit({
      first: `${method} ${path} HTTP/1.1\r\nhost: shop.portico.test\r\nx-forwarded-proto: https\r\n${more}${length}connection: close\r\n\r\n${body}`,
    });
    await visitor.ended;
    visitor.stream.end();
  }

  const isUnexpected = (text: string): boolean => !/sandboxed|Content.Security.Policy/i.test(text);

  const row = (path: string) => page.locator('#rows tr', { hasText: path }).first();
  const shot = async (name: string) => {
    if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}.png`) });
  };

  it('shows requests as they come, and their bodies by kind', async () => {
    await page.goto(base);
    expect(page.url()).toBe(`${base}/inspect/http`);
    await page.getByText('Online').waitFor();
    await visit('/first');
    await row('/first').waitFor();
    await visit(
      '/api/checkout?a=1&b=two',
      'content-type: application/json\r\nx-debug: 7\r\n',
      '{"cart":"crt_8Zk1","items":2}',
    );
    await row('/api/checkout').click();
    await page.getByText('"currency not enabled"').waitFor();
    expect(await page.locator('.chip.s4').textContent()).toBe('422');
    expect(await page.locator('.pairs').first().textContent()).toContain('two');
    await page.getByRole('tab', { name: 'Headers' }).click();
    await page.getByRole('cell', { name: 'x-debug' }).waitFor();
    await page.getByRole('tab', { name: 'Raw' }).click();
    expect(await page.locator('pre').first().textContent()).toMatch(/^POST \/api\/checkout\?a=1&b=two HTTP\/1\.1\n/);
    await page.getByRole('tab', { name: 'Summary' }).click();
  });

  it('sends a request again, as it was and with changes', async () => {
    await row('/api/checkout').click();
    await page.locator('#edit').click();
    await page.getByLabel('Body').fill('{"cart":"other"}');
    await page.getByText('+ Add a header').click();
    await page.getByLabel('Header name').last().fill('x-added');
    await page.getByLabel('Value of').last().fill('yes');
    await page.getByRole('button', { name: 'Remove x-debug' }).click();
    await page.getByLabel('Path').fill('/api/checkout?again');
    await shot('inspector-light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await shot('inspector-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText(/Last answer/).waitFor();
    const sent = seen.at(-1);
    expect(sent).toMatchObject({ method: 'POST', url: '/api/checkout?again', body: '{"cart":"other"}' });
    expect(sent?.headers).toMatchObject({ 'x-added': 'yes', host: 'shop.portico.test' });
    expect(sent?.headers['x-debug']).toBeUndefined();
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByRole('tab', { name: 'Compare' }).click();
    const differences = page.locator('.differences tbody tr');
    await differences.first().waitFor();
    expect((await differences.allInnerTexts()).map((text) => text.split(/\s*\t\s*/))).toEqual([
      ['status', '422 Unprocessable Entity', '409 Conflict'],
      ['x-cart', '–', 'other'],
      ['body.error', '"currency not enabled"', '–'],
      ['body.allowed[1]', '"gbp"', '"usd"'],
      ['body.total', '–', '12'],
    ]);
    expect(await page.locator('.differences thead').textContent()).toMatch(/First, \d\d:\d\d:\d\d\.\d{3}This one/);
    await shot('inspector-compare');
    await page.getByRole('tab', { name: 'Summary' }).click();
    await row('/first').click();
    await page.locator('#replay').click();
    await expect.poll(() => seen.filter(({ url }) => url === '/first').length).toBe(2);
  });

  it('finds by path, status, header and body', async () => {
    const paths = () => page.locator('#rows tr td:nth-child(3)').allTextContents();
    await page.locator('#filter').fill('status:4xx');
    await expect.poll(paths).toEqual(['↻ /api/checkout?again', '/api/checkout?a=1&b=two']);
    await page.locator('#filter').fill('header:x-debug=7');
    await expect.poll(paths).toEqual(['/api/checkout?a=1&b=two']);
    await page.locator('#filter').fill('body:crt_8Zk1 -path:again');
    await expect.poll(paths).toEqual(['/api/checkout?a=1&b=two']);
    await page.locator('#filter').fill('duration:>100000');
    await page.getByText(/No request matches/).waitFor();
    await page.locator('#filter').fill('');
  });

  it('runs nothing that comes from traffic, rendered or not', async () => {
    const hostile = [
      '/"><img/src=x/onerror=alert(7)>',
      '/javascript:alert(8)',
      "/';alert(9)//",
      '/$%7Balert(10)%7D',
      '/%3Cscript%3Ealert(11)%3C/script%3E',
    ];
    for (const path of hostile)
      await visit(path, 'user-agent: <svg/onload=alert(12)>\r\ncookie: <script>alert(13)</script>\r\n');
    for (const path of ['/page', '/picture']) await visit(path);
    for (const tab of ['Summary', 'Headers', 'Raw', 'Binary']) {
      for (const path of [...hostile, '/page', '/picture']) {
        await row(path).click();
        await page.getByRole('tab', { name: tab }).click();
        await page.locator('.facts').waitFor();
      }
    }
    await page.getByRole('tab', { name: 'Summary' }).click();
    for (const path of ['/page', '/picture']) {
      await row(path).click();
      await page.getByRole('button', { name: 'Render' }).click();
      const frame = page.locator('iframe');
      await frame.waitFor();
      expect(await frame.getAttribute('sandbox')).toBe('');
    }
    await row('/page').click();
    await page.getByRole('button', { name: 'Render' }).click();
    await page.frameLocator('iframe').getByText('hello').waitFor();
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    // What the sandbox stopped is told on the console; nothing else may be.
    expect(problems.filter(isUnexpected)).toEqual([]);
    // A mark that turns the writing direction stays visible as such.
    await row('/first').click();
    await expect.poll(() => page.locator('pre').last().textContent()).toContain('\\u202egnp.exe');
  });

  it('shows what the upstream refuses, with the line that mends it', async () => {
    await visit('/refused');
    await page.getByText('Vite refuses this Host.').waitFor();
    await page.getByText('server: { allowedHosts: ["shop.portico.test"] }').waitFor();
  });

  it('gives a HAR, clears, and has a status page', async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#har').click()]);
    expect(download.suggestedFilename()).toBe('portico.har');
    const har = await (await fetch(`${base}/inspect/har`)).text();
    expect(JSON.parse(har)).toMatchObject({ log: { version: '1.2' } });
    expect(JSON.parse(har).log.entries.length).toBeGreaterThan(8);
    await page.getByRole('link', { name: 'Status' }).click();
    await page.getByRole('heading', { name: 'command_line' }).waitFor();
    await page.getByRole('cell', { name: 'https://shop.portico.test' }).waitFor();
    await page.getByRole('cell', { name: '0, because too many came at once' }).waitFor();
    await shot('inspector-status');
    await page.getByRole('link', { name: 'Requests' }).click();
    await page.locator('#clear').click();
    await page.getByText('No request yet').waitFor();
    expect(problems.filter(isUnexpected)).toEqual([]);
  });

  it('fits a narrow screen', async () => {
    await visit('/narrow');
    await page.setViewportSize({ width: 390, height: 844 });
    await row('/narrow').click();
    await page.locator('.facts').waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    await shot('inspector-narrow');
  });
});
