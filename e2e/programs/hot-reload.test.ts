import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { type PlatformProcess, startPlatformProcess } from '../support/platform.ts';
import { startPortico } from '../support/portico-cli.ts';

describe('a Vite dev server in a real browser', () => {
  let platform: PlatformProcess;
  const root = mkdtempSync(join(tmpdir(), 'portico-vite-'));
  beforeAll(async () => {
    platform = await startPlatformProcess();
  });
  afterAll(async () => {
    await platform.dispose();
    rmSync(root, { recursive: true, force: true });
  });

  it('reloads a module over its WebSocket through the tunnel, without loading the page again', async () => {
    const { ready } = platform;
    const host = `vite.${ready.baseDomain}`;
    const module = (text: string): string =>
      `export const text = ${JSON.stringify(text)};\ndocument.querySelector('#out').textContent = text;\nif (import.meta.hot) import.meta.hot.accept();\n`;
    writeFileSync(
      join(root, 'index.html'),
      '<!doctype html><title>v</title><p id="out"></p><script type="module" src="/main.js"></script>',
    );
    writeFileSync(join(root, 'main.js'), module('before'));
    const vite = await createServer({
      root,
      configFile: false,
      logLevel: 'silent',
      cacheDir: join(root, '.vite'),
      server: {
        host: '127.0.0.1',
        port: 0,
        allowedHosts: [host],
        hmr: { protocol: 'wss', clientPort: ready.https.port },
      },
    });
    await vite.listen();
    const address = vite.httpServer?.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const tunnel = await startPortico(ready, ['http', String(port), '--subdomain', 'vite']);

    const browser = await launchBrowser([`--host-resolver-rules=MAP ${host} 127.0.0.1`]);
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(`${tunnel.url}/`);
    const out = page.locator('#out');
    await out.getByText('before').waitFor();
    await page.evaluate("globalThis.stillTheSamePage = 'yes'");
    await page.waitForFunction(
      "performance.getEntriesByType('resource').some(({name}) => name.includes('/@vite/client'))",
    );
    // The client's socket is up once the server knows it; a change before that would be missed by any dev server.
    const deadline = performance.now() + 20_000;
    while (vite.ws.clients.size === 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(vite.ws.clients.size).toBe(1);
    writeFileSync(join(root, 'main.js'), module('after'));
    await out.getByText('after').waitFor();
    expect(await page.evaluate('globalThis.stillTheSamePage')).toBe('yes');
    await browser.close();
    await tunnel.stop();
    await vite.close();
  });
});
