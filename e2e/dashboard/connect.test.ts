import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage, type WatchedPage } from '../support/dashboard-stage.ts';

let stage: Stage;
let watched: WatchedPage;
let page: Page;

beforeAll(async () => {
  stage = await openStage();
  watched = await stage.signedIn();
  page = watched.page;
  await page.goto(page.url().replace(/endpoints$/, 'connect'));
});
afterAll(() => stage.close());

describe('the page that says how programs connect', () => {
  it('gives the lines for each official SDK, filled in with this server', async () => {
    const lines = page.locator('main pre');
    for (const [title, word] of [
      ['JavaScript', 'session_ca_cert'],
      ['Go', 'WithAgentConnectCAs'],
      ['Python', 'session_ca_cert=bytearray'],
      ['Rust', 'ca_cert'],
      ['Java', 'caCert'],
    ]) {
      await page.getByText(String(title), { exact: true }).click();
      await expect.poll(() => lines.textContent()).toContain(word);
      const text = (await lines.textContent()) ?? '';
      expect(text).toContain(stage.env.connectUrl);
      expect(text).toContain(`sdk.${stage.env.baseDomain}`);
    }
    const command = `add-connect-url ${stage.env.connectUrl} --ca-sha256`;
    expect(await page.locator('main code', { hasText: command }).count()).toBe(1);
    expect(watched.faults).toEqual([]);
  });

  it('hands out the certificate that it names', async () => {
    const started = page.waitForEvent('download');
    await page.getByText('Save the certificate as ca.pem').click();
    const file = await (await started).path();
    const { raw } = new X509Certificate(readFileSync(file));
    expect(raw).toEqual(new X509Certificate(stage.env.ca).raw);
    const fingerprint = createHash('sha256').update(raw).digest('hex');
    expect(await page.locator('main code', { hasText: fingerprint }).count()).toBe(1);
  });

  it('fits a narrow screen in both themes', async () => {
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      for (const theme of ['light', 'dark']) {
        await page.evaluate(`document.documentElement.setAttribute('data-theme', '${theme}')`);
        const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
        expect(overflow, `${width} ${theme}`).toBeLessThanOrEqual(0);
        const folder = process.env.PORTICO_TEST_SCREENSHOTS;
        if (folder !== undefined) await page.screenshot({ path: `${folder}/connect-${width}-${theme}.png` });
      }
    }
  });
});
