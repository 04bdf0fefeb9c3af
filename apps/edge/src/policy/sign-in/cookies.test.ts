import { describe, expect, it } from 'vitest';
import { policyVisit } from '../../testing/policy-visit.util.ts';
import {
  type CookieJar,
  endedSessionCookies,
  nonceCookieName,
  readCookie,
  readSessionText,
  sessionCookies,
  staleNonceCookies,
  withoutOurCookies,
} from './cookies.ts';

const jar: CookieJar = { secure: true, domain: null, authId: '' };

function request(...cookies: string[]) {
  const { scope } = policyVisit({ fields: cookies.flatMap((value) => ['Cookie', value]) });
  if (scope.request === null) throw new Error('no request');
  return scope.request;
}

/** As a browser keeps what it was told to set. */
const kept = (values: readonly string[]): string => values.map((value) => value.split(';')[0]).join('; ');

describe('cookies of sign-in', () => {
  it('are for this host alone, hidden from scripts, and not sent with requests of other sites', () => {
    expect(sessionCookies(jar, 'x', 60, request())).toEqual([
      '__Host-portico.session=x; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax',
    ]);
    expect(sessionCookies({ ...jar, domain: 'example.com', authId: 'team' }, 'x', 60, request())).toEqual([
      '__Secure-portico.session.team=x; Path=/; Domain=example.com; Max-Age=60; HttpOnly; Secure; SameSite=Lax',
    ]);
    expect(sessionCookies({ ...jar, secure: false }, 'x', 60, request())).toEqual([
      'portico.session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax',
    ]);
  });

  it('come back whole when a session is spread over several, in any order and with others between', () => {
    const text = Array.from({ length: 9_000 }, (_, index) => index % 10).join('');
    const values = sessionCookies(jar, text, 60, request());
    expect(values.length).toBe(3);
    expect(readSessionText(jar, request('a=b', kept([...values].reverse()), 'c=d'))).toBe(text);
  });

  it('leave no pieces of a longer session behind', () => {
    const before = request(kept(sessionCookies(jar, 'x'.repeat(9_000), 60, request())));
    const values = sessionCookies(jar, 'short', 60, before);
    expect(values.map((value) => /^[^;]*|Max-Age=\d+/g.exec(value)?.[0])).toEqual([
      '__Host-portico.session=short',
      '__Host-portico.session..1=',
      '__Host-portico.session..2=',
    ]);
    for (const value of [...values.slice(1), ...endedSessionCookies(jar, before)]) expect(value).toContain('Max-Age=0');
    expect(endedSessionCookies(jar, before).length).toBe(3);
  });

  it('keep the few newest sign-ins under way', () => {
    const names = Array.from({ length: 7 }, (_, index) => nonceCookieName(jar, `${index}`.repeat(20)));
    const visitor = request(names.map((name) => `${name}=x`).join('; '));
    expect(staleNonceCookies(jar, visitor, 4).map((value) => value.split('=')[0])).toEqual(names.slice(0, 3));
    expect(readCookie(visitor, names[6] ?? '')).toBe('x');
  });

  it('never reach the upstream, whatever their prefix, and leave all others as they were', () => {
    const fields = [
      'Host',
      'demo.example',
      'Cookie',
      'a=b; __Host-portico.session=1; c="d; portico.session..1=2',
      'X',
      'portico.session=y',
      'cookie',
      '__Secure-portico.session.team=3;portico.nonce.abc=4',
      'Cookie',
      'portico.sessions=mine; my-portico.session=mine',
    ];
    expect(withoutOurCookies(fields)).toEqual([
      'Host',
      'demo.example',
      'Cookie',
      'a=b; c="d',
      'X',
      'portico.session=y',
      'Cookie',
      'portico.sessions=mine; my-portico.session=mine',
    ]);
    const foreign = ['Cookie', 'a=b;c=d'];
    expect(withoutOurCookies(foreign)).toBe(foreign);
  });
});
