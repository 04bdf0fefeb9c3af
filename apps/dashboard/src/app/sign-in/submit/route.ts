import { codePath, ownPath, signInPath } from '../../../lib/own-path.ts';
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
  const code = form.get('code');
  const sent = code === null ? { email: form.get('email') ?? '', password: form.get('password') ?? '' } : { code };
  const asJson = new Request(request.url, {
    method: 'POST',
    headers: fields,
    body: JSON.stringify(sent),
    signal: request.signal,
  });
  const path = ['dashboard', 'v1', 'session', ...(code === null ? [] : ['second-factor'])];
  const answer = await forward(asJson, path, { baseUrl: internalUrl(), credential: await nodeCredential() });
  const told = await answer.text();
  if (answer.status === 202) return seeOther(codePath(next), answer.headers.getSetCookie());
  if (answer.ok) return seeOther(next, answer.headers.getSetCookie());
  const problem = problemIn(answer.status, { isCode: code !== null, told });
  const page = problem === 'code' ? codePath(next) : signInPath(next);
  return seeOther(`${page}${page.includes('?') ? '&' : '?'}problem=${problem}`);
}

function problemIn(status: number, { isCode, told }: { isCode: boolean; told: string }): string {
  if (status === 429) return 'throttled';
  if (status >= 500) return 'no-contact';
  if (!isCode) return 'wrong';
  return told.includes('ERR_NGROK_4017') ? 'too-late' : 'code';
}

function seeOther(path: string, cookies: readonly string[] = []): Response {
  const fields = new Headers({ location: path, 'cache-control': 'no-store' });
  for (const cookie of cookies) fields.append('set-cookie', cookie);
  return new Response(null, { status: 303, headers: fields });
}
