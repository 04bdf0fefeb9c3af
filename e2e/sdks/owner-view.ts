import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DevEnv } from '@portico/dev-env';

/** What the owner's dashboard shows of agents and their endpoints. */
export interface OwnerView {
  readonly endpoints: readonly { readonly url: string; readonly metadata: string; readonly forwardsTo: string }[];
  readonly sessions: readonly {
    readonly clientType: string;
    readonly metadata: string;
    readonly agentVersion: string;
  }[];
}

/** Signs in as the first account, as the dashboard does for a browser, and reads its page once. */
export async function ownerView(env: DevEnv): Promise<OwnerView> {
  const credential = readFileSync(join(dirname(env.caFile), 'node-dashboard.credential'), 'utf8').trim();
  const headers = {
    authorization: `Bearer ${credential}`,
    origin: 'http://localhost:4020',
    'x-forwarded-host': 'localhost:4020',
    'x-forwarded-proto': 'http',
    'x-forwarded-for': '198.51.100.7',
    'content-type': 'application/json',
  };
  const signedIn = await fetch(`${env.api.internalUrl}/dashboard/v1/session`, {
    method: 'POST',
    headers,
    body: JSON.stringify(env.account),
  });
  if (!signedIn.ok) throw new Error(`sign-in: ${signedIn.status} ${await signedIn.text()}`);
  const { accounts }: { accounts: { id: string }[] } = JSON.parse(await signedIn.text());
  const cookie = signedIn.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ');
  const answer = await fetch(`${env.api.internalUrl}/dashboard/v1/overview`, {
    headers: { ...headers, cookie, 'portico-account': accounts[0]?.id ?? '' },
  });
  if (!answer.ok) throw new Error(`overview: ${answer.status} ${await answer.text()}`);
  return JSON.parse(await answer.text());
}

/** Reads again until it shows what is wanted: endpoints are told to the API a moment after they are online. */
export async function ownerViewUntil(env: DevEnv, satisfied: (view: OwnerView) => boolean): Promise<OwnerView> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const view = await ownerView(env);
    if (satisfied(view)) return view;
    if (performance.now() > deadline) throw new Error(`not what was wanted: ${JSON.stringify(view).slice(0, 2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
