import { createServer as createHttpServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { DevEnv } from '../dev-env.ts';

export interface Answer {
  readonly status: number;
  readonly code: string | null;
  readonly retryAfter: string | null;
  readonly text: string;
  readonly certificate: PeerCertificate;
}

/** One HTTPS request on a connection of its own. `ca`: what the certificate must come from; the platform's own else. */
export function visit(
  env: DevEnv,
  host: string,
  options: { ca?: string; path?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: env.https.port,
        servername: host,
        path: options.path ?? '/',
        ca: options.ca ?? env.ca,
        headers: { host, ...options.headers },
        agent: false,
      },
      (response) => {
        let text = '';
        const certificate = (response.socket as TLSSocket).getPeerCertificate();
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response;
          const code = headers['ngrok-error-code'];
          const retryAfter = headers['retry-after'] ?? null;
          resolve({ status, code: typeof code === 'string' ? code : null, retryAfter, text, certificate });
        });
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

/** An upstream that answers everything with the same bytes. */
export async function openUpstream(body = 'hello'): Promise<{ address: string; close: () => Promise<void> }> {
  const server = createHttpServer((incoming, response) => {
    incoming.resume();
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A call of the public API as the first account. */
export async function callApi(
  env: DevEnv,
  method: string,
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${env.api.publicUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${env.apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? {} : JSON.parse(text);
}
