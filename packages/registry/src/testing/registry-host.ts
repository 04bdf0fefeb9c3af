import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { EmbeddedRegistry } from '../embedded-registry.ts';
import type { Registry } from '../registry.ts';
import { handleRegistryRequest, writeRegistryWatch } from '../registry-server.ts';
import { REGISTRY_PATH } from '../wire.ts';

export const CREDENTIAL = 'node-credential-of-a-test';

/** The internal routes of the API as far as the registry goes, on a real port. */
export class RegistryHost {
  readonly baseUrl: string;
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Answers are held back while this is set. */
  silent = false;
  registry: EmbeddedRegistry;

  static async start(registry: EmbeddedRegistry, port = 0): Promise<RegistryHost> {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new RegistryHost(server, registry);
  }

  constructor(server: Server, registry: EmbeddedRegistry) {
    this.#server = server;
    this.registry = registry;
    this.port = (server.address() as AddressInfo).port;
    this.baseUrl = `http://127.0.0.1:${this.port}`;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', async (request, response) => {
      const url = new URL(request.url ?? '', this.baseUrl);
      if (request.headers.authorization !== `Bearer ${CREDENTIAL}`) {
        response.writeHead(401).end();
        return;
      }
      const operation = url.pathname.slice(REGISTRY_PATH.length + 1);
      if (operation === 'watch') {
        await writeRegistryWatch(this.registry, url.searchParams, response);
        return;
      }
      const { status, body } = await handleRegistryRequest(this.registry, operation, JSON.parse(await textOf(request)));
      if (!this.silent) {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      }
    });
  }

  /** Breaks every connection, as a cut cable or a killed proxy does. */
  cutConnections(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  /** What waits here for clients to read it. */
  get bufferedBytes(): number {
    return [...this.#sockets].reduce((sum, socket) => sum + socket.writableLength, 0);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.cutConnections();
    await this.registry.close();
  }
}

/** Fills the log of an engine that keeps `events` changes until it holds nothing of before. */
export async function overflow(registry: Registry, events: number): Promise<void> {
  for (let done = 0; done < events; done += 2) {
    const value = '';
    await registry.txn({ if: [{ kind: 'absent', key: '~' }], then: [{ kind: 'put', key: '~', value, lease: null }] });
    await registry.txn({ if: [{ kind: 'present', key: '~' }], then: [{ kind: 'delete', key: '~' }] });
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
  }
  return text;
}
