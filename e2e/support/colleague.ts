import type { Page } from 'playwright-core';
import { home, type Stage, type WatchedPage } from './dashboard-stage.ts';

export interface Colleague {
  readonly role: 'viewer' | 'developer' | 'manager';
  readonly email: string;
  readonly name: string;
}

export const colleaguePassword = 'tower of nine herons';

/** Somebody new in the account of `owner`'s page, who has joined by a link and is signed in, in a browser of their own. */
export async function joinAs(stage: Stage, owner: Page, { role, email, name }: Colleague): Promise<WatchedPage> {
  const account = /\/a\/(ac_\w+)/.exec(owner.url())?.[1] ?? '';
  return joinBy(stage, String(await owner.evaluate(`(${invite})(${JSON.stringify([account, role, email])})`)), name);
}

/** The same by a link that is there already. */
export async function joinBy(stage: Stage, link: string, name: string): Promise<WatchedPage> {
  const watched = await stage.page();
  const { page } = watched;
  await page.goto(link);
  await page.fill('#name', name);
  await page.fill('#password', colleaguePassword);
  await page.click('button[type=submit]');
  await page.waitForURL(home);
  return watched;
}

/** Runs in the browser. */
const invite = `async ([account, role, email]) => {
  const session = await (await fetch('/api/dashboard/v1/session')).json();
  const answer = await fetch('/api/dashboard/v1/team/invitations', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'portico-account': account, 'portico-csrf': session.csrfToken },
    body: JSON.stringify({ email, role }),
  });
  return (await answer.json()).link;
}`;
