import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import Provider from 'oidc-provider';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { joinAs, joinBy, colleaguePassword as password } from '../support/colleague.ts';
import { home, openStage, type Stage, signIn, type WatchedPage } from '../support/dashboard-stage.ts';
import { oneTimeCode } from '../support/one-time-code.ts';

let stage: Stage;
/** By a name: passkeys belong to one. */
let url: string;
let owner: WatchedPage;

let login: Server;
let folder: string;

beforeAll(async () => {
  login = createServer();
  await new Promise<void>((resolve) => login.listen(0, '127.0.0.1', resolve));
  const address = login.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const issuer = `http://127.0.0.1:${address.port}`;
  folder = mkdtempSync(joinPath(tmpdir(), 'portico-providers-'));
  const file = joinPath(folder, 'providers.json');
  const provider = { id: 'harbor', name: 'Harbor', issuer, client_id: 'portico', client_secret: 'secret' };
  writeFileSync(file, JSON.stringify({ providers: [{ ...provider, sign_up: 'open' }] }));
  stage = await openStage({
    settings: { PORTICO_OIDC_FILE: file, PORTICO_OUTGOING_ALLOW: '127.0.0.1/32' },
    apiLimits: { signIn: { accountTries: 50, addressTries: 1_000, windowMs: 60_000 } },
  });
  url = `http://localhost:${stage.dashboard.port}`;
  login.on('request', identityProvider(issuer, `${url}/sign-in/callback/harbor`).callback());
  owner = await stage.page();
  await signIn(owner.page, url, stage.env.account);
});
afterAll(async () => {
  await stage?.close();
  login?.closeAllConnections();
  login?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A real provider; whoever types an address into its login page is that person, and it calls the address verified. */
function identityProvider(issuer: string, redirect: string): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: 'portico',
        client_secret: 'secret',
        redirect_uris: [redirect],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    cookies: { keys: ['for tests'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: id, email_verified: true, name: 'Mira Okafor' }),
    }),
  });
}

/** Goes to a page of the sidebar, or of the menu of the person. */
async function open(page: Page, name: 'Team' | 'Settings'): Promise<void> {
  if (name === 'Settings') await page.click('button[popovertarget]:has-text("Account")');
  await page.click(`a:visible:has-text("${name}")`);
  await page.waitForSelector(`h1:has-text("${name}")`);
}

async function invite(page: Page, email: string, role: string): Promise<string> {
  await open(page, 'Team');
  await page.click('button:has-text("Invite")');
  await page.fill('input[name=invite-email]', email);
  await page.check(`input[name=role][value=${role}]`);
  await page.click('dialog button[type=submit]');
  const link = await page.locator('dialog code').textContent();
  await page.click('dialog button:has-text("Done")');
  await page.waitForSelector(`[data-invitation="${email}"]`);
  return link ?? '';
}

async function signOut(page: Page): Promise<void> {
  await page.goto(url);
  await page.waitForURL(home);
  await page.click('button[popovertarget]:has-text("Account")');
  await page.click('text=Sign out');
  await page.waitForURL(`${url}/sign-in`);
}

