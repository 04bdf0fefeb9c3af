import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { HttpTarget } from '../contestants/contestant.ts';
import { underWay } from './under-way.ts';

/** Opens a connection to a target, TLS where it has a certificate. */
export function open(target: HttpTarget): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket =
      target.ca === null
        ? connectTcp(target.port, '127.0.0.1')
        : connectTls({
            port: target.port,
            host: '127.0.0.1',
            servername: target.host,
            ca: target.ca,
            session: undefined,
          });
    underWay(socket);
    socket.setNoDelay(true);
    // Between two requests nobody else listens; the next request finds it closed.
    socket.on('error', () => {});
    const onClose = (): void => reject(new Error('the connection was closed before it was open'));
    socket.once(target.ca === null ? 'connect' : 'secureConnect', () => {
      socket.off('error', reject);
      socket.off('close', onClose);
      resolve(socket);
    });
    socket.once('error', reject);
    socket.once('close', onClose);
  });
}

export interface RawRequest {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly body?: Buffer;
  readonly close?: boolean;
}

/**
 * One request on a connection that nobody else uses meanwhile.
 * @returns the body of a 200 with a Content-Length or chunks. @throws for anything else, with what is wrong
 */
export function ask(
  socket: Socket,
  host: string,
  { method = 'GET', path, body, close = false }: RawRequest,
): Promise<Buffer> {
  const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${close ? 'Connection: close\r\n' : ''}${
    body === undefined ? '' : `Content-Length: ${body.length}\r\n`
  }\r\n`;
  return new Promise((resolve, reject) => {
    if (socket.destroyed) {
      reject(new Error('the connection was closed before the request'));
      return;
    }
    const answer = new Answer();
    const done = (error: Error | null): void => {
      socket.off('data', onData);
      socket.off('error', onError);
      socket.off('close', onClose);
      if (error === null) resolve(answer.body());
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      const state = answer.push(chunk);
      if (state !== 'more') done(state === 'whole' ? null : new Error(state.fault));
    };
    const onError = (error: Error): void => done(error);
    const onClose = (): void => done(new Error('the connection was closed before the answer was whole'));
    socket.on('data', onData);
    socket.on('error', onError);
    socket.on('close', onClose);
    if (body === undefined) socket.write(head);
    else {
      socket.cork();
      socket.write(head);
      socket.write(body);
      socket.uncork();
    }
  });
}

/** Reads one answer. Just enough HTTP to know that it is whole, and exactly as long as it says. */
class Answer {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #wanted: number | null = null;
  #headBytes = 0;
  #chunked = false;

  push(chunk: Buffer): 'more' | 'whole' | { fault: string } {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#headBytes === 0) {
      const all = this.#joined();
      const end = all.indexOf('\r\n\r\n');
      if (end === -1) return 'more';
      const head = all.toString('latin1', 0, end);
      if (!/^HTTP\/1\.1 200 /.test(head)) return { fault: head.split('\r\n')[0] ?? '' };
      this.#headBytes = end + 4;
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      this.#chunked = /\r\ntransfer-encoding: *chunked/i.test(head);
      if (length === undefined && !this.#chunked) return { fault: 'an answer without length' };
      this.#wanted = length === undefined ? null : Number(length);
    }
    if (this.#wanted !== null) {
      const missing = this.#headBytes + this.#wanted - this.#bytes;
      if (missing < 0) return { fault: 'bytes behind the answer' };
      return missing === 0 ? 'whole' : 'more';
    }
    const last = this.#joined();
    return last.subarray(-5).equals(LAST_CHUNK) ? 'whole' : 'more';
  }

  body(): Buffer {
    const rest = this.#joined().subarray(this.#headBytes);
    if (!this.#chunked) return rest;
    const pieces: Buffer[] = [];
    for (let at = 0; ; ) {
      const lineEnd = rest.indexOf('\r\n', at);
      const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16);
      if (!(size > 0)) return Buffer.concat(pieces);
      pieces.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size));
      at = lineEnd + 4 + size;
    }
  }

  #joined(): Buffer {
    const [only] = this.#chunks;
    if (only !== undefined && this.#chunks.length === 1) return only;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n');
