import { ownPath, signInPath } from '../../../lib/own-path.ts';
import { forward, isFromOwnPage, readBody } from '../../../lib/server/forward.ts';
import { internalUrl, nodeCredential } from '../../../lib/server/settings.ts';

export const dynamic = 'force-dynamic';

const formBytesMax = 8 * 1024;

/**
 * The sign-in form as a plain form, for the moment before the page's script has come and for browsers without it. The
 * answer is always a redirect to a path of this site.
 */
export async function POST(request: Request): Promise<Response> {
  if (!isFromOwnPage(request)) return seeOther('/sign-in?problem=other-site');
  const body = await readBody(request, formBytesMax);
  if (body.kind !== 'bytes') return seeOther('/sign-in');
  const form = new URLSearchParams(new TextDecoder().decode(body.bytes));
  const next = ownPath(form.get('next'));
  const fields = new Headers(request.headers);
  fields.set('content-type', 'application/json');
  const asJson = new Request(request.url, {
    method: 'POST',
    headers: fields,
    body: JSON.stringify({ email: form.get('email') ?? '', password: form.get('password') ?? '' }),
    signal: request.signal,
  });
  const answer = await forward(asJson, ['dashboard', 'v1', 'session'], {
    baseUrl: internalUrl(),
    credential: await nodeCredential(),
  });
  await answer.body?.cancel();
  if (answer.ok) return seeOther(next, answer.headers.getSetCookie());
  const problem = answer.status === 429 ? 'throttled' : answer.status < 500 ? 'wrong' : 'no-contact';
  const page = signInPath(next);
  return seeOther(`${page}${page.includes('?') ? '&' : '?'}problem=${problem}`);
}

function seeOther(path: string, cookies: readonly string[] = []): Response {
  const fields = new Headers({ location: path, 'cache-control': 'no-store' });
  for (const cookie of cookies) fields.append('set-cookie', cookie);
  return new Response(null, { status: 303, headers: fields });
}
