import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type CapturedExchange, InternalClient } from '@portico/api-contract/internal';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { openStage, type Stage, type WatchedPage } from '../support/dashboard-stage.ts';
import { visit } from '../support/visit.ts';

let stage: Stage;
let watched: WatchedPage;
let page: Page;
let base: string;
let url: string;
let isBroken = true;
const upstream = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    const hostile = '<img src=x onerror="document.title=\'owned\'">\u202e';
    response.writeHead(isBroken ? 500 : 200, { 'content-type': 'application/json', 'x-hostile': '<b>x</b>' });
    response.end(JSON.stringify({ ok: !isBroken, note: hostile }));
  });
});

const sockets = new WebSocketServer({ server: upstream, perMessageDeflate: { threshold: 0 } });
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`you said ${data}`)));

beforeAll(async () => {
  stage = await openStage();
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  const forwarded = await stage.env
    .agent()
    .forward({ proto: 'http', subdomain: 'seen', upstream: `127.0.0.1:${port}` });
  url = forwarded.url;
  watched = await stage.signedIn();
  page = watched.page;
  base = page.url().replace(/\/endpoints$/, '');
});
afterAll(async () => {
  await stage.close();
  sockets.close();
  upstream.close();
});

const row = (text: string) => page.locator('[data-exchange]', { hasText: text });
const rows = () => page.locator('[data-exchange]').count();

