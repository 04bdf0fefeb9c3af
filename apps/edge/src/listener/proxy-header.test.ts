import { describe, expect, it } from 'vitest';
import { encodeProxyProtocol } from '../session/proxy-protocol.ts';
import { readProxyHeader } from './proxy-header.ts';

describe('a PROXY header', () => {
  it.each([
    [1, '192.0.2.7'],
    [2, '192.0.2.7'],
    [1, '2001:db8::7'],
    [2, '2001:db8::7'],
  ] as const)('of version %i for %s is read whole and in pieces', (version, address) => {
    const server = address.includes(':') ? '2001:db8::1' : '192.0.2.1';
    const bytes = encodeProxyProtocol(version, {
      clientIp: address,
      clientPort: 4711,
      serverIp: server,
      serverPort: 443,
    });
    const all = Buffer.concat([bytes, Buffer.from('GET /')]);
    const read = readProxyHeader(all);
    expect(read).toMatchObject({ kind: 'found', bytes: bytes.length, source: { port: 4711 } });
    if (read.kind === 'found')
      expect(
        new URL(
          `http://${address.includes(':') ? `[${read.source?.address}]` : read.source?.address}/`,
        ).hostname.replace(/[[\]]/g, ''),
      ).toBe(address);
    for (let length = 0; length < bytes.length; length += 1)
      expect(readProxyHeader(all.subarray(0, length)).kind).toBe('incomplete');
  });

  it('of the proxy itself names nobody', () => {
    expect(readProxyHeader(Buffer.from('PROXY UNKNOWN\r\n'))).toEqual({ kind: 'found', bytes: 15, source: null });
    const local = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
    expect(readProxyHeader(local)).toEqual({ kind: 'found', bytes: 16, source: null });
  });

  it.each(['GET / HTTP/1.1\r\n', '\x16\x03\x01', 'PROXX', '\r\n\r\nGET'])('is not seen in %j', (text) => {
    expect(readProxyHeader(Buffer.from(text, 'latin1')).kind).toBe('none');
  });

  it.each([
    'PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n',
    'PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n',
    'PROXY TCP4 192.0.2.7 192.0.2.1 65536 1\r\n',
    'PROXY TCP4 192.0.2.7 192.0.2.1 01 1\r\n',
    'PROXY TCP5 192.0.2.7 192.0.2.1 1 1\r\n',
    'PROXY TCP4 192.0.2.7 192.0.2.1 1 1 x\r\n',
    `PROXY ${'x'.repeat(120)}`,
  ])('%j is malformed', (text) => {
    expect(readProxyHeader(Buffer.from(text, 'latin1')).kind).toBe('malformed');
  });

  it('of version 2 with a bad version, command or length is malformed', () => {
    const signature = '0d0a0d0a000d0a515549540a';
    for (const rest of ['11110000', '22110000', '2111ffff', '21110004c0000207']) {
      expect(readProxyHeader(Buffer.from(signature + rest, 'hex')).kind).toBe('malformed');
    }
  });
});
