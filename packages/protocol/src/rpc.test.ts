import net from 'node:net';
import { MuxOpenError, MuxSession, type MuxStream } from '@portico/muxado';
import { afterEach, describe, expect, it } from 'vitest';
import { call, RpcError, readJson, reply } from './rpc.ts';
import { StreamType } from './stream-type.ts';

describe('an RPC', () => {
  const open: (() => void)[] = [];
  afterEach(() => {
    for (const close of open.splice(0)) close();
  });

  async function pair(onStream: (stream: MuxStream, type: number) => void): Promise<MuxSession> {
    const listening = Promise.withResolvers<number>();
    const accepted = Promise.withResolvers<MuxSession>();
    const server = net.createServer((socket) => {
      const session = new MuxSession({ transport: socket, role: 'server', onStream, onClose() {} });
      session.setAuthenticated();
      accepted.resolve(session);
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) listening.resolve(address.port);
    });
    const socket = net.connect(await listening.promise, '127.0.0.1');
    const client = new MuxSession({ transport: socket, role: 'client', onStream() {}, onClose() {} });
    const session = await accepted.promise;
    open.push(() => {
      client.destroy();
      session.destroy();
      server.close();
    });
    return client;
  }

  it('sends a request and returns the answer', async () => {
    const client = await pair((stream, type) => {
      expect(type).toBe(StreamType.bind);
      readJson(stream).then(
        (request) => reply(stream, { got: request }),
        () => stream.reset(1),
      );
    });
    const big = 'x'.repeat(900_000);
    expect(await call(client, StreamType.bind, { big })).toEqual({ got: { big } });
    expect(client.openStreams).toBe(0);
  });

  it('answers a request that has no FIN behind it, and ignores what follows', async () => {
    const client = await pair((stream) => {
      readJson(stream).then(
        (request) => reply(stream, { got: request }),
        () => stream.reset(1),
      );
    });
    const stream = client.open(StreamType.auth);
    const answer = readJson(stream);
    for (const byte of '{"a":"}\\"{"} {"b":1} trailing') stream.write(Buffer.from(byte));
    expect(await answer).toEqual({ got: { a: '}"{' } });
    stream.end();
  });

  it.each([
    ['too-big', `{"a":"${'x'.repeat(200)}"}`],
    ['too-deep', `{"a":${'['.repeat(9)}${']'.repeat(9)}}`],
    ['malformed', '[1]'],
    ['malformed', '{"a" 1}'],
    ['malformed', '{"a":"\xff"}'],
    ['malformed', '{]'],
  ])('refuses a message that is %s', async (fault, text) => {
    const faults = Promise.withResolvers<unknown>();
    const client = await pair((stream) => {
      readJson(stream, { maxBytes: 100, maxDepth: 8 }).then(faults.resolve, faults.resolve);
    });
    client.open(StreamType.auth, Buffer.from(text, 'latin1'));
    const error = await faults.promise;
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ fault });
  });

  it('gives up when the message takes too long, ends or is reset', async () => {
    const faults: Promise<unknown>[] = [];
    const came = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const client = await pair((stream) => {
      const index = faults.length;
      faults.push(readJson(stream, { timeoutMs: index === 0 ? 20 : 10_000 }).catch((error: unknown) => error));
      came[index]?.resolve();
    });
    client.open(StreamType.auth, Buffer.from('{"a":'));
    await came[0]?.promise;
    client.open(StreamType.auth, Buffer.from('{"a":')).end();
    await came[1]?.promise;
    const reset = client.open(StreamType.auth, Buffer.from('{"a":'));
    await came[2]?.promise;
    reset.reset(6);
    expect(await Promise.all(faults)).toMatchObject([
      { fault: 'timeout' },
      { fault: 'ended' },
      { fault: 'reset', resetCode: 6 },
    ]);
  });

  it('fails when the other end answers nothing, and leaves no stream behind', async () => {
    const client = await pair((stream) => {
      stream.setHandler({ onData: () => {}, onEnd: () => stream.end(), onReset: () => {}, onWritable: () => {} });
    });
    await expect(call(client, StreamType.unbind, {})).rejects.toMatchObject({ fault: 'ended' });
    expect(client.openStreams).toBe(0);
    client.destroy();
    await expect(call(client, StreamType.unbind, {})).rejects.toBeInstanceOf(MuxOpenError);
  });
});
