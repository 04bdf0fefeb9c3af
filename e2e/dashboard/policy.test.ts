import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage, type WatchedPage } from '../support/dashboard-stage.ts';
import { visit } from '../support/visit.ts';

let stage: Stage;
let watched: WatchedPage;
let page: Page;
let base: string;

beforeAll(async () => {
  stage = await openStage();
  watched = await stage.signedIn();
  page = watched.page;
  base = page.url().replace(/\/endpoints$/, '');
});
afterAll(() => stage.close());

const editor = () => page.getByLabel('Traffic policy, YAML');

describe('the policy editor', () => {
  it('makes a cloud endpoint that answers at once, without an agent', async () => {
    await page.goto(`${base}/policy/new`);
    await page.fill('[name=url]', `https://soon.${stage.env.baseDomain}`);
    await page.locator('dialog[open] button[type=submit]').click();
    await editor().waitFor();
    await page.locator('[data-conclusion]', { hasText: 'answers with 200' }).waitFor();
    await expect
      .poll(async () => (await visit(stage.env, `https://soon.${stage.env.baseDomain}/`)).status, { timeout: 10_000 })
      .toBe(200);
  });

  it('says where a draft is wrong, and lets nobody publish it', async () => {
    await editor().click();
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    await page.keyboard.type('on_http_request: [{actions: [{type: denny');
    await page.getByText('problem').first().waitFor();
    expect(await page.getByRole('button', { name: 'Publish' }).isDisabled()).toBe(true);
  });

  it('shows which rule fires for a request that is tried, and publishes nothing that leaves requests without an answer', async () => {
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    const policy = [
      'on_http_request:',
      '  - name: teapots',
      'expressions: ["req.url.path == \'/tea\'"]',
      'actions: [{type: deny, config: {status_code: 418}}]',
    ];
    for (const line of policy) await page.keyboard.type(`${line}\n`);
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Control+Home');
    await page.fill('[aria-label="Path of the tried request"]', '/tea');
    await page.locator('[data-conclusion]', { hasText: '418' }).waitFor();
    await page.getByText('teapots').last().waitFor();
    await page.fill('[aria-label="Path of the tried request"]', '/coffee');
    await page.getByText('skipped').waitFor();
    // A cloud endpoint has to end somewhere: the API says so, and nothing is published.
    await page.getByRole('button', { name: 'Publish' }).click();
    await page.locator('main p[role=status].text-cinnabar').waitFor();
    expect((await visit(stage.env, `https://soon.${stage.env.baseDomain}/tea`)).status).toBe(200);
    expect(watched.faults).toEqual([]);
  });

  it('keeps what a policy was, and brings it back', async () => {
    await editor().click();
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    await page.keyboard.type('on_http_request: [{actions: [{type: deny, config: {status_code: 410');
    await page.locator('[data-conclusion]', { hasText: '410' }).waitFor();
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.getByText('Published.').waitFor();
    await page.getByText('History: 2 versions').click();
    await page.locator('[data-version]').first().getByText('runs now').waitFor();
    await page.getByRole('button', { name: 'Bring back' }).click();
    await page.locator('[data-conclusion]', { hasText: 'answers with 200' }).waitFor();
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.getByText('Published.').waitFor();
    await page.getByText('History: 3 versions').waitFor();
    await expect
      .poll(async () => (await visit(stage.env, `https://soon.${stage.env.baseDomain}/`)).status, { timeout: 20_000 })
      .toBe(200);
    expect(watched.faults).toEqual([]);
  });
});
