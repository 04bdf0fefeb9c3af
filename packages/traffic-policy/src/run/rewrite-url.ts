import { PorticoError } from '@portico/errors';
import type { RedirectConfig, UrlRewriteConfig } from '../actions/answers.ts';
import type { RegexTemplate } from '../document/config-reader.ts';
import { guarded } from '../expressions/expression.ts';
import { type Regex, RegexCache } from '../expressions/regex.ts';
import type { PolicyScope } from '../expressions/scope.ts';
import type { RequestContext } from '../variables/contexts.ts';

/** A URL with a pattern replaced, and the pieces that matched. */
export interface RewrittenUrl {
  readonly url: string;
  readonly matches: readonly string[];
}

/**
 * Where `redirect` sends a request, or null when the URL stays as it is. The pattern is looked for in scheme, host and
 * path first, and the query is kept; only when that has no match in the whole URL.
 */
export function redirectUrl(config: RedirectConfig, request: RequestContext, scope: PolicyScope): RewrittenUrl | null {
  const url = urlOf(request);
  const question = url.indexOf('?');
  const [bare, query] = question === -1 ? [url, ''] : [url.slice(0, question), url.slice(question)];
  let result = rewrite(config.from, config.to.text(scope), bare, 'redirect', scope);
  if (config.from !== null && result.url === bare && query !== '') {
    result = rewrite(config.from, config.to.text(scope), url, 'redirect', scope);
  } else if (config.from !== null) {
    const joined = result.url.includes('?') ? `&${query.slice(1)}` : query;
    result = { ...result, url: query === '' ? result.url : `${result.url}${joined}` };
  }
  if (result.url === url || result.url === '') return null;
  return { ...result, url: locationText(result.url, scope) };
}

/** The URL that `url-rewrite` makes of a request, as authority and target; null when it stays as it is. */
export function rewrittenTarget(
  config: UrlRewriteConfig,
  request: RequestContext,
  scope: PolicyScope,
): (RewrittenUrl & { readonly authority: string; readonly target: string }) | null {
  const url = urlOf(request);
  const result = rewrite(config.from, config.to.text(scope), url, 'url-rewrite', scope);
  if (result.url === url) return null;
  const absolute = result.url.startsWith('/') ? `${request.scheme}://${request.authority}${result.url}` : result.url;
  if (!/^https?:\/\/[^/?#]/i.test(absolute) || !URL.canParse(absolute)) {
    const reason = `${result.url.slice(0, 200)} is not a URL`;
    throw new PorticoError(2253, { field: 'to', action: 'url-rewrite', reason });
  }
  const parsed = new URL(absolute);
  return { ...result, authority: parsed.host, target: `${parsed.pathname}${parsed.search}` };
}

export function urlOf(request: RequestContext): string {
  return `${request.scheme}://${request.authority}${request.target === '*' ? '/' : request.target}`;
}

const patterns = new RegexCache(200);

/** The pattern for this request; compiled when the policy was loaded, or from what its template gives now. */
export function regexFor(from: RegexTemplate, action: string, scope: PolicyScope): Regex {
  if (from.regex !== null) return from.regex;
  const source = from.template.text(scope);
  return guarded(scope, action, 2253, { field: 'from', action }, () => patterns.get(source));
}

function rewrite(
  from: RegexTemplate | null,
  to: string,
  url: string,
  action: string,
  scope: PolicyScope,
): RewrittenUrl {
  if (from === null) return { url: to, matches: [url] };
  const regex = regexFor(from, action, scope);
  return guarded(scope, `from of ${action}`, 2253, { field: 'from', action }, () => {
    const matches = regex.matches(url, scope.budget);
    return { url: matches.length === 0 ? url : regex.replaceAll(url, to, scope.budget), matches };
  });
}

/** A `Location`: ASCII without blanks and control characters, whatever the visitor put into the URL. */
function locationText(url: string, scope: PolicyScope): string {
  if (/[\x00-\x1f\x7f]/.test(url)) {
    throw new PorticoError(2253, {
      field: 'to',
      action: `redirect in ${scope.phase}`,
      reason: 'the URL holds control characters',
    });
  }
  return url.toWellFormed().replace(/[^\x21-\x7e]+/gu, (text) => encodeURIComponent(text));
}
