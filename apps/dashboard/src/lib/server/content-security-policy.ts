/**
 * No script runs but those of this build and those with this page's nonce; nothing is fetched from, sent to or framed by
 * another site. `development` adds what Next's reloading needs.
 */
export function contentSecurityPolicy(nonce: string, development: boolean): string {
  const rules = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'strict-dynamic'${development ? " 'unsafe-eval'" : ''}`,
    `style-src 'self'${development ? " 'unsafe-inline'" : ''}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ];
  return rules.join('; ');
}
