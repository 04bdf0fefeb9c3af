/**
 * `text` when it is a path of this site, else `/`. Whatever a browser could read as another site is refused: a scheme,
 * `//host`, `/\host`, control characters that browsers drop before they parse (WHATWG URL, section 4.4).
 */
export function ownPath(text: string | null | undefined): string {
  if (!text || text.length > 1024) return '/';
  if (!/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text)) return '/';
  return text;
}

/** Where a newcomer without a tunnel is led. */
export function startPath(accountId: string): string {
  return `/a/${encodeURIComponent(accountId)}/start`;
}

export function overviewPath(accountId: string): string {
  return `/a/${encodeURIComponent(accountId)}/overview`;
}

export function signInPath(next: string): string {
  const path = ownPath(next);
  return path === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(path)}`;
}

/** The second step of signing in. */
export function codePath(next: string): string {
  const path = signInPath(next);
  return `${path}${path.includes('?') ? '&' : '?'}step=code`;
}
