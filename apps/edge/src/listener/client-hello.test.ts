import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLIENT_HELLO_BYTES_MAX, readClientHello } from './client-hello.ts';

/** What OpenSSL really sends. */
async function realHello(options: {
  servername?: string;
  ALPNProtocols?: string[];
  maxVersion?: 'TLSv1.2';
}): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** The same message in records of at most `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5, 5 + hello.readUInt16BE(3));
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]), part);
  }
  return Buffer.concat(records);
}

const name = 'Demo.Base.test';
const hello = await realHello({ servername: name, ALPNProtocols: ['h2', 'http/1.1'] });
const expected = { kind: 'hello', serverName: 'demo.base.test', alpn: ['h2', 'http/1.1'] };

describe('the ClientHello', () => {
  it('tells server name and protocols', async () => {
    expect(readClientHello(hello)).toEqual(expected);
    expect(readClientHello(await realHello({ servername: name, maxVersion: 'TLSv1.2' }))).toEqual({
      kind: 'hello',
      serverName: 'demo.base.test',
      alpn: [],
    });
    expect(readClientHello(await realHello({}))).toEqual({ kind: 'hello', serverName: null, alpn: [] });
  });

  it('is incomplete up to its last byte, in one record or many', () => {
    for (let length = 0; length < hello.length; length += 1)
      expect(readClientHello(hello.subarray(0, length)).kind).toBe('incomplete');
    for (const size of [1, 2, 3, 4, 5, 100, 300]) {
      const split = inRecords(hello, size);
      expect(readClientHello(split)).toEqual(expected);
      for (const length of [0, 4, 5, 6, split.length - 1])
        expect(readClientHello(split.subarray(0, length)).kind).toBe('incomplete');
    }
    expect(readClientHello(Buffer.concat([hello, Buffer.from([20, 3, 3, 0, 1, 1])]))).toEqual(expected);
  });

  it.each([
    ['GET / HTTP/1.1\r\n', 'not-tls'],
    ['SSH-2.0-x\r\n', 'not-tls'],
    ['\x80\x2e\x01\x00\x02', 'not-tls'],
    ['\x16\x02\x00\x00\x05\x01\x00\x00\x01\x00', 'malformed'],
    ['\x16\x03\x01\x00\x00', 'malformed'],
    ['\x16\x03\x01\x40\x01', 'malformed'],
    ['\x16\x03\x01\x00\x04\x02\x00\x00\x05', 'malformed'],
    ['\x16\x03\x01\x00\x04\x01\x01\x00\x00', 'malformed'],
    ['\x16\x03\x01\x00\x01\x01\x17\x03\x01\x00\x01\x00', 'malformed'],
  ])('%j is %s', (text, kind) => {
    expect(readClientHello(Buffer.from(text, 'latin1')).kind).toBe(kind);
  });

  it('with a name that is no host name is malformed', () => {
    for (const evil of [
      'demo_base/test',
      'demo base.tes',
      'demo..base.tes',
      '-emo.base.test',
      '10.0.0.1234567',
      'demo\0base.test',
    ]) {
      const bytes = Buffer.from(hello);
      bytes.write(
        evil.slice(0, name.length).padEnd(name.length, 'x'),
        bytes.indexOf(Buffer.from(name.toLowerCase().slice(0, 0) || name)),
        'latin1',
      );
      const read = readClientHello(bytes);
      if (read.kind === 'hello') expect(read.serverName).toMatch(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/);
      else expect(read.kind).toBe('malformed');
    }
  });

  it('never throws, never reads beyond its limit, and never finds another name in mutated bytes than OpenSSL could', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(hello.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        fc.nat(400),
        (changes, cut) => {
          const bytes = Buffer.from(hello);
          for (const [at, value] of changes) bytes[at] = value;
          const read = readClientHello(bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut : 0)));
          if (read.kind === 'hello' && read.serverName !== null)
            expect(read.serverName).toMatch(/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/);
        },
      ),
      { numRuns: process.env.PORTICO_LONG === '1' ? 200_000 : 2_000 },
    );
    const endless = Buffer.alloc(CLIENT_HELLO_BYTES_MAX * 2);
    for (let at = 0; at + 6 <= endless.length; at += 6) Buffer.from([22, 3, 1, 0, 1, 1]).copy(endless, at);
    expect(readClientHello(endless).kind).not.toBe('incomplete');
  });
});
