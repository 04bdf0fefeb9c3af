import { constants, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { type IssuedLeaf, type LeafIssuer, renewAt } from '@portico/pki';
import type { Logger } from '@portico/service';
import { LRUCache } from 'lru-cache';

/** What a name is, which decides about its certificate and about ALPN. */
export type ServedName =
  /** Served under this very name. */
  | { readonly kind: 'host'; readonly alpn: readonly string[] }
  /** Served by a wildcard above it. */
  | { readonly kind: 'wildcard'; readonly alpn: readonly string[] };

/** Ends the TLS of connections under one certificate. */
export interface ServedCertificate {
  /** Never listens; connections are handed to it. */
  readonly server: Server;
  readonly material: CertificateMaterial;
}

export interface CertificateMaterial {
  /** Leaf first. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** How TLS ends for an endpoint whose policy says so. */
export interface TerminatorOptions {
  readonly alpn: readonly string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  /** PEM texts; with `requestCert`. */
  readonly ca?: readonly string[];
  readonly requestCert?: boolean;
  /** Visitors whose certificate is not signed by one of `ca` are turned away. */
  readonly rejectUnauthorized: boolean;
}

/** The outcome of one handshake; a failed one destroys the socket. */
export type OnSecure = (socket: TLSSocket) => void;

/** A certificate that this edge did not make. */
export interface FetchedCertificate {
  /** Changes when another one is to be served. */
  readonly version: string;
  /** The leaf first, PEM. */
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

/** Whoever has certificates that an edge cannot make: the API. */
export interface CertificateSource {
  /** Null: there is none, the edge's own will do. Rejects when nobody could be asked. */
  fetch(name: string): Promise<FetchedCertificate | null>;
  /** Which of these have another version by now; "" stands for none. Rejects likewise. */
  changed(known: readonly { name: string; version: string }[]): Promise<readonly string[]>;
}

interface Entry extends ServedCertificate {
  readonly leaf: IssuedLeaf;
  /** Of one that was fetched; "" of one's own; null: nobody could be asked, and one's own serves meanwhile. */
  readonly version: string | null;
  /** Wall-clock times: a certificate's life is one of dates. */
  readonly renewAtMs: number;
  readonly notAfterMs: number;
  readonly rebuildAtMs: number;
  readonly askedAtMs: number;
}

export interface CertificateStoreOptions {
  readonly baseDomain: string;
  /** What a name stands for, or null if nothing is served under it. */
  readonly served: (serverName: string) => ServedName | null;
  /** Asked first for every name but the shared one. */
  readonly source?: CertificateSource;
  readonly log: Logger;
  /** Certificates kept; each is about 50 KB. */
  readonly certificatesMax?: number;
  /** Wall-clock time. */
  readonly now?: () => number;
}

/** TLS 1.2 and 1.3, ECDHE with AEAD, no renegotiation (S8). */
const TLS_OPTIONS = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    // For certificates that customers bring.
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  honorCipherOrder: true,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
} as const;

/** Certificates that people bring may have an RSA key. */
const TERMINATOR_CIPHERS = [
  TLS_OPTIONS.ciphers,
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Each certificate has ticket keys of its own, so that no session is resumed under another name; they live a day. */
const TICKET_KEYS_LIFE_MS = 24 * 3_600_000;
const CERTIFICATES_MAX = 1_000;
/** When nobody could be asked for a name's certificate. */
const ASK_AGAIN_MS = 10_000;
const NAMES_A_QUESTION = 2_000;
/** Challenges of certificate authorities that are being answered. */
const CHALLENGES_MAX = 32;
const ACME_ALPN = 'acme-tls/1';
/** Of names that nobody serves: page 3200 is the same in both. */
export const VISITOR_ALPN = ['h2', 'http/1.1'];

/**
 * The certificate for a server name (design D5): one that its owner attached or that was obtained for it, else a leaf of its own for a host that is live, one shared leaf for the
 * other one-label names under the base, nothing for the rest. Leaves are made by the edge's issuing CA when first
 * asked for, once however many ask, and made anew at 2/3 of their life while the old one serves on.
 */
export class CertificateStore {
  readonly #options: CertificateStoreOptions;
  readonly #now: () => number;
  readonly #cache: LRUCache<string, Entry>;
  readonly #pinned = new Map<string, ServedCertificate>();
  readonly #making = new Map<string, Promise<Entry>>();
  /** Handshakes that are going on, by the addresses of their connection: the one thing both of its sockets know. */
  readonly #handshakes = new Map<string, OnSecure>();
  #issuer: Promise<LeafIssuer>;
  #setIssuer: (issuer: LeafIssuer) => void;
  #issued = 0;
  #challenges = 0;

  constructor(options: CertificateStoreOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#cache = new LRUCache({ max: options.certificatesMax ?? CERTIFICATES_MAX });
    const { promise, resolve } = Promise.withResolvers<LeafIssuer>();
    this.#issuer = promise;
    this.#setIssuer = resolve;
  }

  /** From now on leaves are made by this CA; those of the one before are dropped. Until the first, handshakes wait. */
  useIssuer(issuer: LeafIssuer): void {
    this.#setIssuer(issuer);
    this.#issuer = Promise.resolve(issuer);
    this.#cache.clear();
    this.#making.clear();
  }

  /** A certificate that comes from elsewhere, for names that never pass to visitors: the connect host's. No ALPN. */
  pin(serverName: string, material: { chainPem: string; privateKeyPem: string }): void {
    const { chainPem: certificatePem, privateKeyPem } = material;
    const server = this.#createServer(certificatePem, privateKeyPem, []);
    this.#pinned.set(serverName, { server, material: { certificatePem, privateKeyPem } });
  }

  /** What ends TLS in another way than the edge's own. @throws when certificate and key cannot be used */
  terminator(material: CertificateMaterial, { alpn, ca, ...options }: TerminatorOptions): ServedCertificate {
    const more = { ...options, ...(ca === undefined ? {} : { ca: [...ca] }), ciphers: TERMINATOR_CIPHERS };
    return { server: this.#createServer(material.certificatePem, material.privateKeyPem, alpn, more), material };
  }

  /** Ends TLS on the socket; what was read of it must be back in it. */
  handshake(socket: Socket, certificate: ServedCertificate, onSecure: OnSecure): void {
    const key = connectionKey(socket);
    this.#handshakes.set(key, onSecure);
    socket.once('close', () => this.#handshakes.delete(key));
    certificate.server.emit('connection', socket);
  }

  /** Leaves made so far. */
  get issued(): number {
    return this.#issued;
  }

  /**
   * What to present under this name; null: nothing, the handshake ends with unrecognized_name. At once if it is
   * there, else a promise, which rejects when the leaf cannot be made.
   */
  find(serverName: string): ServedCertificate | null | Promise<ServedCertificate> {
    const pinned = this.#pinned.get(serverName);
    if (pinned !== undefined) return pinned;
    const name = this.#certificateName(serverName);
    if (name === null) return null;
    const nowMs = this.#now();
    const entry = this.#cache.get(name);
    if (entry === undefined || entry.notAfterMs <= nowMs) return this.#make(name);
    if (entry.renewAtMs <= nowMs) {
      this.#make(name).catch((error: unknown) => {
        this.#options.log.warn({ err: error, name }, 'a certificate could not be renewed and serves on');
      });
    } else if (entry.version === null && entry.askedAtMs + ASK_AGAIN_MS <= nowMs) {
      this.#make(name).catch(() => {});
    } else if (entry.rebuildAtMs <= nowMs) {
      return this.#keep(name, entry.leaf, entry.version);
    }
    return entry;
  }

  /** Makes the leaf of a host before the first visitor waits for it. */
  warm(serverName: string): void {
    const found = this.find(serverName);
    if (found instanceof Promise) found.catch(() => {});
  }

  /**
   * Asks again for what is kept of this domain and the names under it, and swaps what is another one by now; the old
   * one serves until then.
   */
  recheck(domain: string): void {
    const parent = domain.replace(/^\*\./, '');
    for (const name of [...this.#cache.keys()]) {
      if (name === domain || name === parent || name.endsWith(`.${parent}`)) this.#remake(name);
    }
  }

  /** The same for everything that is kept, with one question. Rejects when nobody could be asked. */
  async recheckAll(): Promise<void> {
    const { source } = this.#options;
    if (source === undefined) return;
    const known = [...this.#cache.entries()].map(([name, { version }]) => ({ name, version: version ?? 'unknown' }));
    for (let from = 0; from < known.length; from += NAMES_A_QUESTION) {
      for (const name of await source.changed(known.slice(from, from + NAMES_A_QUESTION))) this.#remake(name);
    }
  }

  /** For a certificate authority that checks the name (RFC 8737); null: too many at once, or nothing is under way. */
  async challenge(answer: () => Promise<string | null>): Promise<ServedCertificate | null> {
    if (this.#challenges >= CHALLENGES_MAX) return null;
    this.#challenges += 1;
    try {
      const pem = await answer();
      if (pem === null) return null;
      return {
        server: this.#createServer(pem, pem, [ACME_ALPN]),
        material: { certificatePem: pem, privateKeyPem: pem },
      };
    } finally {
      this.#challenges -= 1;
    }
  }

  /** Forgets the leaf of a host that is no longer served. */
  forget(serverName: string): void {
    this.#cache.delete(serverName);
  }

  /** Whether the certificate presented under `serverName` covers `hostname` too. */
  covers(serverName: string, hostname: string): boolean {
    const name = this.#certificateName(serverName);
    return name !== null && (name === hostname || (name.startsWith('*.') && name.slice(2) === parentOf(hostname)));
  }

  #certificateName(serverName: string): string | null {
    const served = this.#options.served(serverName);
    if (served?.kind === 'host') return serverName;
    const parent = parentOf(serverName);
    if (served?.kind === 'wildcard' && parent !== null) return `*.${parent}`;
    const { baseDomain } = this.#options;
    return parent === baseDomain || serverName === baseDomain ? `*.${baseDomain}` : null;
  }

  /** Single flight: a hundred handshakes for a new host make one leaf. */
  #make(name: string): Promise<Entry> {
    const running = this.#making.get(name);
    if (running !== undefined) return running;
    const making = this.#issue(name).finally(() => {
      if (this.#making.get(name) === making) this.#making.delete(name);
    });
    this.#making.set(name, making);
    return making;
  }

  #remake(name: string): void {
    this.#make(name).catch((error: unknown) => {
      this.#options.log.warn({ err: error, name }, 'a certificate could not be made anew');
    });
  }

  async #issue(name: string): Promise<Entry> {
    const { baseDomain, source } = this.#options;
    if (source === undefined || name === `*.${baseDomain}`) return this.#issueOwn(name, '');
    const isUnderBase = name.endsWith(`.${baseDomain}`);
    try {
      const fetched = await source.fetch(name);
      if (fetched !== null) {
        const { version, chainPem: certificatePem, privateKeyPem } = fetched;
        const notAfter = new X509Certificate(certificatePem).validToDate;
        return this.#keep(name, { certificatePem, privateKeyPem, notAfter }, version);
      }
    } catch (error) {
      const kept = this.#cache.get(name);
      // What is there is better than what we could make.
      if (!isUnderBase || (kept !== undefined && kept.version !== null && kept.notAfterMs > this.#now())) throw error;
      return this.#issueOwn(name, null);
    }
    // The domain was given up, or its certificate taken away: then it has none that we could make either.
    if (!isUnderBase) this.#cache.delete(name);
    return this.#issueOwn(name, '');
  }

  async #issueOwn(name: string, version: string | null): Promise<Entry> {
    const issuer = await this.#issuer;
    const { baseDomain } = this.#options;
    const leaf = await issuer.issue({ dns: name === `*.${baseDomain}` ? [name, baseDomain] : [name], ips: [] });
    this.#issued += 1;
    return this.#keep(name, leaf, version);
  }

  #keep(name: string, leaf: IssuedLeaf, version: string | null): Entry {
    const alpn = this.#options.served(name)?.alpn ?? VISITOR_ALPN;
    const entry: Entry = {
      server: this.#createServer(leaf.certificatePem, leaf.privateKeyPem, alpn),
      material: leaf,
      leaf,
      version,
      askedAtMs: this.#now(),
      renewAtMs: renewAt(leaf.certificatePem).getTime(),
      notAfterMs: leaf.notAfter.getTime(),
      rebuildAtMs: this.#now() + TICKET_KEYS_LIFE_MS,
    };
    this.#cache.set(name, entry);
    return entry;
  }

  #createServer(cert: string, key: string, alpn: readonly string[], more: TlsOptions = {}): Server {
    // Its own timer for handshakes is off: the listener's sweep has the deadline.
    const server = createServer({
      ...TLS_OPTIONS,
      cert,
      key,
      handshakeTimeout: 0,
      ...more,
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
    });
    server.on('secureConnection', (socket) => {
      const handshakeKey = connectionKey(socket);
      const onSecure = this.#handshakes.get(handshakeKey);
      this.#handshakes.delete(handshakeKey);
      if (onSecure === undefined) socket.destroy();
      else onSecure(socket);
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }
}

function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

function parentOf(hostname: string): string | null {
  const dot = hostname.indexOf('.');
  return dot === -1 ? null : hostname.slice(dot + 1);
}
