import type { Contestant } from './contestant.ts';

/** No tunnel at all: what load and upstream can do by themselves. */
export const direct: Contestant = {
  name: 'direct',
  what: 'the upstream itself',
  prepare: async () => ({ version: '' }),
  start: async (upstream, _folder, reach) => ({
    http: { port: await reach(upstream.httpPort), host: '127.0.0.1', ca: null },
    https: null,
    tcpPort: await reach(upstream.tcpPort),
    server: () => [],
    client: () => [],
    stop: async () => {},
  }),
};
