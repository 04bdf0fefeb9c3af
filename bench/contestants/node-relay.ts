import { join } from 'node:path';
import { Program } from '../process-group.ts';
import type { Contestant } from './contestant.ts';

/** The guard's yardstick where no proxy is installed. */
export const nodeRelay: Contestant = {
  name: 'Node relay',
  what: 'Node; hands TCP on as it comes, no tunnel',
  prepare: async () => ({ version: process.version }),
  start: async (upstream, folder, reach) => {
    const relay = new Program({
      name: 'the relay',
      command: process.execPath,
      args: [join(import.meta.dirname, '../relay-process.ts'), String(await reach(upstream.httpPort))],
      logFile: join(folder, 'relay.log'),
    });
    const port = (): number => Number(/^port (\d+)$/m.exec(relay.output)?.[1] ?? 0);
    await relay.whenUp(() => port() !== 0);
    return {
      http: { port: port(), host: '127.0.0.1', ca: null },
      https: null,
      tcpPort: null,
      server: () => relay.pids,
      client: () => [],
      stop: () => relay.stop(),
    };
  },
};
