import { createServer, type TlsOptions } from 'node:tls';
import type { Clock } from './clock.ts';
import { dialUpstream, type UpstreamTls } from './dial-upstream.ts';
import type { ConnectionHandler, VisitorConnection } from './listener.ts';
import type { NetworkAddress } from './upstream-address.ts';

/** A certificate with its key, PEM. */
export interface TlsKeyPair {
  readonly certificate: string;
  readonly privateKey: string;
  /** CAs whose clients are let in; without them every client is. */
  readonly clientCas?: readonly string[];
}

export interface TerminateTlsOptions {
  readonly keyPair: TlsKeyPair;
  readonly address: NetworkAddress;
  readonly tls: UpstreamTls;
  readonly clock: Clock;
}

const dialTimeoutMs = 10_000;

/**
 * Ends the visitors' TLS in this process and passes what is inside on to the upstream. Throws when certificate and
 * key do not belong together. Slower than forwarding: it is for keys that must not leave this machine.
 */
export function terminatingHandler(options: TerminateTlsOptions): ConnectionHandler {
  const { certificate, privateKey, clientCas } = options.keyPair;
  const tlsOptions: TlsOptions = {
    cert: certificate,
    key: privateKey,
    minVersion: 'TLSv1.2',
    allowHalfOpen: true,
    ...(clientCas === undefined ? {} : { ca: [...clientCas], requestCert: true, rejectUnauthorized: true }),
  };
  const server = createServer(tlsOptions);
  server.on('tlsClientError', () => {});
  server.on('secureConnection', (visitor) => {
    const upstream = dialUpstream(
      { ...options, wrapInTls: true, alpn: null, timeoutMs: dialTimeoutMs },
      {
        onConnected: () => visitor.resume(),
        onFailed: () => visitor.destroy(),
        onBytes: (bytes) => {
          const goesOn = visitor.write(Buffer.from(bytes));
          if (!goesOn) visitor.once('drain', () => upstream.resume());
          return goesOn;
        },
        onEnded: () => visitor.end(),
        onDrained: () => visitor.resume(),
        onClosed: (error) => (error === null ? visitor.end() : visitor.destroy()),
      },
    );
    visitor.on('data', (bytes: Buffer) => {
      if (!upstream.write(bytes)) visitor.pause();
    });
    visitor.pause();
    visitor.on('end', () => upstream.end());
    visitor.on('error', () => upstream.destroy());
    visitor.on('close', () => upstream.destroySoon());
  });
  return (connection: VisitorConnection) => {
    connection.on('error', () => {});
    server.emit('connection', connection);
  };
}
