import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { home, openStage, type Stage, signIn } from '../support/dashboard-stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage?.close();
});

describe('signing in', () => {
  it('leads from any page to sign-in and back to that page', async () => {
    const { page, faults } = await stage.signedIn();
    const endpoints = page.url();
    await page.context().clearCookies();
    await page.goto(endpoints);
    expect(page.url()).toBe(`${stage.dashboard.url}/sign-in?next=${encodeURIComponent(new URL(endpoints).pathname)}`);
    await page.fill('#email', stage.env.account.email);
    await page.fill('#password', stage.env.account.password);
    await page.keyboard.press('Enter');
    await page.waitForURL(endpoints);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it('works before the script of the page has come', async () => {
    const { page } = await stage.page({ javaScriptEnabled: false });
    await page.goto(stage.dashboard.url);
    await page.fill('#email', stage.env.account.email);
    await page.fill('#password', 'not the password');
    await page.click('button[type=submit]');
    await page.waitForSelector('#problem:has-text("No account has this e-mail and password together.")');
    expect(page.url()).not.toContain('not');
    await page.fill('#email', stage.env.account.email);
    await page.fill('#password', stage.env.account.password);
    await page.click('button[type=submit]');
    await page.waitForURL(home);
    expect(await page.textContent('h1')).toMatch(/^(Getting started|Overview)$/);
    await page.context().close();
  });

  it('keeps the session in a cookie that no script reads', async () => {
    const { page } = await stage.signedIn();
    const cookies = await page.context().cookies();
    const session = cookies.find((cookie) => cookie.name.includes('session'));
    expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/', secure: false });
    expect(session?.name).not.toContain('__Host-');
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.context().close();
  });

  it('says what is missing, at its field, and puts the cursor there', async () => {
    const { page } = await stage.page();
    await page.goto(`${stage.dashboard.url}/sign-in`);
    await page.click('button[type=submit]');
    await page.waitForSelector('#email-fault:has-text("Enter the e-mail of your user.")');
    await page.waitForSelector('#email:focus');
    await page.fill('#email', 'mira');
    await page.click('button[type=submit]');
    await page.waitForSelector('#email-fault:has-text("“mira” is not an e-mail address. It has the form name@host.")');
    await page.fill('#email', 'mira@harbor.example');
    await page.click('button[type=submit]');
    await page.waitForSelector('#password-fault:has-text("Enter your password.")');
    await page.waitForSelector('#password:focus');
    await page.context().close();
  });

  it('says that the API is away, and works when it is back', async () => {
    const { page } = await stage.page();
    await page.goto(`${stage.dashboard.url}/sign-in`);
    stage.gate.cut();
    await page.fill('#email', stage.env.account.email);
    await page.fill('#password', stage.env.account.password);
    await page.click('button[type=submit]');
    await page.waitForSelector('#problem:has-text("The API does not answer")');
    stage.gate.open();
    await page.click('button[type=submit]');
    await page.waitForURL(home);
    await page.context().close();
  });

  it('slows down who guesses, says for how long, and lets nobody past the form meanwhile', async () => {
    const { page } = await stage.page();
    await page.goto(`${stage.dashboard.url}/sign-in`);
    await page.fill('#email', 'somebody@example.com');
    const statuses: number[] = [];
    while (statuses.at(-1) !== 429 && statuses.length < 30) {
      await page.fill('#password', `guess ${statuses.length}`);
      const answer = page.waitForResponse('**/api/dashboard/v1/session');
      await page.click('button[type=submit]');
      statuses.push((await answer).status());
      await page.waitForSelector('#problem:not(:empty)');
    }
    expect(statuses.slice(0, -1).every((status) => status === 401)).toBe(true);
    expect(statuses.at(-1)).toBe(429);
    await page.waitForSelector('#problem:has-text("Sign-in opens again in")');
    expect(await page.isDisabled('button[type=submit]')).toBe(true);
    await page.context().close();
  });
});

describe('signing out', () => {
  it('ends the session on the server, not only in this browser', async () => {
    const { page } = await stage.signedIn();
    const endpoints = page.url();
    const cookies = await page.context().cookies();
    await page.click('button[popovertarget]:visible');
    await page.click('text=Sign out');
    await page.waitForURL(`${stage.dashboard.url}/sign-in`);
    await page.context().addCookies(cookies);
    await page.goto(endpoints);
    expect(page.url()).toContain('/sign-in');
    await page.context().close();
  });

  it('tells the other pages of that session', async () => {
    const { page } = await stage.signedIn();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.waitForSelector('[data-live=live]');
    await page.click('button[popovertarget]:visible');
    await page.click('text=Sign out');
    await other.waitForSelector('text=You are signed out.');
    await other.click('text=Sign in');
    await other.waitForURL(/\/sign-in\?next=/);
    await page.context().close();
  });

  it('says that it did not happen while the API is away', async () => {
    const { page } = await stage.signedIn();
    await page.waitForSelector('[data-live=live]');
    stage.gate.cut();
    await page.click('button[popovertarget]:visible');
    await page.click('button:has-text("Sign out")');
    await page.waitForSelector('text=you are still signed in');
    stage.gate.open();
    await page.context().close();
  });
});

describe('an account', () => {
  it('that is not mine looks like one that does not exist', async () => {
    const { page } = await stage.signedIn();
    for (const id of ['ac_000000000000000000000000000', 'nonsense']) {
      const answer = await page.goto(`${stage.dashboard.url}/a/${id}/endpoints`);
      expect(answer?.status()).toBe(404);
      expect(await page.textContent('h2')).toBe('There is no page at this address');
      const live = await page.request.get(`${stage.dashboard.url}/api/dashboard/v1/live`, {
        headers: { 'portico-account': id },
      });
      expect(live.status()).toBe(404);
    }
    await page.context().close();
  });
});

describe('a page behind a tunnel', () => {
  it('cannot use the session of the dashboard', async () => {
    const { createServer } = await import('node:http');
    const upstream = createServer((_request, response) => {
      response.writeHead(200, {
        'content-type': 'text/html',
        'set-cookie': ['portico_session=stolen; Domain=localhost; Path=/', 'portico_session=stolen; Path=/'],
      });
      response.end('<title>tunnelled</title>');
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const address = upstream.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    await stage.env.agent().forward({ proto: 'http', subdomain: 'attacker', upstream: `localhost:${address.port}` });

    const { page } = await stage.page({ ignoreHTTPSErrors: true });
    // The dashboard by the name that people type; tunnels are its subdomains' neighbours under `localhost`.
    const url = `http://localhost:${stage.dashboard.port}`;
    await signIn(page, url, { ...stage.env.account, accountId: stage.env.accountId });
    const before = (await page.context().cookies(url)).map((cookie) => cookie.value);
    const endpoints = page.url();
    await page.goto(`https://attacker.${stage.env.baseDomain}:${stage.env.https.port}/`);
    expect(await page.title()).toBe('tunnelled');
    const tried = await page.evaluate(`(${attack})(${JSON.stringify(url)})`);
    expect(tried).toEqual({ read: 'refused', change: 'refused', blind: 'refused', frame: 'out of reach' });
    const frames = page.frames().filter((frame) => frame !== page.mainFrame());
    for (const frame of frames) expect(await frame.locator('#password').count()).toBe(0);

    await page.goto(endpoints);
    expect(await page.textContent('h1')).toBe('Endpoints');
    expect((await page.context().cookies(url)).map((cookie) => cookie.value)).toEqual(before);
    await page.context().close();
    upstream.closeAllConnections();
    await new Promise((resolve) => upstream.close(resolve));
  });
});

/** Runs in the browser, on the tunnelled page. It is text since this program knows no browser's types. */
const attack = `async (target) => {
  const outcome = {};
  const tries = {
    read: { credentials: 'include' },
    change: { credentials: 'include', method: 'DELETE' },
    blind: { credentials: 'include', method: 'POST', mode: 'no-cors', body: '{}' },
  };
  for (const [name, init] of Object.entries(tries)) {
    outcome[name] = await fetch(target + '/api/dashboard/v1/session', init).then(
      (response) => response.type,
      () => 'refused',
    );
  }
  const frame = document.createElement('iframe');
  const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
  frame.src = target + '/sign-in';
  document.body.append(frame);
  await loaded;
  try {
    outcome.frame = frame.contentWindow.document.title;
  } catch {
    outcome.frame = 'out of reach';
  }
  return outcome;
}`;
