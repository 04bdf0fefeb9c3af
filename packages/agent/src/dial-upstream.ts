import type { LookupAddress } from 'node:dns';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Clock } from './clock.ts';
import { systemCas } from './system-cas.ts';
import type { NetworkAddress } from './upstream-address.ts';

/** What a dialled socket tells. Nothing is called after `onFailed` or `onClosed`. */
export interface UpstreamEvents {
  onConnected(dialMs: number): void;
  /** Terminal, instead of `onConnected`. */
  onFailed(failure: DialFailure): void;
  /** `bytes` lies in a buffer that all sockets share: copy what must live on. False stops reading until `resume()`. */
  onBytes(bytes: Buffer): boolean;
  /** The upstream ended its side; the other direction stays open. */
  onEnded(): void;
  onDrained(): void;
  /** Terminal, after `onConnected`: both sides are over; `error` is null if both ended in order. */
  onClosed(error: NodeJS.ErrnoException | null): void;
}

export interface DialFailure {
  readonly code: 'DIAL_REFUSED' | 'DIAL_TIMEOUT' | 'DIAL_FAILED';
  /** Names the address and the system's word, e.g. `connect ECONNREFUSED 127.0.0.1:3000`. */
  readonly message: string;
  readonly dialMs: number;
}

/** How the certificate of an `https://` or `tls://` upstream is taken. */
export interface UpstreamTls {
  /** False takes any certificate, see UpstreamAddress. */
  readonly verify: boolean;
  /** PEM texts of the CAs to believe; null for those of Node and of the system. */
  readonly ca: readonly string[] | null;
}

export const anyCertificate: UpstreamTls = { verify: false, ca: null };

export interface DialOptions {
  readonly address: NetworkAddress;
  readonly tls: UpstreamTls;
  /** False when the bytes are TLS already (passthrough): a second layer would not be understood. */
  readonly wrapInTls: boolean;
  readonly alpn: 'http/1.1' | 'h2' | null;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Dials an upstream. The caller owns the socket: it ends or destroys it, also while it is being dialled
 * (then nothing more is called).
 */
export function dialUpstream(options: DialOptions, events: UpstreamEvents): Socket {
  const { address, timeoutMs, clock } = options;
  const startedMs = clock.nowMs();
  let state: 'dialling' | 'connected' | 'over' = 'dialling';
  let failure: NodeJS.ErrnoException | null = null;

  const tls = address.kind === 'tls' && options.wrapInTls;
  const socket = tls ? dialTls(address, options, events) : dialPlain(address, events);
  socket.setNoDelay(true);

  const fail = (code: DialFailure['code'], message: string): void => {
    state = 'over';
    cancelTimeout();
    events.onFailed({ code, message, dialMs: Math.round(clock.nowMs() - startedMs) });
  };
  const cancelTimeout = clock.after(timeoutMs, () => {
    if (state !== 'dialling') return;
    fail('DIAL_TIMEOUT', `no answer from ${address.text} within ${timeoutMs / 1000} s`);
    socket.destroy();
  });

  socket.once(tls ? 'secureConnect' : 'connect', () => {
    if (state !== 'dialling') return;
    state = 'connected';
    cancelTimeout();
    rememberLoopback(address, socket);
    events.onConnected(Math.round(clock.nowMs() - startedMs));
  });
  socket.on('end', () => {
    if (state === 'connected') events.onEnded();
  });
  socket.on('drain', () => {
    if (state === 'connected') events.onDrained();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure = error;
    if (state === 'dialling') fail(dialCode(error), dialMessage(error, address));
  });
  socket.once('close', () => {
    cancelTimeout();
    if (state !== 'connected') return;
    state = 'over';
    events.onClosed(failure);
  });
  return socket;
}

/**
 * One buffer for the reads of every dialled socket: a read and its callback are one step of the event loop, so no
 * two ever use it at once. It saves an allocation a read.
 */
const readBuffer = Buffer.allocUnsafeSlow(65_536);

function readInto(events: UpstreamEvents): { buffer: Buffer; callback(length: number): boolean } {
  return { buffer: readBuffer, callback: (length) => events.onBytes(readBuffer.subarray(0, length)) };
}

function dialPlain(address: NetworkAddress, events: UpstreamEvents): Socket {
  const onread = readInto(events);
  if (address.kind === 'unix') return connectTcp({ path: address.path, allowHalfOpen: true, onread });
  const { host, port } = address;
  return connectTcp({
    host,
    port,
    allowHalfOpen: true,
    onread,
    ...(isLocalhost(host) ? localhostDial : {}),
  });
}

function dialTls(
  address: Exclude<NetworkAddress, { kind: 'unix' }>,
  { alpn, tls }: DialOptions,
  events: UpstreamEvents,
): Socket {
  const { host, port } = address;
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    host,
    port,
    rejectUnauthorized: tls.verify,
    ...(tls.verify ? { ca: [...(tls.ca ?? systemCas())] } : {}),
    allowHalfOpen: true,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(alpn === null ? {} : { ALPNProtocols: [alpn] }),
    ...(isLocalhost(host) ? localhostDial : {}),
  };
  const socket = connectTls(options);
  socket.on('data', (bytes: Buffer) => {
    if (!events.onBytes(bytes)) socket.pause();
  });
  return socket;
}

