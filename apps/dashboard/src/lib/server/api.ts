import { type Overview, overview, type SessionAnswer, sessionAnswer } from '@portico/api-contract/dashboard';
import { type Mailbox, mailbox, type SignInOptions, signInOptions } from '@portico/api-contract/identity';
import { headers } from 'next/headers';
import { cache } from 'react';
import { forwardedFields } from './forward.ts';
import { internalUrl, nodeCredential } from './settings.ts';

/** What the API had to say to a page that is being drawn. */
export type Answer<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'signed-out' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'no-contact' };

const answerWithinMs = 5000;

/** Who is signed in; asked once for each page that is drawn. */
export const readSession = cache(
  (): Promise<Answer<SessionAnswer>> => read('/dashboard/v1/session', null, (body) => sessionAnswer.parse(body)),
);

/** How people may sign in here. */
export function readSignInOptions(): Promise<Answer<SignInOptions>> {
  return read('/dashboard/v1/sign-in-options', null, (body) => signInOptions.parse(body));
}

/** What would have been mailed; not found where mail is really sent, or for browsers on other machines. */
export function readMailbox(): Promise<Answer<Mailbox>> {
  return read('/dashboard/v1/mailbox', null, (body) => mailbox.parse(body));
}

export function readOverview(accountId: string): Promise<Answer<Overview>> {
  return read('/dashboard/v1/overview', accountId, (body) => overview.parse(body));
}

async function read<T>(path: string, accountId: string | null, parse: (body: unknown) => T): Promise<Answer<T>> {
  const fields = forwardedFields({ headers: await headers() }, await nodeCredential());
  fields.set('accept', 'application/json');
  // These describe the browser's navigation, not this request.
  fields.delete('origin');
  fields.delete('sec-fetch-site');
  fields.delete('content-type');
  fields.delete('if-none-match');
  if (accountId !== null) fields.set('portico-account', accountId);
  const url = new URL(path, internalUrl());
  let answer: Response;
  try {
    answer = await fetch(url, {
      headers: fields,
      cache: 'no-store',
      redirect: 'manual',
      signal: AbortSignal.timeout(answerWithinMs),
    });
    if (answer.status === 401) return { kind: 'signed-out' };
    if (answer.status === 403 || answer.status === 404) return { kind: 'not-found' };
    if (answer.ok) return { kind: 'ok', value: parse(await answer.json()) };
  } catch (error) {
    console.error(`dashboard: GET ${path} failed: ${error instanceof Error ? error.message : String(error)}`);
    return { kind: 'no-contact' };
  }
  console.error(`dashboard: GET ${path} was answered with ${answer.status}`);
  return { kind: 'no-contact' };
}
