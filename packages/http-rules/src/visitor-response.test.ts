import type { RequestHead, ResponseHead } from '@portico/http1';
import { feedRequests, feedResponses, whole } from '@portico/http1/testing/feed';
import { describe, expect, it } from 'vitest';
import { http2HeaderObject, toHttp2Headers, toHttp2Trailers } from './http2-response.ts';
import { upgradeAgreed } from './upgrade.ts';
import { visitorInterim, visitorResponse } from './visitor-response.ts';

function requestOf(...lines: string[]): RequestHead {
  const head = feedRequests(`${lines.join('\r\n')}\r\n\r\n`, whole).messages[0]?.head;
  if (head === undefined) throw new Error('not a request');
  return head;
}

function responseOf(lines: readonly string[], method = 'GET', upgradeAsked: string | null = null): ResponseHead {
  const recorded = feedResponses(`${lines.join('\r\n')}\r\n\r\n`, whole, { method, upgradeAsked });
  const head = recorded.messages[0]?.head ?? recorded.interim[0];
  if (head === undefined) throw new Error('not an answer');
  return head;
}

const get = requestOf('GET / HTTP/1.1', 'Host: a.test');
const get10 = requestOf('GET / HTTP/1.0', 'Host: a.test');
const get10KeepAlive = requestOf('GET / HTTP/1.0', 'Host: a.test', 'Connection: keep-alive');

const CHUNKED = ['HTTP/1.1 200 OK', 'X: y', 'Transfer-Encoding: chunked'];
const SIZED = ['HTTP/1.1 200 OK', 'content-length: 05', 'X: y'];
const UNTIL_CLOSE = ['HTTP/1.0 200 OK', 'X: y'];

const answer = (request: RequestHead, lines: readonly string[], keepAlive = true, method = request.method) =>
  visitorResponse({ request, response: responseOf(lines, method), keepAlive });

