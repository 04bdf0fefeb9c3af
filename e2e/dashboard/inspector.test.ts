import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type CapturedExchange, type ExchangesReport, InternalClient } from '@portico/api-contract/internal';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { openStage, type Stage, type WatchedPage } from '../support/dashboard-stage.ts';
import { hostileTexts } from '../support/hostile-texts.ts';
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
  // Thousands of rows, on a machine that may be busy with something else.
  page.setDefaultTimeout(60_000);
  base = page.url().replace(/\/endpoints$/, '');
});
afterAll(async () => {
  client?.close();
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
        { timeout: 60_000 },
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
    await expect.poll(rows, { timeout: 60_000 }).toBe(1);
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
    await expect.poll(() => marks.count(), { timeout: 60_000 }).toBe(2);
    await marks.nth(0).click();
    await marks.nth(1).click();
    const difference = page.getByRole('region', { name: 'Difference of the answers' });
    await difference.getByText('2 differences').waitFor();
    await difference.getByText('ok', { exact: true }).waitFor();
    await picture('inspector-difference');
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
    await picture('inspector-messages');
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
    await picture('inspector-request');
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
    await picture('inspector-search');
    await page.reload();
    await row('/passing').waitFor();
    await row('/kept').waitFor();
    expect(await row('/other').count()).toBe(0);
    await page.fill('input[type=search]', 'hidden-from-all');
    await page.getByText('No request matches hidden-from-all; all that is kept was searched').waitFor();
  });

  it('runs nothing of what was captured, wherever it stood', async () => {
    const texts = hostileTexts().map((text) => text.replaceAll('\u0000', ''));
    const encoded = (text: string): string => Buffer.from(text).toString('base64');
    const side = (fields: string[], body: string) => ({ fields, trailers: [], body: encoded(body), truncated: false });
    const whole = texts.join('\n');
    const bodies: readonly (readonly [string, string])[] = [
      ['text/html', whole],
      ['image/svg+xml', `<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked=1">${whole}</svg>`],
      ['text/xml', '<a onclick="window.hacked=2"><script>window.hacked=3</script></a>'],
      ['application/json', JSON.stringify(texts)],
      [
        'application/x-www-form-urlencoded',
        texts.map((text) => `${encodeURIComponent(text)}=${encodeURIComponent(text)}`).join('&'),
      ],
      ['text/event-stream', texts.map((text) => `data: ${text}\n\n`).join('')],
    ];
    const accountId = base.match(/ac_[0-9A-Za-z]{27}/)?.[0] ?? '';
    const lines = texts.map((text, n) => ({
      ...madeUp(accountId, 900_000 + n, `/hostile-line/${n}/${text}`),
      ...{ method: text.slice(0, 60), agent: text, host: text, clientIp: text.slice(0, 60) },
    }));
    const contents = bodies.map(([type, body], n) => ({
      ...madeUp(accountId, 910_000 + n, `/hostile-body/${n}`),
      request: side(['Content-Type', type, ...texts.flatMap((text) => [text, text])], body),
      response: side(['Content-Type', type, ...texts.flatMap((text) => [text, text])], body),
      policy: {
        request: 'passed',
        response: null,
        logs: texts.slice(0, 20).map((text) => ({ [text]: text })),
        phases: [
          {
            url: texts[1] ?? '',
            phase: texts[2] ?? '',
            cut: false,
            rules: texts.map((text, index) => ({
              name: text,
              index,
              verdict: (['fired', 'skipped', 'failed', 'not-reached'] as const)[index % 4] ?? 'fired',
              expressions: [{ source: text, value: index % 4 === 2 ? null : index % 4 === 0, error: text }],
              actions: [{ type: text.slice(0, 60), effect: text, milliseconds: 1, ended: index % 3 === 0 }],
            })),
          },
        ],
      },
    }));
    const messages = texts.map((text, at) => ({
      number: at + 1,
      at: new Date().toISOString(),
      from: at % 2 === 0 ? ('visitor' as const) : ('upstream' as const),
      kind: (['text', 'close', 'event', 'ping'] as const)[at % 4] ?? 'text',
      bytes: text.length,
      payload: encoded(text),
      truncated: false,
      compressed: false,
    }));
    const [first] = contents;
    await report({
      exchanges: [...lines, ...contents],
      messages: [{ exchangeId: first?.id ?? '', accountId, messages }],
    });

    await page.goto(`${base}/inspector`);
    await page.fill('input[type=search]', 'hostile-line');
    await page.getByText('100 found, all that is kept was searched').waitFor();
    const list = page.getByRole('region', { name: 'Requests' });
    for (let at = 0; at < 4; at += 1) {
      await list.evaluate((element, part) => {
        element.scrollTop = (element.scrollHeight * part) / 4;
      }, at);
      await page.locator('[data-exchange]').last().hover();
    }
    for (const [n] of bodies.entries()) {
      await page.goto(`${base}/inspector/req_${String(910_000 + n).padStart(27, '0')}`);
      await page.getByRole('region', { name: 'Policy' }).getByText('25 rules fired').waitFor();
      await page.getByRole('tab', { name: 'Response' }).click();
      await page.getByRole('table', { name: 'Headers of the response' }).waitFor();
      for (const form of ['Text', 'Hex']) {
        const button = page.getByRole('tabpanel').getByRole('button', { name: form, exact: true });
        if ((await button.count()) > 0) await button.click();
      }
      if (n > 0) continue;
      await page.getByRole('tab', { name: 'Request' }).click();
      await page.getByRole('table', { name: 'Headers of the request' }).waitFor();
      await page.getByRole('tab', { name: /^Messages/ }).click();
      await page.locator('[data-message="100"] button').click();
      await page.getByRole('region', { name: 'Message', exact: true }).waitFor();
      await page.getByRole('tab', { name: 'Replays' }).click();
    }
    expect(
      await page.evaluate('[window.hacked, document.querySelectorAll("main iframe, main script").length]'),
    ).toEqual([undefined, 0]);
    expect(watched.faults).toEqual([]);
  });

  it('stays quick while 500 requests a second come in, and with 10,000 in the list', async () => {
    const accountId = base.match(/ac_[0-9A-Za-z]{27}/)?.[0] ?? '';
    await page.goto(`${base}/inspector`);
    await page.locator('[data-exchange]').first().waitFor();
    let sent = 0;
    const flood = (count: number) =>
      Array.from({ length: count }, () => {
        sent += 1;
        return madeUp(accountId, sent, `/flood/${sent}/`);
      });
    const fills = page.getByText('10,000 of 10,000 shown');
    for (let at = 0; at < 12; at += 1) {
      await report({ exchanges: flood(125), dropped: at === 0 ? 7 : 0 });
      // Four times a second, as an edge reports.
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await page.getByText('7 dropped').waitFor();
    // A page that is slow is sent less, and told so; it has caught up when a single one comes.
    await expect
      .poll(
        async () => {
          const before = sent;
          await report({ exchanges: flood(1) });
          return row(`/flood/${before}/`).count();
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBe(1);
    // The rest as fast as the page takes it in.
    for (let at = 0; at < 40 && !(await fills.isVisible()); at += 1) {
      await report({ exchanges: flood(500) });
      await row(`/flood/${sent}/`).waitFor();
    }
    await fills.waitFor();
    // Only what is in sight is in the page.
    expect(await rows()).toBeLessThan(100);
    await page.getByRole('region', { name: 'Requests' }).focus();
    await page.keyboard.press('End');
    await row(`/flood/${sent}/`).waitFor({ state: 'detached' });
    expect(await rows()).toBeLessThan(100);
    await page.fill('input[type=search]', `path:/flood/${sent - 250}/`);
    await expect.poll(rows, { timeout: 60_000 }).toBe(1);
    expect(watched.faults).toEqual([]);
  });
});

/** In light, in dark and on a small screen, when somebody wants pictures: `PORTICO_SCREENSHOTS=docs/screenshots`. */
async function picture(name: string): Promise<void> {
  const folder = process.env.PORTICO_SCREENSHOTS;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  for (const kind of ['light', 'dark', '390'] as const) {
    await page.emulateMedia({ colorScheme: kind === 'dark' ? 'dark' : 'light' });
    await page.setViewportSize(kind === '390' ? { width: 390, height: 844 } : { width: 1440, height: 900 });
    await page.evaluate('Promise.all(document.getAnimations().map((animation) => animation.finished))');
    await page.screenshot({ path: join(folder, `${name}-${kind}.png`) });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

let client: InternalClient | null = null;
let reports = 0;

/** As an edge tells of it. */
async function report(batch: Partial<Omit<ExchangesReport, 'nodeId' | 'epoch' | 'seq'>>): Promise<void> {
  const credential = readFileSync(join(dirname(stage.env.caFile), 'node-edge.credential'), 'utf8').trim();
  client ??= new InternalClient({ baseUrl: stage.env.api.internalUrl, credential, deadlineMs: 60_000 });
  reports += 1;
  await client.reportExchanges({ nodeId: 'made-up', epoch: 'one', seq: reports, exchanges: [], dropped: 0, ...batch });
}

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
