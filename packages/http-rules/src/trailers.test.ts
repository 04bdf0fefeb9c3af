import { describe, expect, it } from 'vitest';
import { filterTrailers } from './trailers.ts';

describe('trailers', () => {
  it('row 24: framing, routing, credentials and forwarding are dropped', () => {
    const forbidden = [
      'Content-Length',
      'Transfer-Encoding',
      'Host',
      'Trailer',
      'Connection',
      'Keep-Alive',
      'TE',
      'Upgrade',
      'Expect',
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Forwarded-Server',
      'X-Real-IP',
      'Forwarded',
      'X_Forwarded_For',
      'Authorization',
      'Proxy-Authorization',
      'Cookie',
      'Set-Cookie',
      'WWW-Authenticate',
      'Content-Type',
      'Content-Encoding',
      'Content-Range',
      'Cache-Control',
      'Range',
      'Location',
      'content_type',
      'ngrok-error-code',
      'portico-account',
      'CONTENT-LENGTH',
      'host',
    ];
    for (const name of forbidden) expect(filterTrailers(['X', 'a', name, 'v', 'Y', 'b'])).toEqual(['X', 'a', 'Y', 'b']);
    expect(filterTrailers(forbidden.flatMap((name) => [name, 'v']))).toEqual([]);
  });

  it('what was meant to be a trailer stays', () => {
    const trailers = [
      'grpc-status',
      '0',
      'Grpc-Message',
      'ok',
      'Server-Timing',
      'db;dur=1',
      'Content-MD5',
      'x',
      'Digest',
      'y',
    ];
    expect(filterTrailers(trailers)).toBe(trailers);
  });
});
