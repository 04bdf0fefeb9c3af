import type { RequestHead } from '@portico/http1';
import { feedRequests, whole } from '@portico/http1/testing/feed';
import { describe, expect, it } from 'vitest';
import { forwardedFields, type Origin } from './forwarded.ts';
import { stripHopByHop } from './hop-by-hop.ts';
import { stripPlatformFields } from './platform-fields.ts';
import { upstreamRequest } from './upstream-request.ts';

const origin: Origin = { clientIp: '192.0.2.1', proto: 'https', host: 'a.test', port: 443, trusted: false };

function headOf(...lines: string[]): RequestHead {
  const head = feedRequests(`${lines.join('\r\n')}\r\n\r\n`, whole).messages[0]?.head;
  if (head === undefined) throw new Error('not a request');
  return head;
}

/** The fields that upstreamRequest writes, without those that say where the request came from. */
function rewritten(...lines: string[]): string[] {
  const { fields } = upstreamRequest({ head: headOf(...lines), origin });
  const at = fields.indexOf('X-Forwarded-For');
  return [...fields.slice(0, at), ...fields.slice(fields.indexOf('Forwarded') + 2)];
}

describe('the request as the upstream gets it', () => {
  it('row 33: has origin-form and one Host, that of the target', () => {
    const head = headOf('GET http://b.test:81/x?y HTTP/1.1', 'Host: a.test', 'Accept: */*');
    const request = upstreamRequest({ head, origin: { ...origin, host: head.authority } });
    expect(request).toMatchObject({ method: 'GET', target: '/x?y' });
    expect(request.fields.slice(0, 4)).toEqual(['Host', 'b.test:81', 'Accept', '*/*']);
    expect(request.fields.filter((field) => field.toLowerCase() === 'host')).toHaveLength(1);
    expect(request.fields[request.fields.indexOf('X-Forwarded-Host') + 1]).toBe('b.test:81');
  });

  it('row 46: has the path byte for byte', () => {
    const target = '//a/../%2e%2e/%2F;b=c?d=//..|"{}';
    expect(upstreamRequest({ head: headOf(`GET ${target} HTTP/1.1`, 'Host: a.test'), origin }).target).toBe(target);
  });

  it('row 6: has framing written anew', () => {
    expect(rewritten('POST / HTTP/1.1', 'Content-Length: 010', 'Host: a.test')).toEqual([
      'Host',
      'a.test',
      'Content-Length',
      '10',
    ]);
    expect(rewritten('POST / HTTP/1.1', 'transfer-encoding: Chunked', 'Host: a.test')).toEqual([
      'Host',
      'a.test',
      'Transfer-Encoding',
      'chunked',
    ]);
    expect(rewritten('POST / HTTP/1.1', 'Host: a.test')).toEqual(['Host', 'a.test']);
  });

  it('row 17: has bytes above 0x7F unchanged', () => {
    expect(rewritten('GET / HTTP/1.1', 'Host: a.test', 'X: \x80\xe9\xff')).toEqual([
      'Host',
      'a.test',
      'X',
      '\x80\xe9\xff',
    ]);
  });

  it('row 49: forwards Expect: 100-continue, but not from HTTP/1.0', () => {
    expect(rewritten('POST / HTTP/1.1', 'Host: a.test', 'EXPECT: 100-Continue', 'Content-Length: 1')).toEqual([
      'Host',
      'a.test',
      'Expect',
      '100-continue',
      'Content-Length',
      '1',
    ]);
    expect(rewritten('POST / HTTP/1.0', 'Host: a.test', 'Expect: 100-continue', 'Content-Length: 1')).toEqual([
      'Host',
      'a.test',
      'Content-Length',
      '1',
    ]);
  });

  it('row 52: does not forward Upgrade: h2c', () => {
    expect(
      rewritten(
        'GET / HTTP/1.1',
        'Host: a.test',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQAAP__',
      ),
    ).toEqual(['Host', 'a.test']);
  });

  it('row 53: forwards an agreed upgrade alone', () => {
    const websocket = ['Upgrade: WebSocket', 'Sec-WebSocket-Key: k', 'Sec-WebSocket-Version: 13'];
    const rest = ['Sec-WebSocket-Key', 'k', 'Sec-WebSocket-Version', '13'];
    expect(rewritten('GET / HTTP/1.1', 'Host: a.test', 'Connection: Upgrade', ...websocket)).toEqual([
      'Host',
      'a.test',
      ...rest,
      'Connection',
      'upgrade',
      'Upgrade',
      'websocket',
    ]);
    expect(rewritten('GET / HTTP/1.1', 'Host: a.test', ...websocket)).toEqual(['Host', 'a.test', ...rest]);
    expect(
      rewritten('GET / HTTP/1.1', 'Host: a.test', 'Connection: upgrade', 'Content-Length: 1', ...websocket),
    ).toEqual(['Host', 'a.test', ...rest, 'Content-Length', '1']);
  });

  it('says TE: trailers with the Connection that it needs', () => {
    expect(rewritten('GET / HTTP/1.1', 'Host: a.test', 'TE: gzip, trailers')).toEqual([
      'Host',
      'a.test',
      'TE',
      'trailers',
      'Connection',
      'TE',
    ]);
  });

  it('has another Host where the endpoint asks for it, and says the visitor’s', () => {
    const { fields } = upstreamRequest({
      head: headOf('GET / HTTP/1.1', 'Host: a.test'),
      origin,
      host: 'localhost:3000',
    });
    expect(fields.slice(0, 2)).toEqual(['Host', 'localhost:3000']);
    expect(fields[fields.indexOf('X-Forwarded-Host') + 1]).toBe('a.test');
  });

  it('equals the single rules in turn', () => {
    const head = headOf(
      'GET / HTTP/1.1',
      'Host: a.test',
      'Connection: close, X-Hop, Authorization, Cookie',
      'X-Hop: 1',
      'Authorization: Bearer x',
      'Cookie: a=b',
      'Keep-Alive: 5',
      'Proxy-Authorization: Basic x',
      'Proxy-Connection: close',
      'X-Forwarded-For: 10.0.0.1',
      'X_Forwarded_For: 10.0.0.1',
      'ngrok-error-code: ERR_NGROK_1',
      'portico-account: ac_1',
      'My_Field: stays',
      'Transfer_Encoding: chunked',
      'Content_Length: 5',
    );
    const inTurn = forwardedFields({
      fields: stripHopByHop(stripPlatformFields(head.fields), { upgrade: null }),
      ...origin,
    });
    expect(upstreamRequest({ head, origin }).fields).toEqual(inTurn);
    expect(inTurn.slice(0, 8)).toEqual([
      'Host',
      'a.test',
      'Authorization',
      'Bearer x',
      'Cookie',
      'a=b',
      'My_Field',
      'stays',
    ]);
    expect(inTurn[8]).toBe('X-Forwarded-For');
  });
});