describe('the inspector', () => {
  it('keeps nothing until it is told to, then shows requests as they pass', async () => {
    await page.goto(`${base}/inspector`);
    await page.getByRole('button', { name: 'Turn capture on' }).click();
    await page.locator('dialog[open] button[type=submit]').click();
    await page.getByRole('heading', { name: 'No request yet' }).waitFor();
    await expect
      .poll(
        async () => {
          await visit(stage.env, `${url}/first`);
          return rows();
        },
        { timeout: 15_000 },
      )
      .toBeGreaterThan(0);
  });

  it('finds one, and shows what was in it without running any of it', async () => {
    await visit(stage.env, `${url}/search/me?x=1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer hidden-from-all' },
      body: '{"a":"<script>document.title=1</script>"}',
    });
    await row('/search/me').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('method:POST status:5xx');
    await expect.poll(rows, { timeout: 10_000 }).toBe(1);
    expect(decodeURIComponent(page.url())).toContain('q=method:POST status:5xx');
    await page.keyboard.press('Enter');
    await row('/search/me').locator('a').click();
    await page.getByText('<script>document.title=1</script>').first().waitFor();
    await page.getByRole('tab', { name: 'Request' }).click();
    await page.getByText('hidden by settings').waitFor();
    await page.getByRole('tab', { name: 'Response' }).click();
    await page.getByText('<b>x</b>').waitFor();
    expect(await page.content()).not.toContain('hidden-from-all');
    expect(await page.title()).toContain('Inspector');
  });

  it('sends it again, changed, and tells the two answers apart', async () => {
    isBroken = false;
    await page.locator('main').click({ position: { x: 5, y: 5 } });
    await page.getByRole('button', { name: 'Replay with changes' }).click();
    await page.getByLabel('Path', { exact: true }).fill('/search/again');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    const marks = page.getByRole('checkbox', { name: /^Compare/ });
    await expect.poll(() => marks.count(), { timeout: 10_000 }).toBe(2);
    await marks.nth(0).click();
    await marks.nth(1).click();
    const difference = page.getByRole('region', { name: 'Difference of the answers' });
    await difference.getByText('2 differences').waitFor();
    await difference.getByText('ok', { exact: true }).waitFor();
    expect(await difference.textContent()).toContain('500');
  });

  it('shows the messages of a WebSocket while they pass, and runs none of them', async () => {
    const { hostname } = new URL(url);
    const client = new WebSocket(`wss://${hostname}:${stage.env.https.port}/chat`, {
      lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
      ca: readFileSync(stage.env.caFile),
    });
    await new Promise((resolve, reject) => client.once('open', resolve).once('error', reject));
    await page.goto(`${base}/inspector`);
    await row('/chat').getByText('WS', { exact: true }).waitFor();
    await row('/chat').getByText('open', { exact: true }).waitFor();
    await row('/chat').locator('a').click();
    await page.getByRole('tab', { name: 'Messages' }).click();
    await page.getByText('No message yet').waitFor();
    client.send('<img src=x onerror="document.title=\'owned\'">');
    await page.locator('[data-message="2"]').getByText('you said <img src=x').waitFor();
    client.send(Buffer.from([1, 2, 255]));
    await page.locator('[data-message="3"]').getByText('01 02 ff').waitFor();
    await page.locator('[data-message="2"] button').click();
    await page.getByRole('region', { name: 'Message', exact: true }).getByText('you said <img').waitFor();
    await page.getByRole('button', { name: 'From the upstream', exact: true }).click();
    await expect.poll(() => page.locator('[data-message]').count()).toBe(2);
    client.close(1000, 'enough');
    await page.locator('[data-message="6"]').getByText('1000 enough').waitFor();
    await page.getByRole('tab', { name: 'Summary' }).click();
    await page.getByText('and is closed').waitFor();
    expect(await page.title()).toContain('Inspector');
  });

  it('says which rules of a policy fired, and why the others did not', async () => {
    const rule = (name: string, type: string, config: object, expressions: string[] = []) => ({
      name,
      expressions,
      actions: [{ type, config }],
    });
    const guarded = await stage.env.agent().forward({
      proto: 'http',
      subdomain: 'guarded',
      upstream: `127.0.0.1:${(upstream.address() as AddressInfo).port}`,
      trafficPolicy: JSON.stringify({
        on_http_request: [
          rule('mark', 'add-headers', { headers: { 'x-mark': 'a value that is not shown' } }, ["req.method == 'GET'"]),
          rule('admins', 'deny', {}, ["req.url.path.startsWith('/admin')"]),
          rule('note', 'log', { metadata: { hostile: "<img src=x onerror=document.title='owned'>" } }),
          rule('closed', 'custom-response', { status_code: 418, body: 'no' }, ["req.url.path == '/tea'"]),
          rule('late', 'deny', {}),
        ],
      }),
    });
    await visit(stage.env, `${guarded.url}/tea`);
    await page.goto(`${base}/inspector`);
    await row('/tea').locator('a').click();
    const policy = page.getByRole('region', { name: 'Policy' });
    await policy.getByText('3 rules fired, 1 skipped').waitFor();
    const lines = await policy.locator('[data-verdict]').allInnerTexts();
    expect(
      lines.map((line) =>
        line
          .replaceAll(/\s+/g, ' ')
          .replaceAll(/ [\d.]+ ms/g, '')
          .trim(),
      ),
    ).toEqual([
      "add-headers mark set x-mark since req.method == 'GET'",
      "deny admins skipped: req.url.path.startsWith('/admin') was false",
      'log note logged',
      "custom-response closed answered 418, ended here since req.url.path == '/tea'",
      'deny late not reached',
    ]);
    await policy.getByText('<img src=x onerror').waitFor();
    expect(await page.content()).not.toContain('a value that is not shown');
    expect(await page.title()).toContain('Inspector');
  });

  it('finds words in headers, of what is kept and of what passes, and keeps the search in the URL', async () => {
    const headers = { 'x-colour': 'ultramarine', authorization: 'Bearer hidden-from-all' };
    await visit(stage.env, `${url}/kept`, { headers });
    await page.goto(`${base}/inspector`);
    await row('/kept').waitFor();
    await page.fill('input[type=search]', 'ultramarine -status:4xx');
    await page.getByText('1 found, all that is kept was searched').waitFor();
    expect(await page.locator('[data-exchange]').allInnerTexts()).toEqual([expect.stringContaining('/kept')]);
    const streaming = page.waitForResponse((answer) => answer.url().includes('live?search=header'));
    await page.fill('input[type=search]', 'header:x-colour=marine');
    await streaming;
    await visit(stage.env, `${url}/passing`, { headers });
    await visit(stage.env, `${url}/other`, { headers: { 'x-colour': 'red' } });
    await row('/passing').waitFor();
    await page.reload();
    await row('/passing').waitFor();
    await row('/kept').waitFor();
    expect(await row('/other').count()).toBe(0);
    await page.fill('input[type=search]', 'hidden-from-all');
    await page.getByText('No request matches hidden-from-all; all that is kept was searched').waitFor();
  });

  it('stays quick while 500 requests a second come in', async () => {
    const credential = readFileSync(join(dirname(stage.env.caFile), 'node-edge.credential'), 'utf8').trim();
    const client = new InternalClient({ baseUrl: stage.env.api.internalUrl, credential });
    const accountId = base.match(/ac_[0-9A-Za-z]{27}/)?.[0] ?? '';
    await page.goto(`${base}/inspector`);
    await row('/search/me').waitFor();
    for (let seq = 1; seq <= 20; seq += 1) {
      const exchanges = Array.from({ length: 125 }, (_, at) =>
        madeUp(accountId, seq * 1_000 + at, `/flood/${seq}/${at}`),
      );
      await client.reportExchanges({ nodeId: 'made-up', epoch: 'one', seq, exchanges, dropped: seq === 1 ? 7 : 0 });
      // Four times a second, as an edge reports.
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    client.close();
    await page.getByText(/2,5\d\d of 2,5\d\d shown/).waitFor();
    await page.getByText('7 dropped').waitFor();
    // Only what is in sight is in the page.
    expect(await rows()).toBeLessThan(100);
    await page.fill('input[type=search]', '/flood/7/124');
    await expect.poll(rows, { timeout: 10_000 }).toBe(1);
    expect(watched.faults).toEqual([]);
  });
});

function madeUp(accountId: string, number: number, target: string): CapturedExchange {
  return {
    id: `req_${String(number).padStart(27, '0')}`,
    accountId,
    endpointId: `ep_${'0'.repeat(27)}`,
    url,
    at: new Date().toISOString(),
    clientIp: '203.0.113.5',
    httpVersion: '1.1',
    method: 'GET',
    host: new URL(url).hostname,
    target,
    status: 200,
    errorCode: null,
    end: 'complete',
    timing: { policyMs: null, tunnelMs: 1, waitMs: 20, totalMs: 30 },
    requestBytes: 0,
    responseBytes: 1_000,
    agent: null,
    region: 'local',
    policy: null,
    replayOf: null,
    request: null,
    response: null,
  };
}
