import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { type ErrorCode, type ErrorDetails, errorName, ownerText } from '@portico/errors';
import { MuxSession, type MuxStream, type SessionEnd, type StreamHandler } from '@portico/muxado';
import { createIssuingCa, createKeyPair, createRoot, LeafIssuer } from '@portico/pki';
import {
  type AuthRequest,
  type BindRequest,
  echoOptions,
  encodeAuthFailure,
  encodeAuthResponse,
  encodeBindFailure,
  encodeBindResponse,
  encodeErrorField,
  encodeProxyHeader,
  encodeStopTunnelRequest,
  encodeStreamOpen,
  encodeUnbindResponse,
  isTunnelProto,
  OpenReplyReader,
  parseAuthRequest,
  parseBindRequest,
  parseUnbindRequest,
  readJson,
  reply,
  StreamType,
} from '@portico/protocol';

/** The server's side of the protocol for tests: a real TLS listener with a chain of our CA, real muxado sessions. */
export class ConnectServer {
  readonly caPem: string;
  readonly rootFingerprint: string;
  readonly sessions: ServerSession[] = [];
  /** Auth messages, refused ones too. */
  readonly auths: AuthRequest[] = [];
  /** TCP connections that were accepted, whatever became of them. */
  accepted = 0;
  /** What the answers are made of; tests replace them. */
  readonly behaviour: ServerBehaviour;
  readonly #tls: Server;
  #port = 0;
  readonly #sockets = new Set<Socket>();
  readonly #changed = new Set<() => void>();

  private constructor(tls: Server, caPem: string, rootFingerprint: string, behaviour: ServerBehaviour) {
    this.#tls = tls;
    this.caPem = caPem;
    this.rootFingerprint = rootFingerprint;
    this.behaviour = behaviour;
    tls.on('connection', (socket: Socket) => {
      this.accepted += 1;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      this.changed();
    });
    tls.on('tlsClientError', () => {});
    tls.on('secureConnection', (socket) => {
      socket.on('error', () => {});
      this.sessions.push(new ServerSession(this, socket));
    });
  }

  static async start(
    options: Partial<ServerBehaviour> & { port?: number; names?: readonly string[] } = {},
  ): Promise<ConnectServer> {
    const { port = 0, names = ['localhost'], ...behaviour } = options;
    const { caPem, rootFingerprint, chainPem, keyPem } = await makeChain(names);
    const tls = createServer({ cert: chainPem, key: keyPem });
    const server = new ConnectServer(tls, caPem, rootFingerprint, { ...goodBehaviour(), ...behaviour });
    await new Promise<void>((resolve, reject) => {
      tls.once('error', reject);
      tls.listen(port, '127.0.0.1', resolve);
    });
    return server;
  }

