import { registryConformance } from './conformance.ts';
import { EmbeddedRegistry } from './embedded-registry.ts';
import { overflow } from './testing/registry-host.ts';

registryConformance('embedded', async () => {
  const registry = new EmbeddedRegistry({ limits: { logEvents: 1_000 } });
  return { connect: async () => registry, compact: () => overflow(registry, 1_000), close: () => registry.close() };
});
