import { ChangedRequest, type RequestContext } from '@portico/traffic-policy';

/** How cookies of one sign-in action are named and where browsers send them. */
export interface CookieJar {
  readonly secure: boolean;
  /** Without leading dot; null: this host alone. */
  readonly domain: string | null;
  /** `auth_id` of the action; '' for none. */
  readonly authId: string;
}

const CHUNK_CHARACTERS_MAX = 3_600;
const CHUNKS_MAX = 3;
/** Every cookie of ours has this in its name, whatever its prefix: none of them goes to an upstream. */
const OURS = /^(?:__Host-|__Secure-)?portico\.(?:session|nonce)(?:[.][\w.-]*)?$/;

/** The longest text that fits into a session cookie. */
export const SESSION_CHARACTERS_MAX = CHUNK_CHARACTERS_MAX * CHUNKS_MAX;

export function sessionCookieName(jar: CookieJar): string {
  return `${prefixOf(jar)}portico.session${jar.authId === '' ? '' : `.${jar.authId}`}`;
}

/** One for each sign-in under way, so that two tabs do not break each other. */
export function nonceCookieName(jar: CookieJar, state: string): string {
  return `${jar.secure ? '__Host-' : ''}portico.nonce.${state.slice(0, 16)}`;
}

function prefixOf({ secure, domain }: CookieJar): string {
  if (!secure) return '';
  return domain === null ? '__Host-' : '__Secure-';
}

/** The text of a session that may be spread over several cookies (`name`, `name..1`, …); null when there is none. */
export function readSessionText(jar: CookieJar, request: RequestContext): string | null {
  const name = sessionCookieName(jar);
  const cookies = cookiesOf(request.fields);
  const first = cookies.get(name);
  if (first === undefined) return null;
  let text = first;
  for (let index = 1; index < CHUNKS_MAX; index += 1) {
    const chunk = cookies.get(`${name}..${index}`);
    if (chunk === undefined) break;
    text += chunk;
  }
  return text;
}

export function readCookie(request: RequestContext, name: string): string | null {
  return cookiesOf(request.fields).get(name) ?? null;
}

/** `Set-Cookie` values for a session; chunks that an earlier, longer one had are removed. */
export function sessionCookies(jar: CookieJar, text: string, maxAgeS: number, request: RequestContext): string[] {
  const name = sessionCookieName(jar);
  const cookies = cookiesOf(request.fields);
  const values: string[] = [];
  for (let index = 0; index < CHUNKS_MAX; index += 1) {
    const chunkName = index === 0 ? name : `${name}..${index}`;
    const chunk = text.slice(index * CHUNK_CHARACTERS_MAX, (index + 1) * CHUNK_CHARACTERS_MAX);
    if (chunk !== '') values.push(setCookie(jar, chunkName, chunk, maxAgeS, jar.domain));
    else if (cookies.has(chunkName)) values.push(setCookie(jar, chunkName, '', 0, jar.domain));
  }
  return values;
}

/** `Set-Cookie` values that end the session of this browser. */
export function endedSessionCookies(jar: CookieJar, request: RequestContext): string[] {
  const name = sessionCookieName(jar);
  const others = [...cookiesOf(request.fields).keys()].filter((other) => other.startsWith(`${name}..`));
  return [name, ...others].map((each) => setCookie(jar, each, '', 0, jar.domain));
}

export function nonceCookie(jar: CookieJar, state: string, text: string, maxAgeS: number): string {
  return setCookie(jar, nonceCookieName(jar, state), text, maxAgeS, null);
}

/** Whether any sign-in is under way in this browser. */
export function hasNonceCookie(jar: CookieJar, request: RequestContext): boolean {
  const prefix = `${jar.secure ? '__Host-' : ''}portico.nonce.`;
  return [...cookiesOf(request.fields).keys()].some((name) => name.startsWith(prefix));
}

/** `Set-Cookie` values that end every sign-in that is under way beyond the newest few. */
export function staleNonceCookies(jar: CookieJar, request: RequestContext, keep: number): string[] {
  const prefix = `${jar.secure ? '__Host-' : ''}portico.nonce.`;
  const names = [...cookiesOf(request.fields).keys()].filter((name) => name.startsWith(prefix));
  return names.slice(0, Math.max(0, names.length - keep)).map((name) => setCookie(jar, name, '', 0, null));
}

function setCookie(jar: CookieJar, name: string, value: string, maxAgeS: number, domain: string | null): string {
  return [
    `${name}=${value}`,
    'Path=/',
    ...(domain === null ? [] : [`Domain=${domain}`]),
    `Max-Age=${Math.max(0, Math.floor(maxAgeS))}`,
    'HttpOnly',
    ...(jar.secure ? ['Secure'] : []),
    'SameSite=Lax',
  ].join('; ');
}

/** A request as an upstream gets it: without any cookie of ours. The same one when there is none. */
export function withoutSignInCookies(request: RequestContext): RequestContext {
  const fields = withoutOurCookies(request.fields);
  return fields === request.fields ? request : new ChangedRequest(request, { fields });
}

/** The fields without any cookie of ours. The same array when there is none. */
export function withoutOurCookies(fields: readonly string[]): readonly string[] {
  let result: string[] | null = null;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    const kept = name.toLowerCase() === 'cookie' ? foreignCookies(value) : value;
    if (kept === value) {
      result?.push(name, value);
      continue;
    }
    result ??= fields.slice(0, index);
    if (kept !== '') result.push(name, kept);
  }
  return result ?? fields;
}

function foreignCookies(value: string): string {
  if (!value.includes('portico.')) return value;
  const pairs = value.split(';');
  const kept = pairs.filter((pair) => !OURS.test(cookieName(pair)));
  return kept.length === pairs.length ? value : kept.join(';').trim();
}

function cookieName(pair: string): string {
  const equals = pair.indexOf('=');
  return (equals === -1 ? pair : pair.slice(0, equals)).trim();
}

/** Only ours. Of equal names the first counts: browsers send those of the longest path first. */
function cookiesOf(fields: readonly string[]): Map<string, string> {
  const cookies = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    if ((fields[index] ?? '').toLowerCase() !== 'cookie') continue;
    const value = fields[index + 1] ?? '';
    if (!value.includes('portico.')) continue;
    for (const pair of value.split(';')) {
      const name = cookieName(pair);
      if (OURS.test(name) && !cookies.has(name)) cookies.set(name, pair.slice(pair.indexOf('=') + 1).trim());
    }
  }
  return cookies;
}
