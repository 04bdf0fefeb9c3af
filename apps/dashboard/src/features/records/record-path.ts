/** What the URL of a list's page names beside the list: `/x`, `/x/new` or `/x/<id>`. */
export type RecordPlace =
  | { readonly kind: 'list' }
  | { readonly kind: 'new' }
  | { readonly kind: 'one'; readonly id: string };

/** `path` is that of the page, `base` that of its list. */
export function recordPlace(path: string, base: string): RecordPlace {
  const rest = path.startsWith(`${base}/`) ? path.slice(base.length + 1) : '';
  if (rest === '') return { kind: 'list' };
  if (rest === 'new') return { kind: 'new' };
  try {
    return { kind: 'one', id: decodeURIComponent(rest) };
  } catch {
    return { kind: 'list' };
  }
}

/** The other way. */
export function pathOfPlace(place: RecordPlace, base: string): string {
  switch (place.kind) {
    case 'list':
      return base;
    case 'new':
      return `${base}/new`;
    case 'one':
      return `${base}/${encodeURIComponent(place.id)}`;
  }
}
