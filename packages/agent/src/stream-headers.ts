import { MuxError } from '@portico/muxado';
import { encodeOpenErr, encodeOpenOk, formatClientAddr, ProxyHeaderReader, StreamOpenReader } from '@portico/protocol';
import type { DialReply } from './forward.ts';
import type { HeaderReader, IncomingStream } from './incoming-stream.ts';

/** Streams of type 3, as every client of the protocol gets them. */
export function proxyReader(): HeaderReader {
  const reader = new ProxyHeaderReader();
  return {
    push: (bytes) => {
      const result = reader.push(bytes);
      if (result.kind === 'more') return null;
      const { id, clientAddr, proto, passthroughTls } = result.head;
      const isHttp = proto === 'http' || proto === 'https';
      return {
        header: {
          bindId: id,
          fence: null,
          client: clientAddr,
          passthroughTls,
          reply: isHttp ? httpReply : silentReply,
        },
        rest: result.rest,
      };
    },
  };
}

/** Streams of type 0x1000 (design D12): the opener is told how the dial went. */
export function openReader(): HeaderReader {
  const reader = new StreamOpenReader();
  return {
    push: (bytes) => {
      const result = reader.push(bytes);
      if (result.kind === 'more') return null;
      const { targetId, fence, client, passthroughTls } = result.head;
      return {
        header: {
          bindId: targetId,
          fence,
          client: formatClientAddr(client.ip, client.port),
          passthroughTls,
          reply: openReply,
        },
        rest: result.rest,
      };
    },
  };
}

/** Answers a stream that is for nobody here; nothing of it reached an upstream. */
export function refuseStale(incoming: IncomingStream, message: string): void {
  const { stream } = incoming;
  if (incoming.fence === null) {
    stream.reset(MuxError.refused);
    return;
  }
  stream.end(encodeOpenErr({ code: 'STALE_TARGET', message, dialMs: 0 }));
  incoming.take({
    onData: (bytes) => stream.ack(bytes.length),
    onEnd: () => {},
    onReset: () => {},
    onWritable: () => {},
  });
}

const openReply: DialReply = {
  connected: () => encodeOpenOk(),
  failed: (failure) => encodeOpenErr(failure),
};

/** The opener of a plain stream cannot be told, but its visitor speaks HTTP. */
const httpReply: DialReply = {
  connected: () => null,
  failed: ({ message }) => {
    const body = `failed to dial backend: ${message}\n`;
    return Buffer.from(
      `HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  },
};

const silentReply: DialReply = { connected: () => null, failed: () => null };
