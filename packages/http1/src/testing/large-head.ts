import { RequestParser } from '../request-parser.ts';
import { ResponseParser } from '../response-parser.ts';

// A program for head-memory.test.ts: prints, as JSON, by how much heads of 10 MiB raise the memory of the process.

const MiB = 1024 * 1024;
const piece = Buffer.from(`X-Filler: ${'a'.repeat(1012)}\r\n`.repeat(4), 'latin1');
const lineless = Buffer.alloc(4096, 'a');
let keptBytesMax = 0;

function feed(piece: Buffer): void {
  const request = new RequestParser({ onHead() {}, onBody() {}, onEnd() {}, onError() {} });
  const response = new ResponseParser({ onInterim() {}, onHead() {}, onBody() {}, onEnd() {}, onError() {} });
  request.push(Buffer.from('GET / HTTP/1.1\r\nHost: a.test\r\n'));
  response.expect('GET');
  response.push(Buffer.from('HTTP/1.1 200 OK\r\n'));
  for (let bytes = 0; bytes < 10 * MiB; bytes += piece.length) {
    request.push(piece);
    response.push(piece);
    for (const parser of [request, response]) {
      keptBytesMax = Math.max(keptBytesMax, parser.heldBytes + parser.unfinishedHeadBytes);
    }
  }
}

const collect = globalThis.gc;
if (collect === undefined) throw new Error('run with --expose-gc');
for (let i = 0; i < 100; i++) feed(i % 2 === 0 ? piece : lineless);
collect();
const before = process.memoryUsage().rss;
for (let i = 0; i < 20; i++) feed(i % 2 === 0 ? piece : lineless);
const rssGrowth = process.memoryUsage().rss - before;
console.log(JSON.stringify({ rssGrowth, keptBytesMax }));
