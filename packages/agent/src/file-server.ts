import { randomBytes } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { mkdtemp, open, readdir, realpath, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AgentError } from './agent-error.ts';
import { contentTypeOf } from './content-types.ts';
import type { NetworkAddress } from './upstream-address.ts';

export interface RunningFileServer {
  readonly address: NetworkAddress;
  close(): Promise<void>;
}

/**
 * Serves a directory on a socket that only this user can open. Throws an AgentError when there is no such directory.
 * Links that lead out of it, and names that begin with a dot (but `.well-known`), are not served.
 */
export async function startFileServer(directory: string): Promise<RunningFileServer> {
  const root = await rootOf(directory);
  const server = createServer((request, response) => {
    void answer(root, request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'This file cannot be read.');
    });
  });
  // Visitors' connections live as long as the edge keeps them.
  server.keepAliveTimeout = 65_000;
  server.requestTimeout = 0;
  const place = await socketPlace();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(place.path, resolve);
  });
  return {
    address: { kind: 'unix', path: place.path, text: `unix:${place.path}` },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await place.remove();
    },
  };
}

async function rootOf(directory: string): Promise<string> {
  let root: string;
  try {
    root = await realpath(directory);
  } catch {
    throw new AgentError('usage', `There is no directory ${directory}.`);
  }
  if (!(await stat(root)).isDirectory()) throw new AgentError('usage', `${directory} is no directory.`);
  return root;
}

async function socketPlace(): Promise<{ path: string; remove(): Promise<void> }> {
  if (process.platform === 'win32') {
    return { path: `\\\\.\\pipe\\portico-${randomBytes(12).toString('hex')}`, remove: () => Promise.resolve() };
  }
  // mkdtemp makes it readable by its owner alone.
  const folder = await mkdtemp(join(tmpdir(), 'portico-files-'));
  return { path: join(folder, 's'), remove: () => rm(folder, { recursive: true, force: true }) };
}

async function answer(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    refuse(response, 405, 'Files can be read only.');
    return;
  }
  const [rawPath = '/', query] = splitOnce(request.url ?? '/', '?');
  const segments = segmentsOf(rawPath);
  const found = segments === null ? null : await locate(root, segments);
  if (found === null) {
    refuse(response, 404, 'There is no such file.');
    return;
  }
  if (!found.stats.isDirectory()) {
    await sendFile(found, request, response);
    return;
  }
  if (!rawPath.endsWith('/')) {
    // Relative links of the page would miss its last name. One slash first: two would name another host.
    const to = `/${(segments ?? []).map(encodeURIComponent).join('/')}/`;
    response.writeHead(301, { Location: query === undefined ? to : `${to}?${query}`, 'Content-Length': '0' }).end();
    return;
  }
  const index = await locate(root, [...(segments ?? []), 'index.html']);
  if (index?.stats.isFile() === true) await sendFile(index, request, response);
  else await sendListing(found.path, segments ?? [], request, response);
}

interface Found {
  readonly path: string;
  readonly stats: Stats;
}

/** Names below the root, null for a path that is none. */
function segmentsOf(path: string): string[] | null {
  const segments: string[] = [];
  for (const raw of path.split('/')) {
    if (raw === '') continue;
    let name: string;
    try {
      name = decodeURIComponent(raw);
    } catch {
      return null;
    }
    if (!isServed(name)) return null;
    segments.push(name);
  }
  return segments;
}

function isServed(name: string): boolean {
  if (name.includes('/') || name.includes('\\') || name.includes('\0')) return false;
  return !name.startsWith('.') || name === '.well-known';
}

async function locate(root: string, segments: readonly string[]): Promise<Found | null> {
  try {
    const path = await realpath(join(root, ...segments));
    // A link may lead anywhere.
    if (path !== root && !path.startsWith(root.endsWith(sep) ? root : root + sep)) return null;
    const stats = await stat(path);
    return stats.isFile() || stats.isDirectory() ? { path, stats } : null;
  } catch {
    return null;
  }
}

