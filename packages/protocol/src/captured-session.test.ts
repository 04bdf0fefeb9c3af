import net from 'node:net';
import { MuxSession, type SessionEnd } from '@portico/muxado';
import { expect, it } from 'vitest';
import { encodeAuthResponse, parseAuthRequest } from './auth.ts';
import { encodeBindResponse, parseBindRequest } from './bind.ts';
import { encodeProxyHeader } from './proxy-header.ts';
import { readJson, reply } from './rpc.ts';
import { StreamType } from './stream-type.ts';
import { encodeUnbindResponse, parseUnbindRequest } from './unbind.ts';
import { authResponse, proxyHeader, rustAuth, rustBind } from './vectors.util.ts';

it('a session of the Rust client, played from its capture, gets the captured answers byte for byte', async () => {
  const ended = Promise.withResolvers<SessionEnd>();
  const accepted = Promise.withResolvers<MuxSession>();
  const failed = Promise.withResolvers<never>();
  const server = net.createServer((socket) => {
    const session = new MuxSession({
      transport: socket,
      role: 'server',
      heartbeat: { intervalMs: 10_000, toleranceMs: 15_000 },
      random: () => Buffer.from('deadbeef', 'hex'),
      onStream(stream, type) {
        readJson(stream).then((value) => {
          if (type === StreamType.auth) {
            expect(parseAuthRequest(value).token).toBe('tok');
            session.setAuthenticated();
            reply(stream, encodeAuthResponse(authAnswer));
          } else if (type === StreamType.bind) {
            const { rawOpts } = parseBindRequest(value);
            reply(stream, encodeBindResponse({ ...bindAnswer, rawOpts }));
          } else {
            expect(type).toBe(StreamType.unbind);
            expect(parseUnbindRequest(value).id).toBe('b1');
            reply(stream, encodeUnbindResponse(''));
          }
        }, failed.reject);
      },
      onClose: ended.resolve,
    });
    accepted.resolve(session);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  const socket = net.connect(address.port, '127.0.0.1');
  let received = Buffer.alloc(0);
  let wake = (): void => {};
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  const send = (hex: string, text = ''): void => {
    socket.write(Buffer.concat([Buffer.from(hex.replaceAll(' ', ''), 'hex'), Buffer.from(text)]));
  };
  /** Exactly these bytes come next. */
  const expectBytes = async (hex: string, text = ''): Promise<void> => {
    const bytes = Buffer.concat([Buffer.from(hex.replaceAll(' ', ''), 'hex'), Buffer.from(text)]);
    while (received.length < bytes.length) {
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), failed.promise]);
    }
    expect(received.subarray(0, bytes.length).toString('hex')).toBe(bytes.toString('hex'));
    received = received.subarray(bytes.length);
  };

  send('0000041200000003 ffffffff');
  send('0000041200000005 00000000');
  send('0002971000000005', rustAuth);
  await expectBytes('0000a31000000005', authResponse);
  await expectBytes('0000001100000005');
  send('0000041000000003 9561459c');
  await expectBytes('0000041000000003 9561459c');
  for (const credit of ['20', '20', '40', '23']) send(`0000042000000005 000000${credit}`);
  send('0000001100000005');
  send('0000041200000007 00000001');
  send('0002251000000007', rustBind);
  const answer = JSON.stringify(
    encodeBindResponse({ ...bindAnswer, rawOpts: parseBindRequest(JSON.parse(rustBind)).rawOpts }),
  );
  await expectBytes(`00${answer.length.toString(16).padStart(4, '0')}1000000007`, answer);
  await expectBytes('0000001100000007');
  send('0000001100000007');

  const session = await accepted.promise;
  const proxy = session.open(
    StreamType.proxy,
    encodeProxyHeader({ id: 'b1', clientAddr: '192.0.2.1:1234', proto: 'https', edgeType: '0', passthroughTls: false }),
  );
  const echoed = Promise.withResolvers<string>();
  proxy.setHandler({
    onData(chunk) {
      proxy.ack(chunk.length);
      echoed.resolve(chunk.toString());
      proxy.end();
    },
    onEnd() {},
    onReset() {},
    onWritable() {},
  });
  await expectBytes(`00006b1200000002 00000003 ${proxyHeader}`);
  proxy.write(Buffer.from('ping'));
  await expectBytes('0000041000000002 70696e67');
  send('0000041000000002 70696e67');
  expect(await echoed.promise).toBe('ping');
  await expectBytes('0000001100000002');
  send('0000001100000002');

  session.startHeartbeat();
  await expectBytes('0000041200000004 ffffffff');
  await expectBytes('0000041000000004 deadbeef');
  send('0000041000000004 deadbeef');
  send('0000041200000009 00000002');
  send('00000b1000000009 7b224964223a226231227d');
  await expectBytes('0000191000000009 7b224572726f72223a22222c224578747261223a6e756c6c7d');
  await expectBytes('0000001100000009');
  send('0000001100000009');
  expect(session.latencyMs).not.toBeNull();
  // DATA for a stream that does not exist, and the client's answer to ours.
  send('0000040000001092 00000004');
  send('0000001000001093', '');
  await expectBytes('0000040000001093 00000004');
  expect(session.openStreams).toBe(0);
  expect(session.bufferedBytes).toBe(0);
  send('00000d3000000000 0000000a 00000001 696e76616c6964206672616d65');
  expect(await ended.promise).toEqual({ kind: 'go-away', code: 1, message: 'inval' });
  expect(received.length).toBe(0);
  socket.destroy();
  server.close();
});

const authAnswer = {
  version: '3',
  clientId: 'c0ffee',
  error: '',
  serverVersion: '1',
  region: 'local',
  cookie: 'k',
  accountName: '',
  sessionDurationSeconds: 0,
  planName: '',
  banner: '',
  agentSessionId: '',
  portico: null,
};

const bindAnswer = { id: 'b1', url: 'https://a.test', proto: 'https', error: '', token: 't', tunnelId: '' };