describe('the answer as an HTTP/1 visitor gets it', () => {
  it('has framing written anew', () => {
    expect(answer(get, SIZED)).toMatchObject({
      fields: ['X', 'y', 'Content-Length', '5'],
      framing: 'length',
      keepAlive: true,
    });
    expect(answer(get, CHUNKED)).toMatchObject({
      fields: ['X', 'y', 'Transfer-Encoding', 'chunked'],
      framing: 'chunked',
      keepAlive: true,
    });
    expect(answer(get, UNTIL_CLOSE)).toMatchObject({
      fields: ['X', 'y', 'Transfer-Encoding', 'chunked'],
      framing: 'chunked',
      keepAlive: true,
    });
  });

  it('row 51: HTTP/1.0 gets no chunks, and closes unless keep-alive was agreed', () => {
    for (const request of [get10, get10KeepAlive]) {
      for (const lines of [CHUNKED, UNTIL_CLOSE]) {
        expect(answer(request, lines)).toMatchObject({
          fields: ['X', 'y', 'Connection', 'close'],
          framing: 'close',
          keepAlive: false,
        });
      }
    }
    expect(answer(get10, SIZED)).toMatchObject({
      fields: ['X', 'y', 'Content-Length', '5', 'Connection', 'close'],
      keepAlive: false,
    });
    expect(answer(get10KeepAlive, SIZED)).toMatchObject({
      fields: ['X', 'y', 'Content-Length', '5', 'Connection', 'keep-alive'],
      keepAlive: true,
    });
  });

  it('row 51: HTTP/1.0 gets no interim answer', () => {
    const hints = responseOf(['HTTP/1.1 103 Early Hints', 'Link: </a>', 'Connection: x']);
    expect(visitorInterim(get10, hints)).toBeNull();
    expect(visitorInterim(get, hints)).toEqual({ status: 103, reason: 'Early Hints', fields: ['Link', '</a>'] });
  });

  it('closes when either side wants to', () => {
    expect(answer(requestOf('GET / HTTP/1.1', 'Host: a.test', 'Connection: close'), SIZED)).toMatchObject({
      keepAlive: false,
    });
    expect(answer(get, SIZED, false).fields.slice(-2)).toEqual(['Connection', 'close']);
  });

  it('keeps a length only where it describes a body that is not sent', () => {
    const head = requestOf('HEAD / HTTP/1.1', 'Host: a.test');
    expect(answer(head, SIZED)).toMatchObject({ fields: ['content-length', '5', 'X', 'y'], framing: 'none' });
    expect(answer(head, CHUNKED)).toMatchObject({ fields: ['X', 'y'], framing: 'none' });
    expect(answer(get, ['HTTP/1.1 304 Not Modified', 'Content-Length: 5'])).toMatchObject({
      fields: ['Content-Length', '5'],
      framing: 'none',
    });
    expect(answer(get, ['HTTP/1.1 204 No Content', 'Content-Length: 0'])).toMatchObject({
      fields: [],
      framing: 'none',
    });
  });

  it('never announces a body to HEAD that would then be sent', () => {
    const request = requestOf('HEAD / HTTP/1.1', 'Host: a.test');
    expect(answer(request, SIZED, true, 'GET')).toMatchObject({
      fields: ['X', 'y', 'Content-Length', '5'],
      framing: 'none',
    });
    expect(answer(request, CHUNKED, true, 'GET')).toMatchObject({ fields: ['X', 'y'], framing: 'none' });
  });

  it('has no hop-by-hop and no platform field', () => {
    expect(
      answer(get, [
        ...SIZED,
        'Connection: close, X-Hop',
        'X-Hop: 1',
        'Keep-Alive: timeout=5',
        'Proxy-Authenticate: Basic',
        'Upgrade: h2c',
        'ngrok-error-code: ERR_NGROK_1',
        'Portico-X: 1',
        'Set-Cookie: a',
        'Set-Cookie: b',
      ]),
    ).toMatchObject({
      fields: ['X', 'y', 'Set-Cookie', 'a', 'Set-Cookie', 'b', 'Content-Length', '5'],
    });
  });

  it('row 53: an agreed 101 is passed on as one', () => {
    const request = requestOf('GET / HTTP/1.1', 'Host: a.test', 'Connection: Upgrade', 'Upgrade: websocket');
    const response = responseOf(
      ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: WebSocket', 'Sec-WebSocket-Accept: x'],
      'GET',
      'websocket',
    );
    expect(upgradeAgreed(request, response)).toBe(true);
    expect(upgradeAgreed(get, response)).toBe(false);
    expect(upgradeAgreed(request, responseOf(SIZED))).toBe(false);
    expect(visitorResponse({ request, response, keepAlive: true })).toMatchObject({
      status: 101,
      fields: ['Sec-WebSocket-Accept', 'x', 'Connection', 'upgrade', 'Upgrade', 'websocket'],
      framing: 'none',
    });
  });
});

describe('the answer as an HTTP/2 visitor gets it', () => {
  it('has names in lower case and nothing about a connection', () => {
    const response = responseOf([
      ...SIZED,
      'Connection: keep-alive, X-Hop',
      'X-Hop: 1',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Set-Cookie: a',
      'Set-Cookie: b',
      'ngrok-error-code: x',
    ]);
    expect(toHttp2Headers(response)).toEqual([
      ':status',
      '200',
      'x',
      'y',
      'set-cookie',
      'a',
      'set-cookie',
      'b',
      'content-length',
      '5',
    ]);
    expect(toHttp2Headers(responseOf(CHUNKED))).toEqual([':status', '200', 'x', 'y']);
    expect(toHttp2Headers(responseOf(SIZED, 'HEAD'))).toEqual([':status', '200', 'content-length', '5', 'x', 'y']);
  });

  it('has its trailers filtered', () => {
    expect(toHttp2Trailers(['Grpc-Status', '0', 'Content-Length', '5', 'Connection', 'x'])).toEqual([
      'grpc-status',
      '0',
    ]);
  });

  it('fits node:http2, with fields that came more than once and odd names', () => {
    expect({
      ...http2HeaderObject([':status', '200', 'set-cookie', 'a', 'set-cookie', 'b', 'set-cookie', 'c']),
    }).toEqual({ ':status': '200', 'set-cookie': ['a', 'b', 'c'] });
    expect(Object.keys(http2HeaderObject(['__proto__', 'a']))).toEqual(['__proto__']);
  });
});