async function sendFile({ path }: Found, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const file = await open(path, 'r');
  try {
    // The very file that is read: it may be replaced at any moment.
    const stats = await file.stat();
    const etag = `"${stats.size.toString(16)}-${Math.trunc(stats.mtimeMs).toString(16)}"`;
    const modified = stats.mtime.toUTCString();
    response.setHeader('ETag', etag);
    response.setHeader('Last-Modified', modified);
    response.setHeader('Accept-Ranges', 'bytes');
    response.setHeader('Content-Type', contentTypeOf(extname(path)));
    if (isFresh(request, etag, stats)) {
      response.writeHead(304).end();
      return;
    }
    const range = rangeOf(request, etag, modified, stats.size);
    if (range === 'unsatisfiable') {
      response.removeHeader('Content-Type');
      response.writeHead(416, { 'Content-Range': `bytes */${stats.size}`, 'Content-Length': '0' }).end();
      return;
    }
    const { start, end } = range ?? { start: 0, end: stats.size - 1 };
    if (range !== null) response.setHeader('Content-Range', `bytes ${start}-${end}/${stats.size}`);
    response.setHeader('Content-Length', String(end - start + 1));
    response.writeHead(range === null ? 200 : 206);
    if (request.method === 'HEAD' || end < start) {
      response.end();
      return;
    }
    await pipeline(createReadStream('', { fd: file.fd, autoClose: false, start, end }), response).catch(() => {
      response.destroy();
    });
  } finally {
    await file.close();
  }
}

/** RFC 9110 section 13.2.2: a validator comes before a date. */
function isFresh(request: IncomingMessage, etag: string, stats: Stats): boolean {
  const match = request.headers['if-none-match'];
  if (match !== undefined) {
    return match === '*' || match.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
  }
  const since = Date.parse(request.headers['if-modified-since'] ?? '');
  return !Number.isNaN(since) && Math.floor(stats.mtimeMs / 1000) * 1000 <= since;
}

/** One range (RFC 9110 section 14.1.2); null for the whole file, which also answers several. */
function rangeOf(
  request: IncomingMessage,
  etag: string,
  modified: string,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range?.trim() ?? '');
  const condition = request.headers['if-range'];
  if (match === null || (condition !== undefined && condition !== etag && condition !== modified)) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return null;
  return start >= size ? 'unsatisfiable' : { start, end };
}

const listedMax = 10_000;

async function sendListing(
  path: string,
  segments: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const entries = (await readdir(path, { withFileTypes: true })).filter((entry) => isServed(entry.name));
  const names = entries
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort((a, b) => Number(b.endsWith('/')) - Number(a.endsWith('/')) || a.localeCompare(b))
    .slice(0, listedMax);
  const title = escapeHtml(`/${segments.map((name) => `${name}/`).join('')}`);
  const up = segments.length === 0 ? [] : ['<li><a href="../">../</a></li>'];
  const items = names.map((name) => {
    const isFolder = name.endsWith('/');
    const href = `./${encodeURIComponent(isFolder ? name.slice(0, -1) : name)}${isFolder ? '/' : ''}`;
    return `<li><a href="${href}">${escapeHtml(name)}</a></li>`;
  });
  const more = entries.length > listedMax ? `<p>The first ${listedMax} of ${entries.length}.</p>` : '';
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>:root{color-scheme:light dark;font:14px/1.6 system-ui,sans-serif}body{max-width:48rem;margin:2rem auto;padding:0 1rem}ul{list-style:none;padding:0}li{border-top:1px solid #8884;padding:.25rem 0;overflow-wrap:anywhere}</style><h1>${title}</h1><ul>${[...up, ...items].join('')}</ul>${more}</html>\n`;
  response.writeHead(200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
    'Cache-Control': 'no-cache',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
  });
  response.end(body);
}

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index === -1 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
