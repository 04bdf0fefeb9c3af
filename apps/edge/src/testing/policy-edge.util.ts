import { once } from 'node:events';
import { createServer, Agent as HttpAgent, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { Agent as HttpsAgent, request as requestTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Policies } from '../policy/policies.ts';
import { DEMO, type EdgeUnderTest, startEdge } from './edge.util.ts';

/** How a visitor speaks to the edge. */
export type Speech = 'http' | 'https' | 'h2';
export const SPEECHES: readonly Speech[] = ['http', 'https', 'h2'];

/** What the upstream got. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  /** Lower-case names; doubled fields joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Visit {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

export interface Visited {
  /** 0: the connection was closed without an answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  readonly trailers: Readonly<Record<string, string | undefined>>;
}

/** An edge with one endpoint over http and https, whose policy a test sets, and an upstream that keeps what it got. */
export interface PolicyEdge {
  readonly edge: EdgeUnderTest;
  readonly policies: Policies;
  readonly seen: SeenRequest[];
  /** Answers in place of `method url`. */
  answer: (request: SeenRequest, response: ServerResponse) => void;
  /** Sets it on both endpoints, or on one alone; null takes it away. */
  use(policy: object | string | null, only?: 'http' | 'https'): void;
  visit(speech: Speech, visit?: Visit): Promise<Visited>;
  close(): Promise<void>;
}

export async function startPolicyEdge(policies: Policies = new Policies()): Promise<PolicyEdge> {
  const seen: SeenRequest[] = [];
  const upstream = createServer((incoming, response) => void serve(incoming, response));
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const headers = Object.fromEntries(
      Object.entries(incoming.headersDistinct).map(([name, values]) => [name, (values ?? []).join(', ')]),
    );
    const got = { method: incoming.method ?? '', url: incoming.url ?? '', headers, body: Buffer.concat(chunks) };
    seen.push(got);
    policyEdge.answer(got, response);
  };
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const edge = await startEdge({ upstreamPort: () => (upstream.address() as AddressInfo).port, policies });
  const http = new HttpAgent({ keepAlive: true });
  const https = new HttpsAgent({ keepAlive: true });
  let session: ClientHttp2Session | null = null;
  const policyEdge: PolicyEdge = {
    edge,
    policies,
    seen,
    answer: plainAnswer,
    use: (policy, only) => {
      const text = typeof policy === 'string' ? policy : JSON.stringify(policy);
      for (const endpoint of [edge.http, edge.https]) {
        const { proto: protocol } = endpoint;
        if (only !== undefined && only !== protocol) continue;
        endpoint.policy = policy === null ? null : policies.compile(text, { protocol, kind: 'agent', internal: false });
      }
    },
    visit: async (speech, visit = {}) => {
      if (speech !== 'h2') return visitHttp1(edge, speech, visit, { http, https });
      if (session === null || session.closed || session.destroyed) session = await openHttp2(edge);
      return visitHttp2(session, visit);
    },
    close: async () => {
      http.destroy();
      https.destroy();
      session?.destroy();
      await edge.close();
      upstream.closeAllConnections();
      await new Promise((resolve) => upstream.close(resolve));
    },
  };
  return policyEdge;
}

export function plainAnswer(got: SeenRequest, response: ServerResponse): void {
  response.setHeader('content-type', 'text/plain');
  response.end(`${got.method} ${got.url}`);
}

const NOTHING: Visited = { status: 0, headers: {}, body: Buffer.alloc(0), text: '', trailers: {} };

function visitHttp1(
  edge: EdgeUnderTest,
  speech: 'http' | 'https',
  { method = 'GET', path = '/', headers = {}, body }: Visit,
  agents: { http: HttpAgent; https: HttpsAgent },
): Promise<Visited> {
  return new Promise((resolve) => {
    const common = { host: '127.0.0.1', method, path, headers: { host: DEMO, ...headers } };
    const sent =
      speech === 'http'
        ? request({ ...common, port: edge.httpPort, agent: agents.http })
        : requestTls({ ...common, port: edge.httpsPort, agent: agents.https, servername: DEMO, ca: edge.rootPem });
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve({ ...NOTHING, headers: response.headers }));
      response.on('end', () => {
        const whole = Buffer.concat(chunks);
        const { statusCode = 0, trailers } = response;
        resolve({ status: statusCode, headers: response.headers, body: whole, text: whole.toString(), trailers });
      });
    });
    sent.on('error', () => resolve(NOTHING));
    sent.end(body);
  });
}

export async function openHttp2(edge: EdgeUnderTest): Promise<ClientHttp2Session> {
  const socket = connectTls({
    port: edge.httpsPort,
    host: '127.0.0.1',
    servername: DEMO,
    ca: edge.rootPem,
    ALPNProtocols: ['h2'],
  });
  await once(socket, 'secureConnect');
  const session = connectHttp2(`https://${DEMO}`, { createConnection: () => socket });
  session.on('error', () => {});
  return session;
}

function visitHttp2(
  session: ClientHttp2Session,
  { method = 'GET', path = '/', headers = {}, body }: Visit,
): Promise<Visited> {
  return new Promise((resolve) => {
    const { host, ...rest } = headers;
    const authority = typeof host === 'string' ? host : DEMO;
    const stream = session.request(
      { ...rest, ':method': method, ':path': path, ':authority': authority },
      { endStream: body === undefined },
    );
    let status = 0;
    let received: IncomingHttpHeaders = {};
    let trailers: Record<string, string | undefined> = {};
    const chunks: Buffer[] = [];
    stream.on('response', (head) => {
      status = Number(head[':status']);
      received = head;
    });
    stream.on('trailers', (fields: Record<string, string | undefined>) => {
      trailers = fields;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {});
    stream.on('close', () => {
      const whole = Buffer.concat(chunks);
      resolve({ status, headers: received, body: whole, text: whole.toString(), trailers });
    });
    if (body !== undefined) stream.end(body);
  });
}
