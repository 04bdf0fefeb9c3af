import {
  encodeRequestHead,
  encodeResponseHead,
  type RequestHead,
  RequestParser,
  type ResponseHead,
  ResponseParser,
} from '@portico/http1';
import { upstreamRequest, visitorResponse } from '../src/index.ts';

// What one head costs: read, checked, rewritten, encoded. Prints µs of CPU a head, all threads,
// median of rounds (least–most):
//   node packages/http-rules/bench/heads.ts [rounds] [heads a round]

const rounds = Number(process.argv[2] ?? 7);
const heads = Number(process.argv[3] ?? 100_000);

const SMALL_REQUEST = 'GET /hello HTTP/1.1\r\nHost: demo.portico.localhost\r\n\r\n';
const BROWSER_REQUEST = [
  'GET /api/v1/items?page=2 HTTP/1.1',
  'Host: demo.portico.localhost',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.5',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Connection: keep-alive',
  'Cookie: session=abcdef0123456789abcdef0123456789; theme=dark',
  'Upgrade-Insecure-Requests: 1',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Site: none',
  'Cache-Control: max-age=0',
  '',
  '',
].join('\r\n');
const SMALL_RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const SERVER_RESPONSE = [
  'HTTP/1.1 200 OK',
  'Server: nginx/1.26.0',
  'Date: Mon, 01 Jan 2024 00:00:00 GMT',
  'Content-Type: text/html; charset=utf-8',
  'Content-Length: 0',
  'Connection: keep-alive',
  'Cache-Control: private, max-age=0, must-revalidate',
  'ETag: "5f3c6d2a-264"',
  'Last-Modified: Tue, 02 Jan 2024 00:00:00 GMT',
  'Vary: Accept-Encoding',
  'Set-Cookie: session=abcdef0123456789abcdef0123456789; Path=/; HttpOnly; SameSite=Lax',
  'X-Content-Type-Options: nosniff',
  'Strict-Transport-Security: max-age=31536000',
  '',
  '',
].join('\r\n');

const origin = {
  clientIp: '203.0.113.7',
  proto: 'https',
  host: 'demo.portico.localhost',
  port: 443,
  trusted: false,
} as const;
let bytesOut = 0;

function requestRound(text: string, rewrite: boolean): () => void {
  const chunk = Buffer.from(text, 'latin1');
  const parser = new RequestParser({
    onHead(head) {
      if (rewrite) bytesOut += encodeRequestHead(upstreamRequest({ head, origin })).length;
    },
    onBody() {},
    onEnd() {
      parser.next();
    },
    onError(error) {
      throw error;
    },
  });
  return () => parser.push(chunk);
}

function responseRound(text: string, rewrite: boolean): () => void {
  const chunk = Buffer.from(text, 'latin1');
  let request: RequestHead | null = null;
  const requests = new RequestParser({
    onHead(head) {
      request = head;
    },
    onBody() {},
    onEnd() {},
    onError() {},
  });
  requests.push(Buffer.from(SMALL_REQUEST));
  const parser = new ResponseParser({
    onInterim() {},
    onHead(response: ResponseHead) {
      if (rewrite && request !== null)
        bytesOut += encodeResponseHead(visitorResponse({ request, response, keepAlive: true })).length;
    },
    onBody() {},
    onEnd() {},
    onError(error) {
      throw error;
    },
  });
  return () => {
    parser.expect('GET');
    parser.push(chunk);
  };
}

const cases: [string, () => void][] = [
  ['request, 1 field, read', requestRound(SMALL_REQUEST, false)],
  ['request, 1 field, read and rewritten', requestRound(SMALL_REQUEST, true)],
  ['request, 12 fields, read', requestRound(BROWSER_REQUEST, false)],
  ['request, 12 fields, read and rewritten', requestRound(BROWSER_REQUEST, true)],
  ['response, 1 field, read', responseRound(SMALL_RESPONSE, false)],
  ['response, 1 field, read and rewritten', responseRound(SMALL_RESPONSE, true)],
  ['response, 12 fields, read', responseRound(SERVER_RESPONSE, false)],
  ['response, 12 fields, read and rewritten', responseRound(SERVER_RESPONSE, true)],
];

const times = new Map<string, number[]>(cases.map(([name]) => [name, []]));
for (const [, run] of cases) for (let i = 0; i < 30_000; i++) run();
for (let round = 0; round < rounds; round++) {
  for (const [name, run] of round % 2 === 0 ? cases : cases.toReversed()) {
    const start = process.cpuUsage();
    for (let i = 0; i < heads; i++) run();
    const { user, system } = process.cpuUsage(start);
    times.get(name)?.push((user + system) / heads);
  }
}
for (const [name, all] of times) {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN).toFixed(2);
  console.log(`${name.padEnd(42)} ${at(0.5)} µs (${at(0)}–${at(1)})`);
}
if (bytesOut === 0) throw new Error('nothing was written');
