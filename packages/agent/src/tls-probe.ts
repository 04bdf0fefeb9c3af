import { connect } from 'node:tls';
import type { NetworkAddress } from './upstream-address.ts';

const timeoutMs = 2000;

/** Whether a server ends a TLS handshake on this port, whatever its certificate. Nothing is sent inside. */
export function speaksTls(address: NetworkAddress): Promise<boolean> {
  if (address.kind === 'unix') return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port, rejectUnauthorized: false });
    const done = (speaks: boolean): void => {
      socket.destroy();
      resolve(speaks);
    };
    socket.setTimeout(timeoutMs, () => done(false));
    socket.once('secureConnect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('close', () => resolve(false));
  });
}