describe('a colleague', () => {
  it('is invited, joins by the link, sets up one-time codes and signs in with one', async () => {
    const email = 'jonas@harbor.example';
    const link = await invite(owner.page, email, 'developer');
    expect(link.startsWith(`${url}/invitation#`)).toBe(true);
    const guest = await joinBy(stage, link, 'Jonas');
    const { page } = guest;

    await open(page, 'Settings');
    await page.click('button:has-text("Set up one-time codes")');
    await page.waitForSelector('dialog svg[aria-label="QR code of the secret"] path[d^=M]');
    const secret = (await page.locator('[data-secret]').textContent()) ?? '';
    await page.fill('#totp-code', oneTimeCode(secret));
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('[data-recovery-code]');
    const codes = await page.locator('[data-recovery-code]').allTextContents();
    expect(codes).toHaveLength(10);
    await page.keyboard.press('Escape');
    await page.click('button:has-text("Done, I have them")');
    await page.waitForSelector('text=10 of 10 recovery codes left');

    await signOut(page);
    await page.fill('#email', email);
    await page.fill('#password', password);
    await page.click('button[type=submit]');
    await page.waitForSelector('h1:has-text("One more step")');
    await page.fill('#code', '000000');
    await page.waitForSelector('#problem:has-text("This code is not right")');
    // As a person pastes it.
    await page.fill('#code', ` ${oneTimeCode(secret, 1)} `);
    await page.waitForURL(home);

    await signOut(page);
    await page.fill('#email', email);
    await page.fill('#password', password);
    await page.click('button[type=submit]');
    await page.click('button:has-text("Use a recovery code")');
    await page.fill('#code', codes[0] ?? '');
    await page.click('button[type=submit]');
    await page.waitForURL(home);

    await owner.page.reload();
    const row = owner.page.locator(`[data-person="${email}"]`);
    await row.getByText('Developer').waitFor();
    await row.getByText('set up').waitFor();
    expect([...owner.faults, ...guest.faults]).toEqual([]);
    await page.context().close();
  });

  it('who may only look finds nothing to change, and is refused where they try', async () => {
    const guest = await joinAs(stage, owner.page, { role: 'viewer', email: 'looks@harbor.example', name: 'Looker' });
    const { page } = guest;
    const pages = await page.locator('aside nav:visible a').allTextContents();
    expect(pages.some((name) => name.startsWith('Endpoints'))).toBe(true);
    for (const name of ['API keys', 'Audit log']) expect(pages).not.toContain(name);
    await open(page, 'Team');
    await page.waitForSelector('text=You can look, not change.');
    expect(await page.locator('button:has-text("Invite")').count()).toBe(0);
    await page.click('[data-person] button:has-text("Owner")');
    await page.waitForSelector('dialog[open] dd');
    expect(await page.locator('dialog input[name=role]').count()).toBe(0);
    const [, account = ''] = /\/a\/(ac_\w+)/.exec(page.url()) ?? [];
    const tried = await page.evaluate(`(${asScript})(${JSON.stringify(account)})`);
    expect(tried).toEqual({ invite: 403, keys: 403, policy: 403 });
    expect(guest.faults).toEqual([]);
    await page.context().close();
  });

  it('is taken out, and their open page says so', async () => {
    const email = 'leaves@harbor.example';
    const guest = await joinAs(stage, owner.page, { role: 'developer', email, name: 'Leaver' });
    await guest.page.waitForSelector('[data-live=live]');
    await open(owner.page, 'Team');
    await owner.page.reload();
    await owner.page.click(`[data-person="${email}"] button`);
    await owner.page.click('dialog button:has-text("Remove…")');
    await owner.page.click('dialog button:has-text("Remove from account")');
    await owner.page.waitForSelector(`[data-person="${email}"]`, { state: 'detached' });
    await guest.page.waitForSelector('text=You are signed out.');
    await guest.page.goto(url);
    await guest.page.waitForSelector('text=You belong to no account');
    await guest.page.context().close();
  });
});

describe('the audit log', () => {
  it('tells of sign-ins, and can be taken away', async () => {
    const { page } = owner;
    await page.goto(url);
    await page.waitForURL(home);
    await page.click('a:visible:has-text("Audit log")');
    await page.waitForSelector('text=login created');
    const download = page.waitForEvent('download');
    await page.click('a:has-text("Export CSV")');
    const lines = readFileSync(await (await download).path(), 'utf8').split('\r\n');
    expect(lines[0]).toContain('id,time,type,actor_id');
    expect(lines.some((line) => line.includes('login_created.v0'))).toBe(true);
  });
});

