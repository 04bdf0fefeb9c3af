/** A host name that somebody wants, checked and in its one form; or why it cannot be one. */
export type WantedHost =
  | { readonly kind: 'host'; readonly host: string; readonly wildcard: boolean }
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Lower case, without the dot at the end. Labels of letters, digits and hyphens as in RFC 952 and 1123; `*` only as
 * the whole first label. Names in other scripts come in their ASCII form (`xn--…`).
 */
export function parseHostName(text: string): WantedHost {
  const host = text.toLowerCase().replace(/\.$/, '');
  const invalid = (reason: string): WantedHost => ({ kind: 'invalid', reason });
  if (host === '') return invalid('it is empty');
  if (host.length > 253) return invalid('it is longer than 253 characters');
  const labels = host.split('.');
  const wildcard = labels[0] === '*';
  for (const label of wildcard ? labels.slice(1) : labels) {
    if (label === '') return invalid('a label is empty');
    if (label.length > 63) return invalid('a label is longer than 63 characters');
    if (label.includes('*')) return invalid('* stands only alone as the first label');
    if (!/^[a-z0-9-]+$/.test(label)) return invalid('a label has a character that is not accepted');
    if (label.startsWith('-') || label.endsWith('-')) return invalid('a label begins or ends with a hyphen');
  }
  if (wildcard && labels.length === 1) return invalid('* stands for the first label of a name');
  return { kind: 'host', host, wildcard };
}

/**
 * The names whose owner has a say about `host`, most specific first: itself, then each name above it down to the one
 * right under the base, each with its wildcard. `a.b.base` → a.b.base, *.b.base, b.base.
 */
export function namesAbove(host: string, baseDomain: string): string[] {
  const names = [host];
  let rest = host.startsWith('*.') ? host.slice(2) : parentOf(host);
  while (rest !== '' && rest !== baseDomain && rest.includes('.')) {
    const wildcard = `*.${rest}`;
    if (wildcard !== host) names.push(wildcard);
    names.push(rest);
    rest = parentOf(rest);
  }
  return names;
}

export function isUnder(host: string, baseDomain: string): boolean {
  return host.endsWith(`.${baseDomain}`);
}

/** The label right under the base: `shop` of `a.shop.base`. */
export function labelUnderBase(host: string, baseDomain: string): string {
  const labels = host.slice(0, -(baseDomain.length + 1)).split('.');
  return labels.at(-1) ?? '';
}

function parentOf(host: string): string {
  const dot = host.indexOf('.');
  return dot < 0 ? '' : host.slice(dot + 1);
}

export function isInternalHost(host: string): boolean {
  return host.endsWith('.internal');
}

/** The host of an internal endpoint: at most five labels, the last one `internal`, `*` only as the whole first one. */
export function parseInternalHost(text: string): WantedHost {
  const parsed = parseHostName(text);
  if (parsed.kind === 'invalid') return parsed;
  if (!isInternalHost(parsed.host)) return { kind: 'invalid', reason: 'it does not end in .internal' };
  if (parsed.host.split('.').length > 5) return { kind: 'invalid', reason: 'it has more than five labels' };
  return parsed;
}
