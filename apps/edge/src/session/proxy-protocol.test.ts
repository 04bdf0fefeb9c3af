import { describe, expect, it } from 'vitest';
import { encodeProxyProtocol } from './proxy-protocol.ts';

const v4 = { clientIp: '192.0.2.7', clientPort: 4660, serverIp: '198.51.100.1', serverPort: 443 };
const v6 = { clientIp: '2001:db8::7', clientPort: 1, serverIp: '::1', serverPort: 8443 };

describe('the PROXY protocol header', () => {
  it('writes version 1', () => {
    expect(encodeProxyProtocol(1, v4).toString()).toBe('PROXY TCP4 192.0.2.7 198.51.100.1 4660 443\r\n');
    expect(encodeProxyProtocol(1, v6).toString()).toBe('PROXY TCP6 2001:db8::7 ::1 1 8443\r\n');
    expect(encodeProxyProtocol(1, { ...v4, clientIp: '::ffff:192.0.2.7', serverIp: '::1' }).toString()).toBe(
      'PROXY TCP4 192.0.2.7 0.0.0.0 4660 443\r\n',
    );
    expect(encodeProxyProtocol(1, { ...v4, clientIp: '' }).toString()).toBe('PROXY UNKNOWN\r\n');
  });

  it('writes version 2', () => {
    expect(encodeProxyProtocol(2, v4).toString('hex')).toBe('0d0a0d0a000d0a515549540a2111000cc0000207c6336401123401bb');
    expect(encodeProxyProtocol(2, v6).toString('hex')).toBe(
      '0d0a0d0a000d0a515549540a21210024' +
        '20010db8000000000000000000000007' +
        '00000000000000000000000000000001' +
        '000120fb',
    );
    expect(encodeProxyProtocol(2, { ...v4, clientIp: '?' }).toString('hex')).toBe('0d0a0d0a000d0a515549540a21000000');
  });
});
