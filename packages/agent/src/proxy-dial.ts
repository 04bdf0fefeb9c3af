import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AgentError } from './agent-error.ts';
import type { ConnectUrl } from './connect-url.ts';

/** A proxy on the way to the server. Its text never shows the password. */
export interface ProxyUrl {
  readonly kind: 'http' | 'https' | 'socks5';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly text: string;
}

const defaultPorts = { http: 80, https: 443, socks5: 1080 } as const;

/** Reads `http://[user:password@]host:port`, `https://…` or `socks5://…`. Throws an AgentError of kind `usage`. */
export function parseProxyUrl(text: string): ProxyUrl {
  const refuse = (reason: string): AgentError =>
    new AgentError(
      'usage',
      `The proxy URL is not accepted: ${reason}.\nAccepted: http://host:port or socks5://host:port.`,
    );
  const parsed = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (parsed === null) throw refuse('it is no URL');
  const scheme = parsed.protocol.replace(/:$/, '').replace(/^socks5h$/, 'socks5');
  if (scheme !== 'http' && scheme !== 'https' && scheme !== 'socks5')
    throw refuse(`${scheme}:// is no proxy known here`);
  if (parsed.hostname === '') throw refuse('the host is missing');
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const port = parsed.port === '' ? defaultPorts[scheme] : Number(parsed.port);
  let user: string;
  let password: string;
  try {
    user = decodeURIComponent(parsed.username);
    password = decodeURIComponent(parsed.password);
  } catch {
    throw refuse('its user or password is not percent-encoded');
  }
  return { kind: scheme, host, port, user, password, text: `${scheme}://${parsed.hostname}:${port}` };
}

/**
 * A connection to `url` through the proxy, which resolves the name. The caller owns the socket, and bounds the time by
 * aborting. Throws an AgentError (`unreachable`) that names the proxy.
 */
export async function dialThroughProxy(proxy: ProxyUrl, url: ConnectUrl, signal: AbortSignal): Promise<Socket> {
  const socket = await dialProxy(proxy, signal);
  const onAbort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', onAbort);
  try {
    const reader = new ReplyReader(socket, proxy);
    if (proxy.kind === 'socks5') await askSocks(socket, reader, proxy, url);
    else await askHttp(socket, reader, proxy, url);
    reader.release();
    return socket;
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function dialProxy(proxy: ProxyUrl, signal: AbortSignal): Promise<Socket> {
  const { host, port } = proxy;
  return new Promise((resolve, reject) => {
    const socket =
      proxy.kind === 'https'
        ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}) })
        : connect({ host, port });
    const onAbort = (): void => {
      socket.destroy();
    };
    signal.addEventListener('abort', onAbort);
    const onError = (error: Error): void => {
      signal.removeEventListener('abort', onAbort);
      reject(unreachable(proxy, `cannot be reached: ${error.message}`));
    };
    socket.once('error', onError);
    socket.once(proxy.kind === 'https' ? 'secureConnect' : 'connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

async function askHttp(socket: Socket, reader: ReplyReader, proxy: ProxyUrl, url: ConnectUrl): Promise<void> {
  const login =
    proxy.user === ''
      ? ''
      : `Proxy-Authorization: Basic ${Buffer.from(`${proxy.user}:${proxy.password}`).toString('base64')}\r\n`;
  socket.write(`CONNECT ${url.text} HTTP/1.1\r\nHost: ${url.text}\r\n${login}\r\n`);
  const head = (await reader.until('\r\n\r\n')).toString('latin1');
  const status = /^HTTP\/1\.[01] (\d{3})(.*)/.exec(head);
  if (status?.[1] === '407') throw unreachable(proxy, 'asks for a user and a password, or does not take these (407)');
  if (status?.[1]?.startsWith('2') !== true) {
    throw unreachable(
      proxy,
      `refuses the way to ${url.text} (${status === null ? 'no HTTP answer' : `${status[1]}${status[2]}`})`,
    );
  }
}

/** RFC 1928, with the user and password of RFC 1929. */
async function askSocks(socket: Socket, reader: ReplyReader, proxy: ProxyUrl, url: ConnectUrl): Promise<void> {
  const withLogin = proxy.user !== '';
  socket.write(Buffer.from(withLogin ? [5, 2, 0, 2] : [5, 1, 0]));
  const [, method] = await reader.take(2);
  if (method === 2 && withLogin) {
    const user = Buffer.from(proxy.user).subarray(0, 255);
    const password = Buffer.from(proxy.password).subarray(0, 255);
    socket.write(Buffer.concat([Buffer.from([1, user.length]), user, Buffer.from([password.length]), password]));
    const [, status] = await reader.take(2);
    if (status !== 0) throw unreachable(proxy, 'does not take this user and password');
  } else if (method !== 0) {
    throw unreachable(proxy, 'asks for a user and a password');
  }
  const port = Buffer.from([url.port >> 8, url.port & 0xff]);
  const name = Buffer.from(url.host);
  const address = isIP(url.host) === 4 ? [1, ...url.host.split('.').map(Number)] : [3, name.length, ...name];
  socket.write(Buffer.concat([Buffer.from([5, 1, 0, ...address]), port]));
  const [, reply = 0, , kind = 1] = await reader.take(4);
  if (reply !== 0)
    throw unreachable(proxy, `refuses the way to ${url.text} (${socksReplies[reply] ?? `reply ${reply}`})`);
  const rest = kind === 1 ? 4 : kind === 4 ? 16 : ((await reader.take(1))[0] ?? 0);
  await reader.take(rest + 2);
}

const socksReplies: Readonly<Record<number, string>> = {
  1: 'general failure',
  2: 'not allowed by its rules',
  3: 'network unreachable',
  4: 'host unreachable',
  5: 'connection refused',
  6: 'timed out',
};

const replyBytesMax = 16_384;

/** Reads a proxy's answers off its socket, and gives back what came after them. */
class ReplyReader {
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #wake: (() => void) | null = null;
  #over: AgentError | null = null;
  readonly #onData = (bytes: Buffer): void => {
    this.#held = Buffer.concat([this.#held, bytes]);
    this.#wake?.();
  };
  readonly #onOver = (): void => {
    this.#over = unreachable(this.#proxy, 'closed the connection');
    this.#wake?.();
  };
  readonly #proxy: ProxyUrl;

  constructor(socket: Socket, proxy: ProxyUrl) {
    this.#socket = socket;
    this.#proxy = proxy;
    socket.on('data', this.#onData);
    socket.on('error', this.#onOver);
    socket.on('close', this.#onOver);
  }

  async take(count: number): Promise<Buffer> {
    await this.#wait(() => this.#held.length >= count);
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async until(mark: string): Promise<Buffer> {
    await this.#wait(() => this.#held.includes(mark));
    return this.take(this.#held.indexOf(mark) + mark.length);
  }

  release(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('error', this.#onOver);
    this.#socket.off('close', this.#onOver);
    this.#socket.pause();
    if (this.#held.length > 0) this.#socket.unshift(this.#held);
  }

  async #wait(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      if (this.#over !== null) throw this.#over;
      if (this.#held.length > replyBytesMax) throw unreachable(this.#proxy, 'does not answer as a proxy does');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function unreachable(proxy: ProxyUrl, what: string): AgentError {
  return new AgentError('unreachable', `The proxy ${proxy.text} ${what}.`);
}
