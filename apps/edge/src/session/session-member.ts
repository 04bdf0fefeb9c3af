import { encodeProxyHeader, encodeStreamOpen, formatClientAddr, OpenReplyReader, StreamType } from '@portico/protocol';
import type { BoundEndpoint } from '../endpoint/bound-endpoint.ts';
import type { Member, OpenHeader, UpstreamStream } from '../endpoint/endpoint.ts';
import type { AgentSession } from './agent-session.ts';
import { encodeProxyProtocol } from './proxy-protocol.ts';

/** What stock clients are told of the way in to a labelled tunnel (protocol notes, section 10). */
const EDGE_TYPES = { tcp: '1', tls: '2', http: '3', https: '3' } as const;

/** The way to one endpoint's agent through a session that is here. */
export class SessionMember implements Member {
  readonly id: string;
  readonly #session: AgentSession;
  readonly #endpoint: BoundEndpoint;
  readonly #bindId: string;
  #opened = 0;

  constructor({ session, endpoint, bindId }: { session: AgentSession; endpoint: BoundEndpoint; bindId: string }) {
    this.id = `${session.id}/${bindId}`;
    this.#session = session;
    this.#endpoint = endpoint;
    this.#bindId = bindId;
  }

  get agentName(): string {
    return this.#session.displayName;
  }

  get openStreams(): number {
    return this.#session.opener.openStreams;
  }

  get streamCap(): number {
    return this.#session.opener.cap;
  }

  get latencyMs(): number | null {
    return this.#session.mux.latencyMs;
  }

  open(header: OpenHeader, first: Uint8Array[]): UpstreamStream {
    const { opener, agent } = this.#session;
    const { proxyProtocol } = this.#endpoint;
    // The upstream reads it first, so it stands before the payload and inside no TLS but the visitor's own.
    const payload = proxyProtocol === 0 ? first : [this.#proxyHeader(proxyProtocol, header), ...first];
    const host = this.#endpoint.host || this.#endpoint.url;
    if (agent.opensWithReply) {
      const head = this.#streamOpen(header);
      return opener.open({ type: StreamType.open, first: [head, ...payload], reply: new OpenReplyReader() }, host);
    }
    const head = encodeProxyHeader({
      id: this.#bindId,
      clientAddr: formatClientAddr(header.clientIp, header.clientPort),
      proto: header.proto,
      edgeType: this.#endpoint.labels === null ? '0' : EDGE_TYPES[header.proto],
      passthroughTls: header.passthroughTls,
    });
    return opener.open({ type: StreamType.proxy, first: [head, ...payload], reply: null }, host);
  }

  #streamOpen(header: OpenHeader): Buffer {
    this.#opened += 1;
    return encodeStreamOpen({
      v: 1,
      kind: 'proxy',
      endpointId: this.#endpoint.id,
      targetId: this.#bindId,
      client: { ip: header.clientIp, port: header.clientPort },
      fence: this.#session.fence,
      hops: 0,
      traceId: `${this.#session.id}.${this.#opened.toString(36)}`,
      proto: header.proto,
      passthroughTls: header.passthroughTls,
    });
  }

  #proxyHeader(version: 1 | 2, { clientIp, clientPort, serverIp = '' }: OpenHeader): Buffer {
    return encodeProxyProtocol(version, { clientIp, clientPort, serverIp, serverPort: this.#endpoint.port });
  }
}
