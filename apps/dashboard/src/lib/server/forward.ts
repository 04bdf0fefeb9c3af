/**
 * The way from the browser to the API: `/api/dashboard/v1/…` of this origin becomes `/dashboard/v1/…` of the API's internal
 * listener, and nothing else does. This node's credential is added here; the browser never sees it.
 */
export interface ForwardTarget {
  readonly baseUrl: URL;
  readonly credential: string;
}

/** A traffic policy may have 256 KiB, a certificate with its key 128; more than this is refused with 413. */
const bodyBytesMax = 384 * 1024;
const answerWithinMs = 15_000;

const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** What the API may learn from the browser's request. Everything else, `authorization` first of all, stays here. */
const requestFields = [
  'accept',
  'accept-language',
  'content-type',
  'cookie',
  'if-none-match',
  'last-event-id',
  'origin',
  'portico-account',
  'portico-csrf',
  'sec-fetch-site',
  'user-agent',
];
/** What the browser gets of the API's answer, with `set-cookie`, of which there may be several. */
const responseFields = ['content-type', 'etag', 'retry-after'];

export async function forward(request: Request, path: readonly string[], target: ForwardTarget): Promise<Response> {
  if (!methods.has(request.method)) return refusal(405, 'This method is not known here.');
  const [area, version, ...rest] = path;
  if (area !== 'dashboard' || version !== 'v1' || rest.length === 0 || !path.every(isPlainSegment))
    return refusal(404, 'There is nothing at this address.');
  if (!isFromOwnPage(request)) return refusal(403, 'This was sent by another site.');

  const body = await readBody(request, bodyBytesMax);
  if (body.kind === 'too-big') return refusal(413, `A request here holds at most ${bodyBytesMax} bytes.`);

  const url = new URL(`/${path.join('/')}`, target.baseUrl);
  url.search = new URL(request.url).search;

  // The request ends when the browser leaves, and when the API does not begin to answer; a stream that has begun may
  // last. A reader that stops reading holds the API back through the same pipe.
  const abort = new AbortController();
  const leave = () => abort.abort(request.signal.reason);
  if (request.signal.aborted) leave();
  request.signal.addEventListener('abort', leave, { once: true });
  const deadline = setTimeout(() => abort.abort(new Error('no answer')), answerWithinMs);
  try {
    const answer = await fetch(url, {
      method: request.method,
      headers: forwardedFields(request, target.credential),
      body: body.kind === 'bytes' ? body.bytes : null,
      redirect: 'manual',
      cache: 'no-store',
      signal: abort.signal,
    });
    return new Response(answer.body, { status: answer.status, headers: answerFields(answer) });
  } catch {
    return refusal(503, 'The API does not answer. Tunnels keep working.', { 'retry-after': '2' });
  } finally {
    clearTimeout(deadline);
  }
}

/** The fields that go along with a request, from the browser or made by the dashboard on its behalf. */
export function forwardedFields(request: { readonly headers: Headers }, credential: string): Headers {
  const fields = new Headers({ authorization: `Bearer ${credential}` });
  for (const name of requestFields) {
    const value = request.headers.get(name);
    if (value !== null) fields.set(name, value);
  }
  // The launcher, or the proxy in front, has already replaced what a visitor wrote into these.
  for (const name of ['x-forwarded-for', 'x-forwarded-proto']) {
    const value = request.headers.get(name);
    if (value !== null) fields.set(name, value);
  }
  const host = request.headers.get('host');
  if (host !== null) fields.set('x-forwarded-host', host);
  return fields;
}

/**
 * True unless a browser says that another site's page made this request. Reads need it too: the live stream would tell
 * another origin that someone is signed in. A change must carry `Origin` or `Sec-Fetch-Site`; every browser sends one.
 */
export function isFromOwnPage(request: { readonly method: string; readonly headers: Headers }): boolean {
  const site = request.headers.get('sec-fetch-site');
  const origin = request.headers.get('origin');
  if (site !== null && site !== 'same-origin' && site !== 'none') return false;
  if (origin !== null && !(URL.canParse(origin) && new URL(origin).host === request.headers.get('host'))) return false;
  const reads = request.method === 'GET' || request.method === 'HEAD';
  return reads || site !== null || origin !== null;
}

export function refusal(status: number, msg: string, fields: Record<string, string> = {}): Response {
  return Response.json(
    { error_code: null, status_code: status, msg },
    { status, headers: { 'cache-control': 'no-store', ...fields } },
  );
}

function isPlainSegment(segment: string): boolean {
  return /^[A-Za-z0-9_-]{1,128}$/.test(segment);
}

function answerFields(answer: Response): Headers {
  // `no-transform` also keeps the compressor away, which would hold events back.
  const fields = new Headers({ 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' });
  for (const name of responseFields) {
    const value = answer.headers.get(name);
    if (value !== null) fields.set(name, value);
  }
  for (const cookie of answer.headers.getSetCookie()) fields.append('set-cookie', cookie);
  return fields;
}

export type Body = { kind: 'none' } | { kind: 'bytes'; bytes: Uint8Array<ArrayBuffer> } | { kind: 'too-big' };

export async function readBody(request: Request, sizeMax: number): Promise<Body> {
  if (!request.body) return { kind: 'none' };
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > sizeMax) return { kind: 'too-big' };
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return { kind: 'bytes', bytes };
}
