import { RequestParser } from '../request-parser.ts';
import { ResponseParser } from '../response-parser.ts';

// A program for head-memory.test.ts: prints, as JSON, by how much heads of 10 MiB raise the memory of the process
// while they come, and how many bytes the parsers kept of them at most.

const KiB = 1024;
const MiB = 1024 * KiB;
let keptBytesMax = 0;
let rssMax = 0;

function feed(headBytes: number, makePiece: () => Buffer): void {
  const request = new RequestParser({ onHead() {}, onBody() {}, onEnd() {}, onError() {} });
  const response = new ResponseParser({ onInterim() {}, onHead() {}, onBody() {}, onEnd() {}, onError() {} });
  request.push(Buffer.from('GET / HTTP/1.1\r\nHost: a.test\r\n'));
  response.expect('GET');
  response.push(Buffer.from('HTTP/1.1 200 OK\r\n'));
  let sincePause = 0;
  for (let bytes = 0; bytes < headBytes; ) {
    // Each piece is memory of its own, as from a socket: who keeps it, keeps 4 KiB more.
    const piece = makePiece();
    bytes += piece.length;
    sincePause += piece.length;
    request.push(piece);
    response.push(piece);
    for (const parser of [request, response]) {
      keptBytesMax = Math.max(keptBytesMax, parser.heldBytes + parser.unfinishedHeadBytes);
    }
    if (sincePause >= 128 * KiB) {
      sincePause = 0;
      collect();
      rssMax = Math.max(rssMax, process.memoryUsage.rss());
    }
  }
}

function collect(): void {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  globalThis.gc();
}

const lines = `X-Filler: ${'a'.repeat(1012)}\r\n`.repeat(4);
const pieces = [(): Buffer => Buffer.from(lines, 'latin1'), (): Buffer => Buffer.alloc(4 * KiB, 'a')];

// Warm up with heads just beyond the limits, so that what the engine itself needs is there.
for (let i = 0; i < 60; i++) for (const makePiece of pieces) feed(128 * KiB, makePiece);
collect();
const before = process.memoryUsage.rss();
rssMax = before;
keptBytesMax = 0;
for (const makePiece of pieces) feed(10 * MiB, makePiece);
console.log(JSON.stringify({ rssGrowth: rssMax - before, keptBytesMax }));
