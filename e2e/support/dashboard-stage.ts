import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DevEnv, type DevEnvOptions, startDevEnv } from '@portico/dev-env';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchBrowser } from './browser.ts';
import { type DashboardProcess, startDashboard } from './dashboard.ts';
import { type Gate, openGate } from './gate.ts';

/** Edge, API, the built dashboard and a browser; the network between dashboard and API can be cut. */
export interface Stage {
  readonly env: DevEnv;
  readonly dashboard: DashboardProcess;
  readonly gate: Gate;
  readonly browser: Browser;
  /** A page of its own context, with everything that went wrong in it. */
  page(options?: BrowserContextOptions): Promise<WatchedPage>;
  /** The same, signed in as the first account and on its endpoints. */
  signedIn(options?: BrowserContextOptions): Promise<WatchedPage>;
  close(): Promise<void>;
}

export interface WatchedPage {
  readonly page: Page;
  /** Uncaught errors, dialogs and breaches of the content security policy. */
  readonly faults: readonly string[];
}

export async function openStage(options: DevEnvOptions = {}): Promise<Stage> {
  const env = await startDevEnv({ ...options, edgeLimits: { usageReportMs: 200, ...options.edgeLimits } });
  const gate = await openGate(env.api.internalUrl);
  const credential = readFileSync(join(dirname(env.caFile), 'node-dashboard.credential'), 'utf8').trim();
  const dashboard = await startDashboard({ internalUrl: gate.url, credential });
  const browser = await launchBrowser();

  const open = async (contextOptions: BrowserContextOptions = {}): Promise<WatchedPage> => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...contextOptions });
    // A busy machine takes its time; what does not come at all is told by the test's own timeout too.
    context.setDefaultTimeout(60_000);
    const page = takenOver(await context.newPage());
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('console', (message) => {
      const text = message.text();
      if (/Content Security Policy|Hydration|hydrat/i.test(text)) faults.push(`console: ${text}`);
    });
    return { page, faults };
  };

  return {
    env,
    dashboard,
    gate,
    browser,
    page: open,
    signedIn: async (contextOptions) => {
      const watched = await open(contextOptions);
      await signIn(watched.page, dashboard.url, { ...env.account, accountId: env.accountId });
      return watched;
    },
    close: async () => {
      await browser.close();
      await dashboard.stop();
      await gate.close();
      await env.close();
    },
  };
}

/** Runs in the browser: React keeps keys of its own at every control that it has made alive. */
function isTakenOver(): boolean {
  const { document } = globalThis as unknown as { document: { querySelectorAll(selector: string): Iterable<object> } };
  if (!('__next_f' in globalThis)) return true;
  const controls = [...document.querySelectorAll('form, input, button')];
  return controls.every((control) => Object.keys(control).some((key) => key.startsWith('__react')));
}

/**
 * The same page, whose `goto`, `reload` and `waitForURL` end when the scripts of the dashboard have taken the markup over.
 * On a busy machine that is after `load`, and a form that is filled sooner is sent by nobody.
 */
function takenOver(page: Page): Page {
  const goto = page.goto.bind(page);
  page.goto = async (...args) => {
    const response = await goto(...args);
    await page.waitForFunction(isTakenOver);
    return response;
  };
  const reload = page.reload.bind(page);
  page.reload = async (...args) => {
    const response = await reload(...args);
    await page.waitForFunction(isTakenOver);
    return response;
  };
  const waitForURL = page.waitForURL.bind(page);
  page.waitForURL = async (...args) => {
    await waitForURL(...args);
    await page.waitForFunction(isTakenOver);
  };
  return page;
}

/** Where one is after signing in: at the account's overview, or at how to begin. */
export const home = /\/a\/ac_[0-9A-Za-z]{27}\/(start|overview)$/;

/** With an account's id it ends at the endpoints of that account, else at the first page. */
export async function signIn(
  page: Page,
  url: string,
  account: { readonly email: string; readonly password: string; readonly accountId?: string },
): Promise<void> {
  const endpoints = account.accountId === undefined ? null : `/a/${account.accountId}/endpoints`;
  await page.goto(`${url}/sign-in${endpoints === null ? '' : `?next=${encodeURIComponent(endpoints)}`}`);
  await page.fill('#email', account.email);
  await page.fill('#password', account.password);
  await page.click('button[type=submit]');
  await page.waitForURL(endpoints === null ? home : url + endpoints);
}
