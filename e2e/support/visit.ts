import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';

export interface Visit {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: NodeJS.Dict<string>;
}

export interface VisitOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | string | Readable;
  readonly agent?: Agent;
  readonly timeoutMs?: number;
}

/** What a visitor needs to know of a platform. */
export interface Edge {
  readonly https: { readonly port: number };
  readonly http: { readonly port: number };
  readonly caFile: string;
}

const authorities = new Map<string, string>();

/** One request of a visitor, on a connection of its own unless an agent is given; TLS verified with the root. */
export function visit(edge: Edge, url: string, options: VisitOptions = {}): Promise<Visit> {
  const { hostname, pathname, search, protocol } = new URL(url);
  const secure = protocol === 'https:';
  const port = secure ? edge.https.port : edge.http.port;
  let ca = authorities.get(edge.caFile);
  if (ca === undefined) {
    ca = readFileSync(edge.caFile, 'utf8');
    authorities.set(edge.caFile, ca);
  }
  const common = {
    host: '127.0.0.1',
    port,
    path: pathname + search,
    method: options.method ?? 'GET',
    headers: { host: `${hostname}:${port}`, ...options.headers },
    timeout: options.timeoutMs ?? 30_000,
  };
  return new Promise((resolve, reject) => {
    const request = secure
      ? httpsRequest({ ...common, servername: hostname, ca, agent: options.agent ?? false })
      : httpRequest({ ...common, agent: false });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${url} within ${common.timeout} ms`)));
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
          trailers: response.trailers,
        }),
      );
    });
    if (options.body !== undefined && typeof options.body !== 'string' && !Buffer.isBuffer(options.body)) {
      options.body.on('error', (error) => request.destroy(error));
      options.body.pipe(request);
    } else {
      request.end(options.body);
    }
  });
}

/** Asks again until the answer satisfies; for a state that another process is on its way to. */
export async function visitUntil(
  edge: Edge,
  url: string,
  satisfied: (visit: Visit) => boolean,
  { withinMs = 15_000 }: { withinMs?: number } = {},
): Promise<Visit> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const answer = await visit(edge, url, { timeoutMs: 5_000 });
      if (satisfied(answer)) return answer;
      last = `${answer.status} ${answer.body.toString().slice(0, 300)}`;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} did not come to the wanted answer within ${withinMs} ms; last: ${String(last)}`);
}
