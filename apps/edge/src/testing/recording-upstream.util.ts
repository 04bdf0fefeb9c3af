import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** One request as the upstream saw it. */
export interface RecordedRequest {
  readonly line: string;
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  body: string;
  trailers: (readonly [name: string, value: string])[];
  /** Whole, or broken off by the end of the connection. */
  state: 'open' | 'whole' | 'aborted';
}

/**
 * An upstream that is stricter than the edge: it knows only what the edge may write, in one spelling, with regular
 * expressions that anybody can check. Anything else is a violation, and the connection is closed.
 */
export class RecordingUpstream {
  readonly requests: RecordedRequest[] = [];
  readonly violations: string[] = [];
  /** The answer to a whole request; by default its method and target. Null: none. */
  answer: (request: RecordedRequest, socket: Socket) => string | Buffer | null = (request) => {
    const body = `${request.method} ${request.target}`;
    return `HTTP/1.1 200 OK\r\ncontent-length: ${request.method === 'HEAD' ? 0 : body.length}\r\n\r\n${request.method === 'HEAD' ? '' : body}`;
  };
  readonly sockets = new Set<Socket>();
  readonly #server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
  readonly #waiters: (() => void)[] = [];

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves once the condition holds; it is looked at after every event here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  find(target: string): RecordedRequest | undefined {
    return this.requests.find((request) => request.target === target);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.sockets.add(socket);
    let bytes: Buffer = Buffer.alloc(0);
    let request: RecordedRequest | null = null;
    let left: number | 'chunks' = 0;
    const changed = (): void => {
      for (const wake of this.#waiters.splice(0)) wake();
    };
    const violate = (what: string): void => {
      this.violations.push(what);
      socket.destroy();
      changed();
    };
    const finish = (): void => {
      if (request === null) return;
      request.state = 'whole';
      const answer = this.answer(request, socket);
      request = null;
      if (answer !== null) socket.write(answer);
    };
    const step = (): boolean => {
      if (request === null) {
        const end = bytes.indexOf('\r\n\r\n');
        if (end === -1) return false;
        const parsed = parseHead(bytes.toString('latin1', 0, end));
        bytes = bytes.subarray(end + 4);
        if (typeof parsed === 'string') {
          violate(parsed);
          return false;
        }
        request = parsed.request;
        this.requests.push(request);
        left = parsed.framing;
        if (left === 0) finish();
        return true;
      }
      if (left === 'chunks') {
        const end = bytes.indexOf('\r\n');
        if (end === -1) return false;
        const line = bytes.toString('latin1', 0, end);
        if (!/^(0|[1-9a-f][0-9a-f]*)$/.test(line)) {
          violate(`chunk size line ${JSON.stringify(line)}`);
          return false;
        }
        const size = Number.parseInt(line, 16);
        if (size === 0)
          return this.#readTrailers(request, bytes, end + 2, violate, (rest) => {
            bytes = rest;
            left = 0;
            finish();
          });
        if (bytes.length < end + 2 + size + 2) return false;
        if (bytes.toString('latin1', end + 2 + size, end + 4 + size) !== '\r\n') {
          violate('chunk without its end');
          return false;
        }
        request.body += bytes.toString('latin1', end + 2, end + 2 + size);
        bytes = bytes.subarray(end + 4 + size);
        return true;
      }
      const piece = bytes.subarray(0, left);
      if (piece.length === 0) return false;
      request.body += piece.toString('latin1');
      left -= piece.length;
      bytes = bytes.subarray(piece.length);
      if (left === 0) finish();
      return true;
    };
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (!socket.destroyed && step());
      changed();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.sockets.delete(socket);
      if (request !== null) request.state = 'aborted';
      else if (bytes.length > 0)
        this.violations.push(`bytes that are no request: ${JSON.stringify(bytes.toString('latin1').slice(0, 100))}`);
      changed();
    });
  }

  #readTrailers(
    request: RecordedRequest,
    bytes: Buffer,
    from: number,
    violate: (what: string) => void,
    done: (rest: Buffer) => void,
  ): boolean {
    const text = bytes.toString('latin1', from);
    if (text.startsWith('\r\n')) {
      done(bytes.subarray(from + 2));
      return true;
    }
    const end = text.indexOf('\r\n\r\n');
    if (end === -1) return false;
    const fields = parseFields(text.slice(0, end).split('\r\n'));
    if (typeof fields === 'string') {
      violate(`trailer: ${fields}`);
      return false;
    }
    const forbidden = fields.find(([name]) =>
      /^(content-length|transfer-encoding|host|authorization|cookie|x-forwarded-.*|forwarded|ngrok-.*)$/i.test(name),
    );
    if (forbidden !== undefined) {
      violate(`trailer ${forbidden[0]}`);
      return false;
    }
    request.trailers = fields;
    done(bytes.subarray(from + end + 4));
    return true;
  }
}

function parseHead(text: string): { request: RecordedRequest; framing: number | 'chunks' } | string {
  const [line = '', ...lines] = text.split('\r\n');
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(line);
  if (match === null) return `request line ${JSON.stringify(line)}`;
  const [, method = '', target = ''] = match;
  if (/^(connect|trace)$/i.test(method)) return `method ${method}`;
  const fields = parseFields(lines);
  if (typeof fields === 'string') return fields;
  const all = (name: string): string[] =>
    fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
  for (const [name] of fields) {
    if (/_/.test(name) && /^(x_forwarded|x_real|content_length|transfer_encoding|host)/i.test(name))
      return `disguised ${name}`;
    if (
      /^(keep-alive|proxy-(connection|authenticate|authorization)|http2-settings|ngrok-error-code|portico-.*)$/i.test(
        name,
      )
    )
      return `field ${name}`;
  }
  if (all('host').length !== 1) return 'not exactly one Host';
  if (!/^[a-z0-9.-]+(:[0-9]+)?$/i.test(all('host')[0] ?? '')) return `host ${all('host')[0]}`;
  if (all('x-forwarded-for').length !== 1) return 'not exactly one X-Forwarded-For';
  if (all('te').some((value) => value !== 'trailers')) return 'TE';
  const lengths = all('content-length');
  const codings = all('transfer-encoding');
  if (lengths.length + codings.length > 1) return 'two framings';
  if (lengths.length === 1 && !/^(0|[1-9][0-9]{0,15})$/.test(lengths[0] ?? '')) return `length ${lengths[0]}`;
  if (codings.length === 1 && codings[0] !== 'chunked') return `coding ${codings[0]}`;
  const request: RecordedRequest = { line, method, target, fields, body: '', trailers: [], state: 'open' };
  return { request, framing: codings.length === 1 ? 'chunks' : Number(lengths[0] ?? 0) };
}

function parseFields(lines: string[]): (readonly [string, string])[] | string {
  const fields: (readonly [string, string])[] = [];
  for (const line of lines) {
    const match =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)$/.exec(
        line,
      );
    if (match === null) return `field line ${JSON.stringify(line)}`;
    fields.push([match[1] ?? '', match[2] ?? '']);
  }
  return fields;
}
