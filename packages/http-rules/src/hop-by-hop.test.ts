import { describe, expect, it } from 'vitest';
import { stripHopByHop } from './hop-by-hop.ts';

const strip = (...fields: string[]): string[] => stripHopByHop(fields, { upgrade: null });

describe('hop-by-hop fields (F1)', () => {
  it('are removed in any case', () => {
    for (const name of [
      'Connection',
      'Keep-Alive',
      'Proxy-Connection',
      'Proxy-Authenticate',
      'Proxy-Authorization',
      'TE',
      'Transfer-Encoding',
      'Upgrade',
      'HTTP2-Settings',
    ]) {
      for (const spelling of [name, name.toLowerCase(), name.toUpperCase()])
        expect(strip('X', 'a', spelling, 'v', 'Y', 'b')).toEqual(['X', 'a', 'Y', 'b']);
    }
  });

  it('are removed in their _ spelling too, which CGI upstreams read as the real one', () => {
    expect(
      strip('Transfer_Encoding', 'chunked', 'Keep_Alive', 'x', 'Content_Length', '5', 'My_Field', 'stays'),
    ).toEqual(['My_Field', 'stays']);
  });

  it('are those that Connection names, over several fields and with odd space', () => {
    expect(
      strip(
        'Connection',
        'X-Hop ,\tx-other',
        'X-HOP',
        '1',
        'x-other',
        '2',
        'X-Stays',
        '3',
        'connection',
        'x-late',
        'X-Late',
        '4',
      ),
    ).toEqual(['X-Stays', '3']);
  });

  it('are never Host, Content-Length, Authorization, Cookie or a field the edge adds, though Connection names them', () => {
    const kept = [
      'Host',
      'a.test',
      'Content-Length',
      '5',
      'Authorization',
      'Bearer x',
      'Cookie',
      'a=b',
      'X-Forwarded-For',
      '1.2.3.4',
      'X-Real-IP',
      '1.2.3.4',
      'Forwarded',
      'for=x',
      'Set-Cookie',
      'c',
    ];
    const named =
      'close, host, content-length, authorization, cookie, x-forwarded-for, x-real-ip, forwarded, set-cookie';
    expect(strip('Connection', named, ...kept)).toEqual(kept);
  });

  it('TE keeps trailers alone', () => {
    expect(strip('TE', 'gzip;q=0.5, Trailers')).toEqual(['TE', 'trailers']);
    expect(strip('TE', 'gzip')).toEqual([]);
    expect(strip('TE', 'trailersx')).toEqual([]);
  });

  it('Connection and Upgrade are written anew for an agreed upgrade', () => {
    const fields = [
      'Connection',
      'keep-alive, Upgrade, X-Hop',
      'Upgrade',
      'h2c, WebSocket',
      'X-Hop',
      '1',
      'Sec-WebSocket-Key',
      'k',
    ];
    expect(stripHopByHop(fields, { upgrade: 'websocket' })).toEqual([
      'Sec-WebSocket-Key',
      'k',
      'Connection',
      'upgrade',
      'Upgrade',
      'websocket',
    ]);
  });

  it('does not change what it was given', () => {
    const fields = Object.freeze(['Connection', 'close', 'X', 'a']) as string[];
    expect(stripHopByHop(fields, { upgrade: null })).toEqual(['X', 'a']);
  });
});
