import { field, nullable, type Reader, text } from '../shape.ts';

/** What the API had to say to a page about people: sign-in, settings, teams. */
export type DashboardAnswer<T> =
  | { readonly kind: 'ok'; readonly status: number; readonly value: T }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'no-contact' }
  | { readonly kind: 'offline' };

export interface Refusal {
  readonly status: number;
  /** The number of `ERR_NGROK_…`. */
  readonly code: number | null;
  /** Written for people. */
  readonly message: string;
  /** After how many seconds the next try is looked at. */
  readonly seconds: number | null;
}

export interface DashboardRequest<T> {
  readonly body?: unknown;
  readonly csrf?: string;
  readonly account?: string;
  readonly read: Reader<T>;
  readonly signal?: AbortSignal;
}

const answerWithinMs = 20_000;

/** Asks `/dashboard/v1<path>`, with the session's cookie. */
export async function askDashboard<T>(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  { body, csrf, account, read, signal }: DashboardRequest<T>,
): Promise<DashboardAnswer<T>> {
  const headers = new Headers({ accept: 'application/json' });
  if (csrf !== undefined) headers.set('portico-csrf', csrf);
  if (account !== undefined) headers.set('portico-account', account);
  if (body !== undefined) headers.set('content-type', 'application/json');
  const timeout = AbortSignal.timeout(answerWithinMs);
  try {
    const answer = await fetch(`/api/dashboard/v1${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const json: unknown = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (answer.ok) return { kind: 'ok', status: answer.status, value: read(json) };
    if (answer.status >= 500 && answer.status !== 502) return { kind: 'no-contact' };
    return { kind: 'refused', refusal: refusalOf(answer, json) };
  } catch {
    return { kind: navigator.onLine ? 'no-contact' : 'offline' };
  }
}

/** For answers that say no more than that it is done. */
export const nothing: Reader<null> = () => null;

/** Why something did not happen, in a sentence. */
export function whyNot(answer: Exclude<DashboardAnswer<unknown>, { kind: 'ok' }>): string {
  switch (answer.kind) {
    case 'refused':
      return answer.refusal.message;
    case 'offline':
      return 'Your browser is offline.';
    case 'no-contact':
      return 'The API does not answer. Nothing was changed; try again in a few seconds.';
  }
}

function refusalOf(answer: Response, json: unknown): Refusal {
  const seconds = Number(answer.headers.get('retry-after'));
  const code = /ERR_NGROK_(\d+)/.exec(readOr(json, 'error_code') ?? '')?.[1];
  const message = (readOr(json, 'msg') ?? `The API answered with ${answer.status}.`)
    .replace(/\s*ERR_NGROK_\d+\s*$/, '')
    .trim();
  return {
    status: answer.status,
    code: code === undefined ? null : Number(code),
    message,
    seconds: seconds > 0 ? seconds : null,
  };
}

function readOr(json: unknown, name: string): string | null {
  try {
    return field(name, nullable(text))(json);
  } catch {
    return null;
  }
}
