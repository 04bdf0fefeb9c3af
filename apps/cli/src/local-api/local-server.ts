import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { CaptureStore } from '@portico/agent';
import { CliError } from '../output/cli-error.ts';
import type { TunnelSet } from '../tunnels/tunnel-set.ts';
import { allowedHosts, stripPort } from './host-check.ts';
import { InspectorRoutes } from './inspector-routes.ts';
import { answerApi, type LocalRequest } from './local-routes.ts';
import { errorShape } from './shapes.ts';

export interface LocalServerOptions {
  /** `host:port`; a taken port leads to the next free one. */
  readonly addr: string;
  readonly allowHosts: readonly string[];
  readonly tunnels: TunnelSet;
  /** Null: nothing is kept. */
  readonly captures: CaptureStore | null;
  readonly version: string;
  readonly connectUrl: string;
  readonly configPaths: readonly string[];
}

export interface LocalServer {
  /** `127.0.0.1:4040` */
  readonly addr: string;
  readonly url: string;
  close(): Promise<void>;
}

/** How far a taken port leads on. */
const portsTried = 100;
const bodyBytesMax = 4_194_304;

/** The agent's own API and inspector. Throws a CliError when the address cannot be listened on. */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const { host, port } = readAddr(options.addr);
  const allowed = allowedHosts(options.allowHosts, host);
  const inspector = new InspectorRoutes(options);
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    void answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, errorShape(500, 104, 'the agent failed to answer', String(error)));
    });
  });
  // Keeping the process alive is the tunnels' business.
  server.unref();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    setGuards(response);
    const refusal = refusedHost(request);
    if (refusal !== null) {
      sendText(response, 403, refusal);
      return;
    }
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    if (url === null) {
      sendJson(response, 400, errorShape(400, 101, 'bad request', 'the path cannot be read'));
      return;
    }
    const asked: LocalRequest = { method: request.method ?? 'GET', url, readJson: () => readJson(request) };
    if (url.pathname === '/') {
      response.writeHead(302, { location: '/inspect/http' }).end();
    } else if (url.pathname === '/api' || url.pathname.startsWith('/api/')) {
      const { status, body } = await answerApi(asked, options);
      if (body === null) response.writeHead(status).end();
      else sendJson(response, status, body);
    } else if (!(await inspector.answer(asked, response))) {
      sendText(response, 404, 'There is no such page. The inspector is at /inspect/http, the API at /api.');
    }
  }

  /** Null when the request may be answered. */
  function refusedHost(request: IncomingMessage): string | null {
    const hostname = stripPort(request.headers.host ?? '');
    const own = request.socket.localAddress?.replace(/^::ffff:/, '');
    const isAllowed = (name: string): boolean => allowed.allows(name) || (isIP(name) !== 0 && name === own);
    if (!isAllowed(hostname)) return blockedText(request.headers.host ?? '', options.addr);
    const { origin } = request.headers;
    if (origin === undefined) return null;
    const from = stripPort(URL.parse(origin)?.host ?? '');
    return isAllowed(from) && URL.parse(origin)?.host === request.headers.host
      ? null
      : blockedText(origin, options.addr);
  }

  const bound = await listen(server, host, port);
  const shown = host.includes(':') ? `[${host}]` : host;
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : shown;
  return {
    addr: `${shown}:${bound}`,
    url: `http://${reachable}:${bound}`,
    close: async () => {
      inspector.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function readAddr(addr: string): { host: string; port: number } {
  const match = /^(?:(.*):)?(\d{1,5})$/.exec(addr);
  const host = stripPort(match?.[1] ?? '127.0.0.1') || (match?.[1] === '' ? '0.0.0.0' : '');
  const port = Number(match?.[2] ?? Number.NaN);
  if (match === null || host === '' || !(port >= 0 && port <= 65_535)) {
    throw new CliError(`web_addr "${addr}" is not accepted: it is host:port, as in 127.0.0.1:4040, or false.`);
  }
  return { host, port };
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  for (let tried = 0; ; tried += 1) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port: port === 0 ? 0 : port + tried, exclusive: true }, () => {
          server.off('error', reject);
          resolve();
        });
      });
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : null;
      if (code === 'EADDRINUSE' && port !== 0 && tried < portsTried && port + tried < 65_535) continue;
      throw new CliError(`The local API cannot listen on ${host}:${port} (${String(code ?? error)}).`);
    }
  }
}

function blockedText(name: string, addr: string): string {
  return [
    `This is the local API of portico on ${addr}. It does not answer to the name "${name.slice(0, 200)}",`,
    'so that no page elsewhere can read your traffic through your browser (DNS rebinding).',
    '',
    'Open it as http://127.0.0.1:4040 or http://localhost:4040, or let the name in by the configuration file:',
    '',
    '  agent:',
    '    web_allow_hosts: ["the.name"]',
    '',
  ].join('\n');
}

async function readJson(
  request: IncomingMessage,
): Promise<{ ok: true; value: unknown } | { ok: false; status: number; err: string }> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json') {
    return { ok: false, status: 415, err: `the body must be JSON (content-type application/json), not "${type}"` };
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const piece: Buffer = chunk;
    bytes += piece.length;
    if (bytes > bodyBytesMax) return { ok: false, status: 413, err: 'the body is too large' };
    chunks.push(piece);
  }
  try {
    return { ok: true, value: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return { ok: false, status: 400, err: 'the body is no JSON' };
  }
}

/** For every answer: nothing may run that is not ours, and nobody may frame it. */
function setGuards(response: ServerResponse): void {
  response.setHeader(
    'content-security-policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('x-frame-options', 'DENY');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cache-control', 'no-store');
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}
