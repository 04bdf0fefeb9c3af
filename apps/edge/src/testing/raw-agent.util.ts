import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { MuxSession, type MuxStream, type SessionEnd } from '@portico/muxado';
import { type ProxyHeader, ProxyHeaderReader, parseErrorText, RpcError, readJson, StreamType } from '@portico/protocol';

export interface RawAgentOptions {
  readonly port: number;
  readonly ca: string;
  readonly servername?: string;
  /** How it writes: names, line ends and order differ between the two stock clients. */
  readonly dialect?: 'rust' | 'go';
  /** It sends heartbeats of its own; those of the edge are echoed in any case. */
  readonly beats?: boolean;
  /** Streams that the edge opens towards it; unset: they are kept unread. */
  readonly onStream?: (stream: MuxStream, type: number) => void;
}

type Json = Record<string, unknown>;

/**
 * An agent that speaks the wire protocol by hand over the real muxado and TLS, as the two stock clients do and as no
 * client of ours would: requests without FIN, names in their own spelling, a second Unbind.
 */
export class RawAgent {
  readonly socket: TLSSocket;
  readonly mux: MuxSession;
  readonly ended: Promise<SessionEnd>;
  readonly #dialect: 'rust' | 'go';
  clientId = '';
  cookie = '';

  static async dial(options: RawAgentOptions): Promise<RawAgent> {
    const { port, ca, servername = 'localhost' } = options;
    const socket = connect({ port, host: '127.0.0.1', servername, ca });
    await once(socket, 'secureConnect');
    return new RawAgent(socket, options);
  }

  private constructor(socket: TLSSocket, options: RawAgentOptions) {
    this.socket = socket;
    this.#dialect = options.dialect ?? 'rust';
    const { promise, resolve } = Promise.withResolvers<SessionEnd>();
    this.ended = promise;
    this.mux = new MuxSession({
      transport: socket,
      role: 'client',
      ...(options.beats === true ? { heartbeat: { intervalMs: 100, toleranceMs: 5_000 } } : {}),
      onStream: (stream, type) => options.onStream?.(stream, type),
      onClose: resolve,
    });
  }

  /** One call as the stock clients make it: the request is not ended before the answer is there. */
  async call(type: number, request: Json): Promise<Json> {
    const text = JSON.stringify(request) + (this.#dialect === 'go' ? '\n' : '');
    const stream = this.mux.open(type);
    const answer = readJson(stream, { timeoutMs: 20_000 });
    stream.write(Buffer.from(text));
    const value = await answer;
    stream.end();
    if (typeof value !== 'object' || value === null) throw new RpcError('malformed');
    return value as Json;
  }

  authRequest(token: string, extra: Json = {}): Json {
    const go = this.#dialect === 'go';
    return {
      Version: ['3', '2'],
      ClientId: this.clientId,
      Extra: {
        OS: 'linux',
        Arch: go ? 'amd64' : 'x86_64',
        [go ? 'Authtoken' : 'AuthToken']: token,
        Version: go ? '2.1.1' : '1.7.0',
        Hostname: '',
        UserAgent: go ? 'ngrok-go/2.1.1' : 'ngrok-javascript/1.7.0 ngrok-rust/0.18.0',
        Metadata: '',
        Cookie: this.cookie,
        HeartbeatInterval: 10_000_000_000,
        HeartbeatTolerance: 15_000_000_000,
        ClientType: go ? 'ngrok-go' : 'ngrok-javascript',
        ...(go ? { Fingerprint: null, LegNumber: 0 } : {}),
        ...extra,
      },
    };
  }

  /** Auth; keeps client id and cookie for the next time. */
  async auth(token: string, extra: Json = {}): Promise<Json> {
    const answer = await this.call(StreamType.auth, this.authRequest(token, extra));
    this.clientId = String(answer.ClientId);
    this.cookie = String((answer.Extra as Json).Cookie ?? '');
    return answer;
  }

  /** Comes back as the client of an earlier connection. */
  resume(earlier: RawAgent): this {
    this.clientId = earlier.clientId;
    this.cookie = earlier.cookie;
    return this;
  }

  bindRequest(proto: string, opts: Json, again: { id: string; token: string } = { id: '', token: '' }): Json {
    const go = this.#dialect === 'go';
    const rust: Json = {
      Domain: '',
      Hostname: '',
      Auth: '',
      Subdomain: '',
      HostHeaderRewrite: false,
      LocalUrlScheme: null,
      ProxyProto: 0,
      Compression: null,
      CircuitBreaker: null,
      IPRestriction: null,
      BasicAuth: null,
      OAuth: null,
      OIDC: null,
      WebhookVerification: null,
      MutualTLSCA: null,
      RequestHeaders: null,
      ResponseHeaders: null,
      WebsocketTCPConverter: null,
      UserAgentFilter: null,
      TrafficPolicy: null,
    };
    const base = go
      ? { URL: '', ProxyProto: 0, Policy: null, TrafficPolicy: '' }
      : proto === 'tcp'
        ? { Addr: '', ProxyProto: 0 }
        : rust;
    return {
      Id: again.id,
      Proto: proto,
      ForwardsTo: 'up',
      ForwardsProto: '',
      Opts: { ...base, ...opts },
      Extra: { Token: again.token, IPPolicyRef: '', Metadata: 'm', Bindings: [], PoolingEnabled: false },
    };
  }

  bind(proto: string, opts: Json = {}): Promise<Json> {
    return this.call(StreamType.bind, this.bindRequest(proto, opts));
  }

  /** As both clients do after a reconnect: old id, token, and the options of the old answer. */
  rebind(answer: Json): Promise<Json> {
    const token = String((answer.Extra as Json).Token);
    const request = this.bindRequest(String(answer.Proto), {}, { id: String(answer.Id), token });
    return this.call(StreamType.bind, { ...request, Opts: answer.Opts });
  }

  unbind(id: unknown): Promise<Json> {
    return this.call(StreamType.unbind, { Id: id, ...(this.#dialect === 'go' ? { Extra: null } : {}) });
  }

  /** No more answers, and no word to the edge: as a machine that lost its network. */
  goSilent(): void {
    this.socket.pause();
    this.socket.removeAllListeners('data');
  }

  close(): void {
    this.mux.destroy();
  }
}

export function errorCode(answer: Json): string | null {
  return parseErrorText(String(answer.Error)).code;
}

/** Serves every proxied stream with HTTP answers that name the server and what was asked, or say what `answer` makes. */
export function serveHttp(
  name: string,
  headers: ProxyHeader[] = [],
  answer = (head: string): string => `${name} ${head.slice(0, head.indexOf('\r\n'))}`,
): (stream: MuxStream, type: number) => void {
  return (stream, type) => {
    if (type !== StreamType.proxy) return;
    const reader = new ProxyHeaderReader();
    let isHead = true;
    let text = '';
    stream.setHandler({
      onData: (chunk) => {
        stream.ack(chunk.length);
        let rest = chunk;
        if (isHead) {
          const result = reader.push(chunk);
          if (result.kind === 'more') return;
          isHead = false;
          headers.push(result.head);
          rest = result.rest;
        }
        text += rest.toString('latin1');
        if (!text.includes('\r\n\r\n')) return;
        const body = answer(text);
        text = '';
        stream.write(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
      },
      onEnd: () => stream.end(),
      onReset: () => {},
      onWritable: () => {},
    });
  };
}
