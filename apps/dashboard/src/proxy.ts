import { type NextRequest, NextResponse } from 'next/server';
import { contentSecurityPolicy } from './lib/server/content-security-policy.ts';

/** Runs before each page: a fresh nonce for its scripts, and the path for the way back after sign-in. */
export function proxy(request: NextRequest): NextResponse {
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
  const policy = contentSecurityPolicy(nonce, process.env.NODE_ENV === 'development');

  // Next reads the nonce out of the policy of the request and puts it on every script it writes.
  const fields = new Headers(request.headers);
  fields.set('content-security-policy', policy);
  fields.set('portico-page-path', request.nextUrl.pathname + request.nextUrl.search);

  const response = NextResponse.next({ request: { headers: fields } });
  response.headers.set('content-security-policy', policy);
  // Never on plain http: a developer's localhost would be lost to every other program on it.
  if (request.headers.get('x-forwarded-proto') === 'https')
    response.headers.set('strict-transport-security', 'max-age=31536000');
  return response;
}

export const config = { matcher: ['/((?!_next/static/|icon.svg).*)'] };
