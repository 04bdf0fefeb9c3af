import { registryConformance } from './conformance.ts';
import { EmbeddedRegistry } from './embedded-registry.ts';
import { RemoteRegistry } from './remote-registry.ts';
import { CREDENTIAL, overflow, RegistryHost } from './testing/registry-host.ts';

registryConformance('remote, over HTTP', async () => {
  const engine = new EmbeddedRegistry({ limits: { logEvents: 1_000 } });
  const host = await RegistryHost.start(engine);
  const clients: RemoteRegistry[] = [];
  return {
    connect: async () => {
      const client = new RemoteRegistry({ baseUrl: host.baseUrl, credential: CREDENTIAL });
      clients.push(client);
      return client;
    },
    compact: () => overflow(engine, 1_000),
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await host.close();
    },
  };
});
