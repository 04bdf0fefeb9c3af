import { PorticoError } from '@portico/errors';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { listBody, readPage, resourcesFor } from './conventions.ts';

/** Collections of older generations of this API, and under which name their lists carried items. */
const withdrawn: ReadonlyMap<string, string> = new Map([
  ['/edges/https', 'https_edges'],
  ['/edges/tcp', 'tcp_edges'],
  ['/edges/tls', 'tls_edges'],
  ['/backends/failover', 'backends'],
  ['/backends/http_response', 'backends'],
  ['/backends/static', 'backends'],
  ['/backends/tunnel_group', 'backends'],
  ['/backends/weighted', 'backends'],
  ['/endpoint_configurations', 'endpoint_configurations'],
]);

/** What only the original service has: nothing of it can be made here, so there is none. */
const absent: ReadonlyMap<string, string> = new Map([
  ['/ssh_certificate_authorities', 'ssh_certificate_authorities'],
  ['/ssh_host_certificates', 'ssh_host_certificates'],
  ['/ssh_user_certificates', 'ssh_user_certificates'],
  ['/agent_ingresses', 'ingresses'],
  ['/kubernetes_operators', 'operators'],
]);

/** Lists are empty, so that programs that look first go on; everything else says what to use instead. */
export function withdrawnRoutes(app: FastifyInstance, { config }: Pick<ApiContext, 'config'>): void {
  for (const [path, key] of [...withdrawn, ...absent]) {
    const refuse = async (): Promise<never> => {
      if (absent.has(path)) throw new PorticoError(404, { what: 'resource on this server', id: path.slice(1) });
      throw new PorticoError(path.startsWith('/edges') ? 7008 : 1608, { what: path });
    };
    app.get(path, async (request) => {
      const page = readPage(request);
      const resources = resourcesFor(request, config.publicOrigin);
      return listBody({ resources, key, path, page }, { items: [], hasMore: false });
    });
    app.post(path, refuse);
    app.route({ method: ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'], url: `${path}/*`, handler: refuse });
  }
}
