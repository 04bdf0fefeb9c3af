import { describe, expect, it } from 'vitest';
import { memoryPair } from './memory-pair.util.ts';
import { MuxSession, type SessionEnd } from './session.ts';
import type { MuxStream } from './stream.ts';

describe('a pair of sessions', () => {
  it('carries a request and its answer, half-close and all', async () => {
    const [left, right] = memoryPair();
    const ended = Promise.withResolvers<SessionEnd>();
    const server = new MuxSession({
      transport: right,
      role: 'server',
      onStream(stream, type) {
        expect(type).toBe(7);
        const chunks: Buffer[] = [];
        stream.setHandler({
          onData(chunk) {
            chunks.push(chunk);
            stream.ack(chunk.length);
          },
          onEnd: () => stream.end(Buffer.concat([Buffer.from('echo '), ...chunks])),
          onReset: () => {},
          onWritable: () => {},
        });
      },
      onClose: ended.resolve,
    });
    server.setAuthenticated();
    const client = new MuxSession({ transport: left, role: 'client', onStream() {}, onClose() {} });
    const stream = client.open(7, Buffer.from('hello'));
    expect(stream.id).toBe(3);
    const answer = await readAll(stream, () => stream.end());
    expect(answer.toString()).toBe('echo hello');
    expect(client.openStreams).toBe(0);
    client.goAwayAndClose(0, 'no error');
    expect(await ended.promise).toEqual({ kind: 'go-away', code: 0, message: 'no error' });
    expect(server.openStreams).toBe(0);
  });
});

function readAll(stream: MuxStream, start: () => void): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  stream.setHandler({
    onData(chunk) {
      chunks.push(chunk);
      stream.ack(chunk.length);
    },
    onEnd: () => resolve(Buffer.concat(chunks)),
    onReset: (code) => reject(new Error(`reset ${code}`)),
    onWritable: () => {},
  });
  start();
  return promise;
}
