import { type ForwardCall, forward, type Tunnel } from '@portico/agent';
import type { Plugin } from 'vite';

/** Gives Vite's dev server a public URL, and lets its Host in. */
export function portico(options: ForwardCall = {}): Plugin {
  let tunnel: Tunnel | null = null;
  return {
    name: 'portico',
    apply: 'serve',
    configureServer(server) {
      server.httpServer?.once('listening', () => {
        const address = server.httpServer?.address();
        if (typeof address !== 'object' || address === null) return;
        const host = address.family === 'IPv6' ? '[::1]' : '127.0.0.1';
        forward(`${host}:${address.port}`, { name: 'vite', ...options }).then(
          (made) => {
            tunnel = made;
            const { allowedHosts } = server.config.server;
            if (Array.isArray(allowedHosts)) allowedHosts.push(new URL(made.url).hostname);
            server.config.logger.info(`public at ${made.url}`);
          },
          (error: Error) => server.config.logger.error(error.message),
        );
      });
    },
    async buildEnd() {
      await tunnel?.close();
    },
  };
}
