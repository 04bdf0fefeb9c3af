import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PorticoError } from '@portico/errors';
import { MuxOpenError, MuxSession, type MuxStream } from '@portico/muxado';
import {
  createCounters,
  type Endpoint,
  type EndpointId,
  type EndpointProto,
  type Member,
  type OpenHeader,
  type UpstreamHandler,
  type UpstreamStream,
} from '../endpoint/endpoint.ts';

/**
 * A real tunnel in one process: two muxado sessions over a TCP connection, an agent that dials an upstream for each
 * stream and copies bytes, and the edge's side of it as a pool member. What E2's session code does around it
 * (accept timers, extension frames) is tested there.
 */
export interface Tunnel {
  readonly edge: MuxSession;
  readonly agent: MuxSession;
  /** Sockets from the agent to upstreams that are open now. */
  readonly upstreams: Set<Socket>;
  /** Streams opened so far. */
  opened: number;
  member(options?: { streamCap?: number; refuse?: () => PorticoError | null }): Member;
  close(): Promise<void>;
}

const PROXY_STREAM = 3;

export async function openTunnel(upstreamPort: () => number, onStream?: (stream: MuxStream) => void): Promise<Tunnel> {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const dialled = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(listener, 'connection')) as [Socket];
  listener.close();
  dialled.setNoDelay(true);
  accepted.setNoDelay(true);
  const upstreams = new Set<Socket>();
  const ended: Promise<unknown>[] = [once(dialled, 'close'), once(accepted, 'close')];
  const edge = new MuxSession({
    transport: accepted,
    role: 'server',
    onStream: (stream) => stream.reset(1),
    onClose: () => {},
  });
  edge.setAuthenticated();
  const agent = new MuxSession({
    transport: dialled,
    role: 'client',
    onStream: (stream) => {
      if (onStream !== undefined) onStream(stream);
      else forward(stream, upstreamPort(), upstreams);
    },
    onClose: () => {},
  });
  const tunnel: Tunnel = {
    edge,
    agent,
    upstreams,
    opened: 0,
    member: (options) =>
      memberOf(edge, {
        ...options,
        onOpen: () => {
          tunnel.opened += 1;
        },
      }),
    close: async () => {
      for (const socket of upstreams) socket.destroy();
      edge.destroy();
      agent.destroy();
      await Promise.all(ended);
    },
  };
  return tunnel;
}

/** The edge's side of a session as a member of a pool. */
export function memberOf(
  session: MuxSession,
  {
    streamCap = 480,
    refuse = () => null,
    onOpen = () => {},
  }: { streamCap?: number; refuse?: () => PorticoError | null; onOpen?: () => void } = {},
): Member {
  return {
    id: 'session-1',
    agentName: 'test-agent',
    get openStreams() {
      return session.localStreams;
    },
    streamCap,
    open(header: OpenHeader, first: Uint8Array[]) {
      const refusal = refuse();
      if (refusal !== null) throw refusal;
      try {
        onOpen();
        return upstreamStream(session.open(PROXY_STREAM, proxyHeader(header), ...first));
      } catch (error) {
        if (!(error instanceof MuxOpenError)) throw error;
        if (error.reason === 'stream-limit') throw new PorticoError(734, { host: '', limit: streamCap, waiting: 0 });
        throw new PorticoError(3210, { host: '', seconds: 0 });
      }
    },
  };
}

/** An endpoint whose policy a test may change. */
export type TestEndpoint = Omit<Endpoint, 'policy'> & { policy: Endpoint['policy'] };

export function testEndpoint(options: {
  proto: EndpointProto;
  host?: string;
  port?: number;
  members: Member[];
  accountId?: string;
  forwardsTo?: string;
  forwardsProto?: 'http1' | 'http2';
  webSocketTcp?: boolean;
}): TestEndpoint {
  const { proto, host = '', port = 0, members, accountId = 'ac_1' } = options;
  const { forwardsTo = 'localhost:3000', forwardsProto = 'http1' } = options;
  let next = 0;
  return {
    id: `ep_${host}${port}` as EndpointId,
    accountId,
    url: `${proto}://${host === '' ? `localhost:${port}` : host}`,
    proto,
    host,
    port,
    pool: {
      pick: (except) => {
        const left = members.filter((member) => except?.has(member) !== true);
        const member = left[next % Math.max(1, left.length)] ?? null;
        // Asking whether there is another one takes nobody's turn.
        if (except === undefined) next += 1;
        return member;
      },
      get size() {
        return members.length;
      },
    },
    counters: createCounters(),
    forwardsProto,
    webSocketTcp: options.webSocketTcp ?? false,
    proxyProtocol: 0,
    forwardsTo,
    policy: null,
  };
}

function proxyHeader(header: OpenHeader): Buffer {
  const json = Buffer.from(
    JSON.stringify({
      Id: 'b1',
      ClientAddr: `${header.clientIp}:${header.clientPort}`,
      Proto: header.proto,
      EdgeType: '0',
      PassthroughTLS: header.passthroughTls,
    }),
  );
  const length = Buffer.alloc(8);
  length.writeBigInt64LE(BigInt(json.length));
  return Buffer.concat([length, json]);
}

function upstreamStream(stream: MuxStream): UpstreamStream {
  return {
    setHandler: (handler: UpstreamHandler) => stream.setHandler(handler),
    write: (chunk) => stream.write(chunk),
    end: (chunk) => stream.end(chunk),
    reset: () => stream.reset(6),
    abort: () => stream.abort(),
    ack: (bytes) => stream.ack(bytes),
    get bufferedBytes() {
      return stream.bufferedBytes;
    },
    get acceptedAtMs() {
      return stream.acceptedAtMs;
    },
  };
}

/** The agent: reads the proxy header, dials, copies both ways with back-pressure and half-close. */
export function forward(stream: MuxStream, port: number, upstreams: Set<Socket>): void {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  upstreams.add(socket);
  let header = Buffer.alloc(0);
  let headerDone = false;
  let unacked = 0;
  const ack = (): void => {
    stream.ack(unacked);
    unacked = 0;
  };
  socket.on('close', () => upstreams.delete(socket));
  socket.on('error', () => stream.reset(6));
  socket.on('drain', ack);
  socket.on('end', () => stream.end());
  socket.on('data', (chunk) => {
    if (!stream.write(chunk)) socket.pause();
  });
  const toUpstream = (chunk: Buffer): void => {
    if (chunk.length === 0 || socket.write(chunk)) ack();
  };
  stream.setHandler({
    onData: (chunk) => {
      unacked += chunk.length;
      if (headerDone) {
        toUpstream(chunk);
        return;
      }
      header = Buffer.concat([header, chunk]);
      if (header.length < 8) return;
      const end = 8 + Number(header.readBigInt64LE(0));
      if (header.length < end) return;
      headerDone = true;
      toUpstream(header.subarray(end));
    },
    onEnd: () => socket.end(),
    onReset: () => socket.destroy(),
    onWritable: () => socket.resume(),
  });
}
