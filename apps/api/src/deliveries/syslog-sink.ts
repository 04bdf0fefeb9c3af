import { lookup } from 'node:dns/promises';
import { isIP, connect as netConnect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { AddressGuard } from '@portico/outgoing';
import type { Envelope } from './envelope.ts';
import { DeliveryError, type Sink } from './sink.ts';

/** local0, informational (RFC 5424 section 6.2.1). */
const PRIORITY = 16 * 8 + 6;
const WAIT_MS = 5_000;
const STANDARD_PORTS = { plain: 601, tls: 6514 };

export interface SyslogTarget {
  /** `host:port`; the port may be left out. */
  readonly address: string;
  readonly tls?: boolean | null | undefined;
}

export interface SyslogOptions {
  readonly guard: AddressGuard;
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  /** Certificates (PEM) to trust beside the usual ones. */
  readonly ca?: readonly string[];
}

/**
 * Messages of RFC 5424 over TCP, or TLS (RFC 5425), framed by octet counting (RFC 6587 section 3.4.1). Syslog has no
 * acknowledgement: what was handed to the network before it broke is not sent again.
 */
export class SyslogSink implements Sink {
  readonly batchMax = 200;
  readonly #target: SyslogTarget;
  readonly #options: SyslogOptions;
  #socket: Socket | null = null;

  constructor(target: SyslogTarget, options: SyslogOptions) {
    this.#target = target;
    this.#options = options;
  }

  async send(events: readonly Envelope[], signal: AbortSignal): Promise<void> {
    this.#socket = this.#socket?.writable === true ? this.#socket : await this.#connect(signal);
    const socket = this.#socket;
    const bytes = Buffer.concat(events.map(syslogFrame));
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => {
        socket.destroy();
        reject(new DeliveryError('failed', `${this.#target.address} closed the connection`));
      };
      const timer = setTimeout(fail, WAIT_MS);
      signal.addEventListener('abort', fail, { once: true });
      socket.once('close', fail);
      socket.write(bytes, (error) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', fail);
        socket.off('close', fail);
        if (error) fail();
        else resolve();
      });
    });
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null || socket.destroyed) return;
    socket.end();
    const timer = setTimeout(() => socket.destroy(), WAIT_MS);
    socket.once('close', () => clearTimeout(timer));
  }

  async #connect(signal: AbortSignal): Promise<Socket> {
    const { address, tls } = this.#target;
    const place = parsePlace(address, tls === true);
    if (place === null) throw new DeliveryError('failed', `${address} is not host:port`);
    const { host, port } = place;
    const addresses = await this.#addressesOf(host);
    for (const found of addresses) {
      if (this.#options.guard.check(found) === 'refused') {
        throw new DeliveryError('failed', `${host} has an address that may not be dialled`);
      }
    }
    const [chosen = ''] = addresses;
    return new Promise((resolve, reject) => {
      const { ca } = this.#options;
      const socket = tls
        ? tlsConnect({
            host: chosen,
            port,
            minVersion: 'TLSv1.2',
            rejectUnauthorized: true,
            ...(isIP(host) === 0 ? { servername: host } : {}),
            ...(ca === undefined || ca.length === 0 ? {} : { ca: [...ca] }),
          })
        : netConnect({ host: chosen, port });
      const fail = (reason: string): void => {
        socket.destroy();
        reject(new DeliveryError('failed', `${host} ${reason}`));
      };
      const timer = setTimeout(() => fail('does not answer'), WAIT_MS);
      const abort = (): void => fail('was given up');
      signal.addEventListener('abort', abort, { once: true });
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        // Whatever it says is thrown away; its end is ours.
        socket.resume();
        resolve(socket);
      });
      socket.on('error', (error) => {
        clearTimeout(timer);
        fail(`cannot be reached (${'code' in error ? String(error.code) : error.name})`);
      });
      socket.once('end', () => socket.destroy());
    });
  }

  async #addressesOf(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host];
    const resolve = this.#options.resolve ?? resolveAll;
    const addresses = await resolve(host).catch(() => []);
    if (addresses.length === 0) throw new DeliveryError('failed', `${host} cannot be resolved`);
    return addresses;
  }
}

/** `LEN SP <PRI>1 TIME HOST APP PROCID MSGID SD SP MSG`; the message is ASCII, so that it needs no byte order mark. */
export function syslogFrame(event: Envelope): Buffer {
  const text = JSON.stringify(event).replace(/[\u007f-\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  const kind = event.event_type.slice(0, 32);
  const message = Buffer.from(`<${PRIORITY}>1 ${event.event_timestamp} portico portico - ${kind} - ${text}`, 'ascii');
  return Buffer.concat([Buffer.from(`${message.length} `, 'ascii'), message]);
}

/** Null when it is no `host:port`. */
export function parsePlace(address: string, tls: boolean): { host: string; port: number } | null {
  const url = URL.parse(`syslog://${address}`);
  if (url === null || url.hostname === '' || url.username !== '' || !['', '/'].includes(url.pathname)) return null;
  if (url.search !== '' || url.hash !== '') return null;
  const standard = tls ? STANDARD_PORTS.tls : STANDARD_PORTS.plain;
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? standard : Number(url.port) };
}

async function resolveAll(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true, verbatim: true })).map(({ address }) => address);
}