// `localhost` is loopback by definition (RFC 6761 section 6.3). Asking the resolver would take a worker thread for
// every connection. Servers listen on one family or on both: what answered last is tried first.
const loopback: Record<4 | 6, LookupAddress> = {
  4: { address: '127.0.0.1', family: 4 },
  6: { address: '::1', family: 6 },
};
let loopbackFirst: 4 | 6 = 4;

const lookupLoopback: LookupFunction = (_hostname, options, callback) => {
  const order = [loopback[loopbackFirst], loopback[loopbackFirst === 4 ? 6 : 4]];
  const fitting =
    options.family === 4 || options.family === 6 ? order.filter((a) => a.family === options.family) : order;
  if (options.all === true) callback(null, fitting);
  else callback(null, fitting[0]?.address ?? '127.0.0.1', fitting[0]?.family ?? 4);
};

/**
 * Loopback refuses at once or connects; it only takes long when this process has no time to look, and the default of
 * 250 ms would then leave the family that answers for one where nobody listens.
 */
const localhostDial = { lookup: lookupLoopback, autoSelectFamilyAttemptTimeout: 5_000 };

function isLocalhost(host: string): boolean {
  return host.toLowerCase() === 'localhost';
}

function rememberLoopback(address: NetworkAddress, socket: Socket): void {
  if (address.kind === 'unix' || !isLocalhost(address.host)) return;
  // The last one tried is the one that answered; unlike remoteAddress this costs no system call.
  const answered = socket.autoSelectFamilyAttemptedAddresses?.at(-1);
  if (answered !== undefined) loopbackFirst = answered.includes('::1') ? 6 : 4;
}

function dialCode(error: NodeJS.ErrnoException): DialFailure['code'] {
  const codes = allCodes(error);
  // A machine without IPv6 answers EADDRNOTAVAIL for ::1 beside the ECONNREFUSED that tells the story.
  if (codes.includes('ECONNREFUSED')) return 'DIAL_REFUSED';
  return codes.includes('ETIMEDOUT') ? 'DIAL_TIMEOUT' : 'DIAL_FAILED';
}

function dialMessage(error: NodeJS.ErrnoException, address: NetworkAddress): string {
  const told = allErrors(error).find((each) => each.code === 'ECONNREFUSED') ?? allErrors(error)[0] ?? error;
  return told.message === '' ? `${told.code ?? 'error'} ${address.text}` : told.message;
}

function allCodes(error: NodeJS.ErrnoException): (string | undefined)[] {
  return [error.code, ...allErrors(error).map((each) => each.code)];
}

/** Node tries several addresses and throws one AggregateError for them. */
function allErrors(error: NodeJS.ErrnoException): NodeJS.ErrnoException[] {
  return error instanceof AggregateError ? error.errors.filter((each) => each instanceof Error) : [error];
}
