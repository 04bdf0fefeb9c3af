import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { AgentError } from './agent-error.ts';
import type { ConnectUrl } from './connect-url.ts';
import { describeDialError } from './dial-server.ts';

/**
 * The certificates that a server sends, leaf first, **unverified**: whoever calls compares one of them with what it
 * was told, and dials again with that one as the only CA. Nothing is sent to the server. Throws an AgentError.
 */
export function readSentChain(url: ConnectUrl, timeoutMs: number): Promise<X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: url.host,
      port: url.port,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: false,
      ...(isIP(url.host) === 0 ? { servername: url.host } : {}),
    });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    socket.once('error', (error: NodeJS.ErrnoException) => reject(describeDialError(error, url)));
    socket.once('close', () => reject(new AgentError('unreachable', `${url.text} closed the connection.`)));
    socket.once('secureConnect', () => {
      const chain: X509Certificate[] = [];
      let certificate = socket.getPeerX509Certificate();
      // A chain is short; one that names itself as issuer is its end.
      while (certificate !== undefined && chain.length < 10) {
        chain.push(certificate);
        const issuer: X509Certificate | undefined = certificate.issuerCertificate;
        if (issuer === undefined || issuer.fingerprint256 === certificate.fingerprint256) break;
        certificate = issuer;
      }
      resolve(chain);
      socket.destroy();
    });
  });
}
