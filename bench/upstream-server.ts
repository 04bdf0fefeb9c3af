/** The part of the upstream that nginx cannot be: `node upstream-server.ts LIVE_PORT TCP_PORT WWW`. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';

const [livePort = '', tcpPort = '', www = ''] = process.argv.slice(2);

const files = new Map(['/1k', '/1m'].map((path) => [path, readFileSync(join(www, path))]));
const listeners = new Set<ServerResponse>();

const server = createServer({ keepAliveTimeout: 600_000, noDelay: true }, (request, response) => {
  // nginx in front takes `/live` off.
  const path = (request.url ?? '').replace(/^\/live/, '');
  const file = files.get(path);
  if (file !== undefined) response.end(file);
  else if (path === '/hash') void answerHash(request, response);
  else if (path === '/events') subscribe(response);
  else if (path === '/send-event') sendEvent(response);
  else {
    request.resume();
    request.on('end', () => response.end('ok\n'));
  }
});
server.requestTimeout = 0;
server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
  const key = request.headers['sec-websocket-key'] ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  echoFrames(socket);
});
server.listen(Number(livePort), '127.0.0.1', 4096);

createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (first: Buffer) => {
    const ask = /^([SU])(\d+)\n/.exec(first.toString('latin1', 0, 32));
    if (ask === null) socket.destroy();
    else if (ask[1] === 'S') send(socket, Number(ask[2]));
    else swallow(socket, first.subarray(ask[0].length), Number(ask[2]));
  });
}).listen(Number(tcpPort), '127.0.0.1', 4096);

async function answerHash(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of request) hash.update(chunk);
  response.end(hash.digest('hex'));
}

function subscribe(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.write(': hello\n\n');
  listeners.add(response);
  response.on('close', () => listeners.delete(response));
}

let events = 0;
function sendEvent(response: ServerResponse): void {
  events += 1;
  const event = `id: ${events}\ndata: ${'e'.repeat(100)}\n\n`;
  for (const listener of listeners) listener.write(event);
  response.end(`${listeners.size}`);
}

/** Client frames up to 64 KiB: unmasks and sends back (RFC 6455). */
function echoFrames(socket: Socket): void {
  let held: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      if (held.length < 6) return;
      let length = (held[1] ?? 0) & 0x7f;
      let at = 2;
      if (length === 126) {
        length = held.readUInt16BE(2);
        at = 4;
      }
      if (held.length < at + 4 + length) return;
      const mask = held.subarray(at, at + 4);
      const body = Buffer.from(held.subarray(at + 4, at + 4 + length));
      for (let i = 0; i < length; i += 1) body[i] = (body[i] ?? 0) ^ (mask[i & 3] ?? 0);
      const opcode = (held[0] ?? 0) & 0xf;
      held = held.subarray(at + 4 + length);
      const head =
        length < 126
          ? Buffer.from([0x80 | opcode, length])
          : Buffer.from([0x80 | opcode, 126, length >> 8, length & 255]);
      socket.write(Buffer.concat([head, body]));
      if (opcode === 8) socket.end();
    }
  });
}

const pattern = Buffer.alloc(65_536, 'The quick brown fox jumps over the lazy dog. ');

function send(socket: Socket, bytes: number): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const piece = pattern.subarray(0, Math.min(left, pattern.length));
      left -= piece.length;
      if (!socket.write(piece)) {
        socket.once('drain', more);
        return;
      }
    }
    socket.end();
  };
  more();
}

/**
 * Says so when all has come; hashing a gigabyte here would become the bottleneck. The sender does not end its side: not
 * every tunnel brings an answer after that.
 */
function swallow(socket: Socket, first: Buffer, wanted: number): void {
  let bytes = 0;
  const take = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes >= wanted) socket.end(`${bytes}\n`);
  };
  socket.on('data', take);
  take(first);
}

process.on('SIGTERM', () => process.exit(0));
