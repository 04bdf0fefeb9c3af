import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { createRoot, LeafIssuer } from '@portico/pki';

/** A TLS service with a certificate of its own authority, which says `text` to whoever comes. */
export interface TlsUpstream {
  readonly port: number;
  /** PEM of that authority. */
  readonly ca: string;
  close(): void;
}

export async function tlsUpstream(host: string, text: string): Promise<TlsUpstream> {
  const root = await createRoot({ name: 'another root', now: new Date() });
  const issuer = new LeafIssuer({ certificatePem: root.certificatePem, privateKeyPem: root.privateKeyPem });
  const leaf = await issuer.issue({ dns: [host], ips: [] });
  const server = createServer({ cert: leaf.certificatePem, key: leaf.privateKeyPem }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, ca: root.certificatePem, close: () => void server.close() };
}
