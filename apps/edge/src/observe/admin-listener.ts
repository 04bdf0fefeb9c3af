import { createServer, type Server } from 'node:http';
import type { Metrics } from './metrics.ts';

/** `/metrics` (Prometheus text), `/healthz` (the process runs) and `/readyz` (it takes traffic), on loopback only. */
export class AdminListener {
  readonly #server: Server;

  constructor({ metrics, isReady }: { metrics: Metrics; isReady: () => boolean }) {
    this.#server = createServer((request, response) => {
      const answer = (status: number, type: string, body: string) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
        response.end(body);
      };
      if (request.method !== 'GET') answer(405, 'text/plain', 'GET only\n');
      else if (request.url === '/metrics') answer(200, 'text/plain; version=0.0.4', metrics.render());
      else if (request.url === '/healthz') answer(200, 'text/plain', 'ok\n');
      else if (request.url === '/readyz') {
        if (isReady()) answer(200, 'text/plain', 'ready\n');
        else answer(503, 'text/plain', 'not ready\n');
      } else answer(404, 'text/plain', 'not found\n');
    });
    this.#server.headersTimeout = 5_000;
    this.#server.requestTimeout = 10_000;
    this.#server.maxConnections = 64;
  }

  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        const bound = this.#server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
