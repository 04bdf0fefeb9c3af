import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/browser.ts';

let env: DevEnv;
beforeAll(async () => {
  env = await startDevEnv();
});
afterAll(() => env.close());

describe('the reference page of the API', () => {
  it('shows every resource, asks nobody but this server, and needs nothing that its policy forbids', async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      const asked: string[] = [];
      const complaints: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      const answer = await page.goto(`${env.api.publicUrl}/reference`);
      expect(answer?.status()).toBe(200);
      expect(answer?.headers()['content-security-policy']).toContain("default-src 'none'");
      await page.getByText('Portico API').first().waitFor({ timeout: 60_000 });
      await page.getByText('reserved_domains').first().waitFor({ timeout: 30_000 });
      // Whatever it fetches by and by begins once it is drawn.
      await page.waitForTimeout(2_000);
      const elsewhere = asked.filter((url) => !url.startsWith(env.api.publicUrl) && !/^(data|blob):/.test(url));
      expect(elsewhere).toEqual([]);
      expect(asked.some((url) => url.endsWith('/openapi.json'))).toBe(true);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
