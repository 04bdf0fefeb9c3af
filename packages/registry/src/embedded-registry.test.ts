import { registryConformance } from './conformance.ts';
import { EmbeddedRegistry } from './embedded-registry.ts';
import type { Registry } from './registry.ts';

registryConformance('embedded', async () => {
  const registry = new EmbeddedRegistry({ limits: { logEvents: 1_000 } });
  return { connect: async () => registry, compact: () => overflow(registry, 1_000), close: () => registry.close() };
});

/** Fills the log until it holds nothing else. */
async function overflow(registry: Registry, events: number): Promise<void> {
  for (let done = 0; done < events; done += 2) {
    await registry.txn({
      if: [{ kind: 'absent', key: '~' }],
      then: [{ kind: 'put', key: '~', value: '', lease: null }],
    });
    await registry.txn({ if: [{ kind: 'present', key: '~' }], then: [{ kind: 'delete', key: '~' }] });
  }
}
