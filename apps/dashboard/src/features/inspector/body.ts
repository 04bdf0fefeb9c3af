/** How the beginning of a body can be looked at. */
export type BodyView =
  | { readonly kind: 'empty' }
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'xml'; readonly text: string }
  | { readonly kind: 'form'; readonly pairs: readonly (readonly [string, string])[] }
  | { readonly kind: 'events'; readonly events: readonly string[] }
  | { readonly kind: 'image'; readonly url: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary' };

const imageTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'];

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const raw = atob(base64);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += 1) bytes[at] = raw.charCodeAt(at);
  return bytes;
}

/** Undone content codings; null for one that a browser cannot undo. What is cut short gives what there is of it. */
export async function decoded(
  bytes: Uint8Array<ArrayBuffer>,
  encoding: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  let current = bytes;
  const codings = encoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  for (const coding of codings.reverse()) {
    const format = coding === 'gzip' || coding === 'x-gzip' ? 'gzip' : coding === 'deflate' ? 'deflate' : null;
    if (format === null) return null;
    current = await inflated(current, format);
  }
  return current;
}

const inflatedBytesMax = 1_000_000;

async function inflated(bytes: Uint8Array<ArrayBuffer>, format: 'gzip' | 'deflate'): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    while (size < inflatedBytesMax) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      size += value.length;
    }
  } catch {
    // Cut short: what came so far is what there is.
  }
  await reader.cancel().catch(() => {});
  const whole = new Uint8Array(Math.min(size, inflatedBytesMax));
  let at = 0;
  for (const part of parts) {
    const piece = part.subarray(0, whole.length - at);
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** By its type, and by what it is when it has none. `bytes` are without content coding. */
export function viewOf(bytes: Uint8Array, contentType: string, isCut: boolean): BodyView {
  if (bytes.length === 0) return { kind: 'empty' };
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (imageTypes.includes(type) && !isCut) return { kind: 'image', url: `data:${type};base64,${base64Of(bytes)}` };
  const text = textOf(bytes);
  if (text === null) return { kind: 'binary' };
  if (type === 'text/event-stream')
    return { kind: 'events', events: text.split(/\r?\n\r?\n/).filter((part) => part !== '') };
  if (type === 'application/x-www-form-urlencoded') return { kind: 'form', pairs: [...new URLSearchParams(text)] };
  if (type === 'application/json' || type.endsWith('+json') || /^\s*[[{]/.test(text)) {
    const pretty = prettyJson(text);
    if (pretty !== null) return { kind: 'json', text: pretty };
  }
  if (/^(application|text)\/xml$|\+xml$/.test(type) && !isCut) {
    const pretty = prettyXml(text);
    if (pretty !== null) return { kind: 'xml', text: pretty };
  }
  return { kind: 'text', text };
}

/** Tags, comments, sections and the text between them; null when one is not closed. Reads each character once. */
function xmlParts(text: string): string[] | null {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf('<', at);
    if (end === -1) end = text.length;
    if (end === at) {
      const close = text.startsWith('<!--', at) ? '-->' : text.startsWith('<![CDATA[', at) ? ']]>' : '>';
      const found = text.indexOf(close, at);
      if (found === -1) return null;
      end = found + close.length;
    }
    parts.push(text.slice(at, end));
    at = end;
  }
  return parts;
}

/** One element a line, indented by depth; null when elements do not fit into one another. Only ever shown as text. */
export function prettyXml(text: string): string | null {
  const lines: string[] = [];
  const open: string[] = [];
  const parts = xmlParts(text);
  if (parts === null) return null;
  const line = (part: string): number => lines.push(`${'  '.repeat(open.length)}${part}`);
  for (let at = 0; at < parts.length; at += 1) {
    const part = (parts[at] ?? '').trim();
    const [, closes = '', name = '', itself = ''] = part.match(/^<(\/?)([^\s!?/>]+)[^>]*?(\/?)>$/) ?? [];
    if (part === '') continue;
    if (name === '' || itself === '/') line(part);
    else if (closes === '/') {
      if (open.pop() !== name) return null;
      line(part);
    } else {
      const [words = '', end = ''] = parts.slice(at + 1, at + 3);
      if (end === `</${name}>` && !words.startsWith('<')) {
        line(`${part}${words.trim()}${end}`);
        at += 2;
      } else {
        line(part);
        open.push(name);
      }
    }
  }
  return open.length === 0 ? lines.join('\n') : null;
}

export function prettyJson(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

/** Null when it is not text: not UTF-8, or with bytes that no text has. A character cut at the end is left out. */
export function textOf(bytes: Uint8Array): string | null {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let cut = 0; cut < 4 && cut < bytes.length; cut += 1) {
    try {
      const text = decoder.decode(bytes.subarray(0, bytes.length - cut));
      return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) ? null : text;
    } catch {
      // One byte less.
    }
  }
  return null;
}

/** Lines of 16 bytes: place, hex, characters. */
export function hexLines(bytes: Uint8Array, most = 256): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length && lines.length < most; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const characters = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${characters}`);
  }
  return lines;
}

function base64Of(bytes: Uint8Array): string {
  let raw = '';
  for (const byte of bytes) raw += String.fromCharCode(byte);
  return btoa(raw);
}