  /** The latest one while it is down. */
  get port(): number {
    if (this.#tls.listening) this.#port = portOf(this.#tls.address());
    return this.#port;
  }

  get connectUrl(): string {
    return `localhost:${this.port}`;
  }

  /** The session that is live now; there is none during an outage. */
  get live(): ServerSession | undefined {
    return this.sessions.findLast((session) => session.end === null && session.auth !== null);
  }

  /** Cuts every connection with a reset, as a killed process does. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Stops listening and cuts; `listen` brings it back on the same port. */
  async down(): Promise<number> {
    const { port } = this;
    const closed = new Promise<void>((resolve) => this.#tls.close(() => resolve()));
    this.cut();
    await closed;
    return port;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#tls.listen(port, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.mux.destroy();
    for (const socket of this.#sockets) socket.destroy();
    if (this.#tls.listening) await new Promise<void>((resolve) => this.#tls.close(() => resolve()));
  }

  changed(): void {
    for (const look of [...this.#changed]) look();
  }

  /** Resolves when `look` gives something; looks again at each change. */
  until<T>(look: () => T | undefined | null | false, timeoutMs = 15_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#changed.delete(check);
        reject(new Error(`the server did not see it within ${timeoutMs} ms: ${look}`));
      }, timeoutMs);
      const check = (): void => {
        const value = look();
        if (value === undefined || value === null || value === false) return;
        clearTimeout(timer);
        this.#changed.delete(check);
        resolve(value);
      };
      this.#changed.add(check);
      check();
    });
  }
}

export interface ServerBehaviour {
  /** Null accepts; else the `Error` text. A promise delays the answer. */
  refuseAuth(auth: AuthRequest, count: number): string | null | Promise<string | null>;
  /** Null accepts. */
  refuseBind(bind: BindRequest, session: ServerSession): string | null | Promise<string | null>;
  urlOf(bind: BindRequest): string;
  /** Called with the answer framed but not yet sent: what is opened here is in the same write. */
  onBound(session: ServerSession, bindId: string): void;
  announcesOpen: boolean;
  echoesBeats: boolean;
}

function goodBehaviour(): ServerBehaviour {
  return {
    refuseAuth: (auth) => (auth.token === 'tok' ? null : errorText(107, { token: 'x' })),
    refuseBind: () => null,
    urlOf: (bind) => {
      const { URL: url, Subdomain: sub } = bind.rawOpts;
      if (bind.proto === 'tcp') return typeof url === 'string' && url !== '' ? url : 'tcp://localhost:20001';
      const named = typeof url === 'string' ? url.replace(/^\w+:\/\//, '') : '';
      if (named !== '') return `${bind.proto}://${named}`;
      const host =
        typeof sub === 'string' && sub !== ''
          ? `${sub}.portico.test`
          : `${randomBytes(6).toString('hex')}.portico.test`;
      return `${bind.proto}://${host}`;
    },
    onBound: () => {},
    announcesOpen: true,
    echoesBeats: true,
  };
}

/** The `Error` of a response with a code of the catalogue. */
export function errorText(code: ErrorCode, details: ErrorDetails = {}): string {
  return `${ownerText(code, details)}\n\n${errorName(code)}\n`;
}

export class ServerSession {
  readonly mux: MuxSession;
  readonly binds = new Map<string, BindRequest>();
  /** Every Bind message, refused ones too. */
  readonly bindRequests: BindRequest[] = [];
  readonly unbound: string[] = [];
  auth: AuthRequest | null = null;
  end: SessionEnd | null = null;
  readonly #server: ConnectServer;

  constructor(server: ConnectServer, transport: ConstructorParameters<typeof MuxSession>[0]['transport']) {
    this.#server = server;
    this.mux = new MuxSession({
      transport,
      role: 'server',
      limits: { localStreams: 1000 },
      heartbeat: { intervalMs: 60_000, toleranceMs: 60_000 },
      onStream: (stream, type) => void this.#onStream(stream, type),
      onClose: (end) => {
        this.end = end;
        server.changed();
      },
    });
  }

  async #onStream(stream: MuxStream, type: number): Promise<void> {
    const { behaviour } = this.#server;
    let message: unknown;
    try {
      message = await readJson(stream);
    } catch {
      return;
    }
    if (type === StreamType.auth) {
      const auth = parseAuthRequest(message);
      this.#server.auths.push(auth);
      this.#server.changed();
      const refused = await behaviour.refuseAuth(auth, this.#server.auths.length);
      if (refused !== null) reply(stream, encodeAuthFailure(refused));
      else {
        this.auth = auth;
        this.mux.setAuthenticated();
        const clientId = auth.clientId === '' ? randomBytes(8).toString('hex') : auth.clientId;
        reply(
          stream,
          encodeAuthResponse({
            version: '3',
            clientId,
            error: '',
            serverVersion: '1',
            region: 'test-1',
            cookie: `cookie-of-${clientId}`,
            accountName: 'Harbour Labs',
            sessionDurationSeconds: 0,
            planName: 'self-hosted',
            banner: '',
            agentSessionId: 'ts_1',
            portico: behaviour.announcesOpen ? { v: 1, open: true, window: true } : null,
          }),
        );
      }
      this.#server.changed();
      return;
    }
    if (type === StreamType.bind) {
      const bind = parseBindRequest(message);
      this.bindRequests.push(bind);
      this.#server.changed();
      const refused = await behaviour.refuseBind(bind, this);
      if (refused !== null) reply(stream, encodeBindFailure(refused));
      else this.#accept(stream, bind);
      this.#server.changed();
      return;
    }
    if (type === StreamType.unbind) {
      const { id } = parseUnbindRequest(message);
      this.unbound.push(id);
      this.binds.delete(id);
      reply(stream, encodeUnbindResponse(''));
      this.#server.changed();
      return;
    }
    reply(stream, encodeErrorField('unknown'));
  }

  #accept(stream: MuxStream, bind: BindRequest): void {
    if (!isTunnelProto(bind.proto)) throw new Error(`a bind of ${bind.proto}`);
    const known = tokens.get(bind.token);
    const url = known ?? this.#server.behaviour.urlOf(bind);
    const id = bind.id === '' ? randomBytes(16).toString('hex') : bind.id;
    const token = bind.token === '' ? `token-${id}` : bind.token;
    tokens.set(token, url);
    this.binds.set(id, bind);
    reply(
      stream,
      encodeBindResponse({
        id,
        url,
        proto: bind.proto,
        rawOpts: echoOptions(bind.proto, bind.rawOpts, url.replace(/^\w+:\/\//, '')),
        error: '',
        token,
        tunnelId: `ep_${id}`,
      }),
    );
    this.#server.behaviour.onBound(this, id);
  }

  get bindId(): string {
    const [id] = this.binds.keys();
    if (id === undefined) throw new Error('nothing is bound');
    return id;
  }

  /** A visitor: a stream of type 0x1000, or 3. */
  visit(options: VisitOptions = {}): Visitor {
    const {
      bindId = this.bindId,
      kind = 'open',
      proto = 'https',
      passthroughTls = false,
      first = '',
      fence = 1,
    } = options;
    const header =
      kind === 'open'
        ? encodeStreamOpen({
            v: 1,
            kind: 'proxy',
            endpointId: `ep_${bindId}`,
            targetId: bindId,
            client: { ip: '192.0.2.7', port: 4711 },
            fence,
            hops: 0,
            traceId: 't',
            proto,
            passthroughTls,
          })
        : encodeProxyHeader({ id: bindId, clientAddr: '192.0.2.7:4711', proto, edgeType: '0', passthroughTls });
    const stream = this.mux.open(kind === 'open' ? StreamType.open : StreamType.proxy, header, Buffer.from(first));
    return new Visitor(stream, kind, options.reads ?? true);
  }

  /** Sends a command of the server and resolves with the answer. */
  async command(type: number, request: object): Promise<unknown> {
    const stream = this.mux.open(type, Buffer.from(JSON.stringify(request)));
    return readJson(stream, { timeoutMs: 5000 });
  }

  stopTunnel(id: string, message: string, errorCode: string | null): void {
    this.mux.open(
      StreamType.stopTunnel,
      Buffer.from(JSON.stringify(encodeStopTunnelRequest({ id, message, errorCode }))),
    );
  }
}

/** Tokens outlive sessions and servers, as MACs do. */
const tokens = new Map<string, string>();

/** Forgets what was handed out, as a server with new keys does. */
export function forgetTokens(): void {
  tokens.clear();
}

export function knowsToken(token: string): boolean {
  return tokens.has(token);
}

export interface VisitOptions {
  readonly bindId?: string;
  readonly kind?: 'open' | 'proxy';
  readonly proto?: string;
  readonly passthroughTls?: boolean;
  readonly first?: string | Buffer;
  readonly fence?: number;
  /** False: never acknowledge, as a visitor that does not read. */
  readonly reads?: boolean;
}

/** The edge's end of one stream. */
export class Visitor implements StreamHandler {
  readonly stream: MuxStream;
  received = Buffer.alloc(0);
  receivedBytes = 0;
  readonly replied: Promise<
    { kind: 'ok' } | { kind: 'error'; code: string; message: string; dialMs: number } | { kind: 'reset' }
  >;
  /** Resolves at FIN with all bytes (if kept), rejects at a reset. */
  readonly ended: Promise<Buffer>;
  readonly over: Promise<'ended' | number>;
  keeps = true;
  onBytes: (bytes: Buffer) => void = () => {};
  onRoom: () => void = () => {};
  #reads: boolean;
  #unacked = 0;
  readonly #reply: OpenReplyReader | null;
  #isReplied = false;
  #settleReply: (reply: Awaited<Visitor['replied']>) => void;
  #settleOver: (end: 'ended' | number) => void;
  readonly #waiting = new Set<() => void>();

  constructor(stream: MuxStream, kind: 'open' | 'proxy', reads: boolean) {
    this.stream = stream;
    this.#reads = reads;
    const reply = Promise.withResolvers<Awaited<Visitor['replied']>>();
    const over = Promise.withResolvers<'ended' | number>();
    this.replied = reply.promise;
    this.over = over.promise;
    this.#settleReply = reply.resolve;
    this.#settleOver = over.resolve;
    this.ended = over.promise.then((end) => {
      if (end !== 'ended') throw new Error(`reset with ${end}`);
      return this.received;
    });
    this.ended.catch(() => {});
    this.#reply = kind === 'open' ? new OpenReplyReader() : null;
    if (this.#reply === null) this.#isReplied = true;
    stream.setHandler(this);
  }

  onData(bytes: Buffer): void {
    if (this.#reads) this.stream.ack(bytes.length);
    else this.#unacked += bytes.length;
    if (this.#isReplied || this.#reply === null) {
      this.#take(bytes);
      return;
    }
    const read = this.#reply.push(bytes);
    if (read.kind === 'more') return;
    this.#isReplied = true;
    if (read.kind === 'ok') {
      this.#settleReply({ kind: 'ok' });
      this.#take(read.rest);
    } else this.#settleReply({ kind: 'error', ...read.error });
  }

  onEnd(): void {
    this.#settleOver('ended');
    this.#look();
  }

  onReset(code: number): void {
    this.#settleReply({ kind: 'reset' });
    this.#settleOver(code);
    this.#look();
  }

  onWritable(): void {
    this.onRoom();
  }

  /** Reads on after `reads: false`. */
  read(): void {
    this.#reads = true;
    this.stream.ack(this.#unacked);
    this.#unacked = 0;
  }

  write(text: string | Buffer): boolean {
    return this.stream.write(Buffer.from(text));
  }

  /** Resolves when the received text contains `text`. */
  saw(text: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.received.includes(text)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  #take(bytes: Buffer): void {
    this.receivedBytes += bytes.length;
    if (this.keeps) this.received = Buffer.concat([this.received, bytes]);
    this.onBytes(bytes);
    this.#look();
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** A chain as the connect port of a real edge sends it: leaf, issuing CA, root. */
export async function makeChain(
  names: readonly string[],
): Promise<{ caPem: string; rootFingerprint: string; chainPem: string; keyPem: string }> {
  const now = new Date();
  const root = await createRoot({ name: 'Portico test root', now });
  const keys = await createKeyPair();
  const issuing = await createIssuingCa({
    root,
    publicKeyPem: keys.publicKeyPem,
    permittedDns: ['localhost', 'portico.test'],
    permittedIps: ['127.0.0.1', '::1'],
    now,
    days: 30,
  });
  const issuer = new LeafIssuer({ certificatePem: issuing, privateKeyPem: keys.privateKeyPem });
  const leaf = await issuer.issue({ dns: [...names], ips: ['127.0.0.1'] });
  const { X509Certificate } = await import('node:crypto');
  return {
    caPem: root.certificatePem,
    rootFingerprint: new X509Certificate(root.certificatePem).fingerprint256,
    chainPem: `${leaf.certificatePem.trimEnd()}\n${root.certificatePem}`,
    keyPem: leaf.privateKeyPem,
  };
}

export function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

/** A TCP server on a free port of loopback; closes with its connections. */
export async function startUpstream(
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; address: string; sockets: Set<Socket>; connections: () => number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server.address());
  return {
    port,
    address: `127.0.0.1:${port}`,
    sockets,
    connections: () => connections,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A port that nobody listens on. */
export async function deadPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server.address());
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/**
 * A TCP relay that can stop carrying without closing anything: the half-open network of X3. Packets are not lost but
 * held; both ends see silence.
 */
export async function startRelay(toPort: number): Promise<{ port: number; freeze(): void; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((near) => {
    const far = connect(toPort, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => sockets.delete(socket));
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server.address()),
    freeze: () => {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
