import { codePath, ownPath, signInPath } from '../../../../lib/own-path.ts';
import { forwardedFields } from '../../../../lib/server/forward.ts';
import { internalUrl, nodeCredential } from '../../../../lib/server/settings.ts';

export const dynamic = 'force-dynamic';

const answerWithinMs = 20_000;

/**
 * The way back from an identity provider. It comes from another site by its nature: what ties it to this browser is the
 * cookie of the step that was begun here, and the state that only that step knows. The answer is a redirect to a path of
 * this site.
 */
export async function GET(request: Request, context: { params: Promise<{ provider: string }> }): Promise<Response> {
  const { provider } = await context.params;
  const fields = forwardedFields(request, await nodeCredential());
  fields.set('content-type', 'application/json');
  fields.set('sec-fetch-site', 'same-origin');
  fields.delete('origin');
  let answer: Response;
  try {
    answer = await fetch(new URL('/dashboard/v1/oidc/finish', internalUrl()), {
      method: 'POST',
      headers: fields,
      body: JSON.stringify({ provider, query: new URL(request.url).search.slice(1) }),
      redirect: 'manual',
      cache: 'no-store',
      signal: AbortSignal.timeout(answerWithinMs),
    });
  } catch {
    return seeOther('/sign-in?problem=no-contact');
  }
  const body = objectOf(await answer.json().catch(() => null));
  const cookies = answer.headers.getSetCookie();
  if (answer.ok) {
    const next = ownPath(typeof body.next === 'string' ? body.next : null);
    return seeOther(body.secondFactor === true ? codePath(next) : next, cookies);
  }
  return seeOther(`${signInPath('/')}?problem=${problemIn(answer.status, body.error_code)}`);
}

function problemIn(status: number, code: unknown): string {
  if (code === 'ERR_NGROK_4011') return 'provider-4011';
  if (code === 'ERR_NGROK_4017') return 'too-late';
  if (status === 409) return 'provider-409';
  return code === 'ERR_NGROK_4015' || status < 500 ? 'provider-4015' : 'no-contact';
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function seeOther(path: string, cookies: readonly string[] = []): Response {
  const fields = new Headers({ location: path, 'cache-control': 'no-store' });
  for (const cookie of cookies) fields.append('set-cookie', cookie);
  return new Response(null, { status: 303, headers: fields });
}