describe('a passkey', () => {
  it('is made in the settings and signs in with one touch', async () => {
    const guest = await joinAs(stage, owner.page, { role: 'developer', email: 'key@harbor.example', name: 'Key' });
    const { page } = guest;
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    await open(page, 'Settings');
    await page.click('button:has-text("Add a passkey")');
    await page.fill('input[name=passkey-name]', 'My laptop');
    await page.click('button:has-text("Make the passkey")');
    await page.waitForSelector('li:has-text("My laptop")');
    await signOut(page);
    await page.click('button:has-text("Sign in with a passkey")');
    await page.waitForURL(home);
    await open(page, 'Settings');
    await page.waitForSelector('li:has-text("My laptop"):has-text("last used")');
    await page.waitForSelector('li:has-text("by passkey"):has-text("this one")');
    expect(guest.faults).toEqual([]);
    await page.context().close();
  });
});

describe('an identity provider', () => {
  it('signs in who it says they are, and leads back to the page that was wanted', async () => {
    const { page, faults } = await stage.page();
    await page.goto(`${url}/settings`);
    await page.click('button:has-text("Sign in with Harbor")');
    await page.fill('input[name=login]', 'mira@harbor.example');
    await page.fill('input[name=password]', 'any');
    await page.click('button[type=submit]');
    await page.waitForSelector('input[name=prompt][value=consent]', { state: 'attached' });
    await page.click('button[type=submit]');
    await page.waitForURL(`${url}/settings`);
    await page.waitForSelector('text=mira@harbor.example');
    await page.waitForSelector('li:has-text("through harbor"):has-text("this one")');
    expect(await page.locator('#providers li').textContent()).toContain('Harbor');
    // A way back that nobody went: nothing happens to who is signed in, or is not.
    const stranger = await stage.page();
    await stranger.page.goto(`${url}/sign-in/callback/harbor?code=x&state=y`);
    await stranger.page.waitForSelector('#problem:has-text("begun in another browser")');
    expect(faults).toEqual([]);
    await stranger.page.context().close();
    await page.context().close();
  });
});

describe('a forgotten password', () => {
  it('is chosen anew through the mailbox of this machine', async () => {
    const email = 'forgets@harbor.example';
    const guest = await joinAs(stage, owner.page, { role: 'viewer', email, name: 'Forgets' });
    const { page } = guest;
    await signOut(page);
    await page.click('text=Forgot your password?');
    // Both pages have a field for the address.
    await page.waitForSelector('text=We send you a link');
    await page.fill('#email', email);
    await page.click('button[type=submit]');
    await page.waitForSelector(`text=If somebody here has the address ${email}`);
    // The operator hands the link on.
    const link = owner.page.locator('li:has-text("Choose a new password") a').first();
    // Mail leaves behind the answer.
    const mails = async () => {
      await owner.page.goto(`${url}/mailbox`);
      return link.count();
    };
    await expect.poll(mails, { timeout: 20_000 }).toBe(1);
    await page.goto((await link.getAttribute('href')) ?? '');
    await page.fill('#password', 'short');
    await page.click('button[type=submit]');
    await page.waitForSelector('text=A password has at least 12 characters; this one has 5.');
    await page.fill('#password', 'harbour of seven gulls');
    await page.click('button[type=submit]');
    await page.click('main a:has-text("Sign in")');
    await page.waitForURL(`${url}/sign-in`);
    await page.fill('#email', email);
    await page.fill('#password', 'harbour of seven gulls');
    await page.click('button[type=submit]');
    await page.waitForURL(home);
    await page.context().close();
  });
});

/** Runs in the browser: what somebody would try who knows the routes. */
const asScript = `async (account) => {
  const session = await (await fetch('/api/dashboard/v1/session')).json();
  const fields = {
    'content-type': 'application/json',
    'portico-account': account,
    'portico-csrf': session.csrfToken,
  };
  const post = async (path, body) =>
    (await fetch('/api/dashboard/v1' + path, { method: 'POST', headers: fields, body: JSON.stringify(body) })).status;
  return {
    invite: await post('/team/invitations', { email: 'x@harbor.example', role: 'viewer' }),
    keys: (await fetch('/api/dashboard/v1/api/api_keys', { headers: fields })).status,
    policy: await post('/api/ip_policies', {}),
  };
}`;
