import { SIGN_IN_PATHS } from '@portico/traffic-policy';

const CHARACTERS_MAX = 2_048;

/**
 * Where a person goes after signing in or out: a path of this host and nothing else, or `/`. Everything that a browser
 * could read as another host (`//evil`, `/\evil`, control characters) is `/`.
 */
export function safeReturnPath(text: string | null): string {
  if (text === null || text.length > CHARACTERS_MAX || !text.startsWith('/')) return '/';
  if (/^\/[/\\]|[\x00-\x20\x7f\\]/.test(text) || /[^\x21-\x7e]/.test(text)) return '/';
  const base = 'https://host.invalid';
  const url = URL.parse(text, base);
  if (url === null || url.origin !== base) return '/';
  const path = `${url.pathname}${url.search}`;
  return path.startsWith('//') || isOwnPath(url.pathname) ? '/' : path;
}

function isOwnPath(path: string): boolean {
  return Object.values(SIGN_IN_PATHS).some((own) => own === path);
}
