import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { PorticoError } from '@portico/errors';
import type { PolicyScope, TerminateTlsConfig } from '@portico/traffic-policy';
import type { CertificateStore, ServedCertificate } from '../listener/certificate-store.ts';
import type { PolicyData } from './policies.ts';

export interface Handshake {
  readonly socket: Socket;
  /** The ClientHello, read before; it goes back into the socket. */
  readonly first: Buffer;
  readonly serverName: string;
  readonly accountId: string;
  readonly alpn: readonly string[];
  readonly signal: AbortSignal;
}

/** Ends TLS as a policy says: its own certificate or that of the name, versions, and certificates of visitors. */
export class TlsTerminator {
  readonly #certificates: Pick<CertificateStore, 'find' | 'terminator' | 'handshake'>;
  readonly #data: PolicyData;
  /** What a configuration was last made into, and of which texts; gone with its policy. */
  readonly #made = new WeakMap<
    TerminateTlsConfig,
    { readonly key: string; readonly atMs: number; readonly certificate: ServedCertificate }
  >();

  constructor(certificates: Pick<CertificateStore, 'find' | 'terminator' | 'handshake'>, data: PolicyData) {
    this.#certificates = certificates;
    this.#data = data;
  }

  /**
   * Resolves with the visitor's connection once the handshake is over, certificates of visitors checked.
   * @throws PorticoError 3002 when it fails; the socket is destroyed then.
   */
  async terminate(config: TerminateTlsConfig, scope: PolicyScope, handshake: Handshake): Promise<TLSSocket> {
    const { socket, first, signal } = handshake;
    const certificate = await this.#certificateOf(config, scope, handshake);
    if (signal.aborted || socket.destroyed) throw failed('the visitor left');
    const secure = await new Promise<TLSSocket>((resolve, reject) => {
      socket.once('close', () => reject(failed('the visitor left, or its certificate was not accepted')));
      if (first.length > 0) socket.unshift(first);
      this.#certificates.handshake(socket, certificate, resolve);
    });
    secure.on('error', () => {});
    // The raw socket is what the listener keeps: it must not outlive the one on top of it.
    secure.once('close', () => socket.destroy());
    secure.pause();
    if (config.clientAuthorities.length > 0 && config.clientVerification !== 'request') {
      if (secure.getPeerX509Certificate() === undefined) {
        secure.destroy();
        throw failed('the visitor has no certificate');
      }
    }
    return secure;
  }

  async #certificateOf(
    config: TerminateTlsConfig,
    scope: PolicyScope,
    handshake: Handshake,
  ): Promise<ServedCertificate> {
    const { serverName, accountId, alpn } = handshake;
    const own = config.serverCertificate === null ? null : config.serverCertificate.text(scope);
    const served = own === null ? await this.#certificates.find(serverName) : null;
    const cert = own ?? served?.material.certificatePem ?? null;
    const privateKey = own === null ? served?.material.privateKeyPem : config.serverPrivateKey?.text(scope);
    if (cert === null || privateKey === undefined) throw failed(`there is no certificate for ${serverName}`);
    const authorities = config.clientAuthorities.map((template) => this.#authority(template.text(scope), accountId));
    const key = [cert, privateKey, alpn.join(), ...authorities].join('\n');
    const known = this.#made.get(config);
    if (known?.key === key && performance.now() - known.atMs < TICKET_KEYS_LIFE_MS) return known.certificate;
    const asks = authorities.length > 0;
    try {
      const certificate = this.#certificates.terminator(
        { certificatePem: cert, privateKeyPem: privateKey },
        {
          alpn,
          minVersion: `TLSv${config.minVersion}`,
          maxVersion: `TLSv${config.maxVersion}`,
          ...(asks ? { ca: authorities, requestCert: true } : {}),
          rejectUnauthorized: asks && config.clientVerification === 'require-and-verify',
        },
      );
      this.#made.set(config, { key, atMs: performance.now(), certificate });
      return certificate;
    } catch (error) {
      throw failed(
        `the certificate or key of the policy cannot be used: ${error instanceof Error ? error.message : ''}`,
      );
    }
  }

  #authority(text: string, accountId: string): string {
    const id = /^\s*(ca_[0-9A-Za-z]+)\s*$/.exec(text)?.[1];
    if (id === undefined) return text;
    const pem = this.#data.certificateAuthority?.(accountId, id) ?? null;
    if (pem === null) throw failed(`there is no certificate authority ${id}`);
    return pem;
  }
}

/** As for the edge's own certificates: no session is resumed under keys that are older. */
const TICKET_KEYS_LIFE_MS = 24 * 3_600_000;

function failed(reason: string): PorticoError {
  return new PorticoError(3002, { reason });
}
