import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { OutgoingError } from './outgoing-error.ts';

export interface PinnedRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Buffer | null;
  /** Checked; nothing else is dialled. */
  readonly addresses: readonly string[];
  readonly signal: AbortSignal;
  readonly maxBytes: number;
  readonly ca: readonly string[];
}

export interface PinnedAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly fields: readonly string[];
  readonly body: Buffer;
  readonly address: string;
}

/** What frames or addresses a message is decided here alone. */
const OURS = ['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'expect'];

/**
 * One request over a connection of its own to one of the addresses, its answer read whole.
 * @throws {OutgoingError}; the signal's reason when it is one
 */
export function sendPinned({
  url,
  method,
  headers,
  body,
  addresses,
  signal,
  maxBytes,
  ca,
}: PinnedRequest): Promise<PinnedAnswer> {
  return new Promise((resolve, reject) => {
    const { host } = url;
    const isTls = url.protocol === 'https:';
    const fail = (error: OutgoingError): void => {
      reject(error);
      request.destroy();
    };
    const options: RequestOptions & { servername?: string; rejectUnauthorized?: boolean } = {
      method,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
      path: `${url.pathname}${url.search}`,
      headers: sentHeaders(headers, host, body, method),
      setHost: false,
      lookup: pinnedLookup(addresses),
      // Agents of our own: the global ones may have been given a proxy by the environment.
      agent: isTls ? new HttpsAgent({ keepAlive: false }) : new HttpAgent({ keepAlive: false }),
      maxHeaderSize: 32_768,
      insecureHTTPParser: false,
      signal,
    };
    const request = isTls
      ? requestHttps({
          ...options,
          // Said here because NODE_TLS_REJECT_UNAUTHORIZED would turn it off otherwise.
          rejectUnauthorized: true,
          minVersion: 'TLSv1.2',
          ...(isIP(options.host ?? '') === 0 ? { servername: options.host ?? '' } : {}),
          ...(ca.length > 0 ? { ca: [...rootCertificates, ...ca] } : {}),
        })
      : requestHttp(options);

    let dialled = '';
    request.once('socket', (socket) => {
      socket.once('connect', () => {
        dialled = socket.remoteAddress ?? '';
        // Nothing has been sent at this moment. It cannot happen, unless a Node version dials by itself.
        if (!sameAddress(dialled, addresses)) {
          fail(new OutgoingError('refused-address', `${host} was dialled at an unchecked address`));
        }
      });
    });
    request.once('response', (response) => {
      readBody(response, method, maxBytes).then(
        (bytes) => {
          resolve({
            status: response.statusCode ?? 0,
            statusText: response.statusMessage ?? '',
            fields: response.rawHeaders,
            body: bytes,
            address: dialled,
          });
          request.destroy();
        },
        (error: unknown) =>
          fail(
            error instanceof OutgoingError
              ? error
              : (reasonOf(signal) ?? new OutgoingError('bad-answer', `the answer of ${host} broke off`)),
          ),
      );
    });
    // A listener makes Node hand a 101 over instead of failing; nobody asked for one.
    request.once('upgrade', (_response, socket) => {
      socket.destroy();
      fail(new OutgoingError('bad-answer', `${host} changes the protocol unasked`));
    });
    request.on('error', (error) => fail(reasonOf(signal) ?? describe(error, host)));
    request.end(body ?? undefined);
  });
}

function sentHeaders(headers: Headers, host: string, body: Buffer | null, method: string): Record<string, string> {
  const sent: Record<string, string> = { host, connection: 'close' };
  for (const [name, value] of headers) if (!OURS.includes(name)) sent[name] = value;
  sent['accept-encoding'] ??= 'identity';
  sent['user-agent'] ??= 'portico';
  if (body !== null) sent['content-length'] = String(body.length);
  else if (method !== 'GET' && method !== 'HEAD') sent['content-length'] = '0';
  return sent;
}

function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const list = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    if (options.all === true) callback(null, list);
    else callback(null, list[0]?.address ?? '', list[0]?.family ?? 4);
  };
}

function sameAddress(dialled: string, addresses: readonly string[]): boolean {
  const normal = (address: string): string =>
    isIP(address) === 6 ? new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname : address;
  const wanted = normal(dialled);
  return addresses.some((address) => normal(address) === wanted);
}

async function readBody(response: IncomingMessage, method: string, maxBytes: number): Promise<Buffer> {
  const tooLarge = new OutgoingError('too-large', `the answer is longer than ${maxBytes} bytes`);
  const declared = Number(response.headers['content-length'] ?? 0);
  if (declared > maxBytes && method !== 'HEAD') throw tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

function reasonOf(signal: AbortSignal): OutgoingError | null {
  if (!signal.aborted) return null;
  const { reason } = signal;
  return reason instanceof OutgoingError
    ? reason
    : new OutgoingError('aborted', 'the request was given up', { cause: reason });
}

function describe(error: Error, host: string): OutgoingError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (
    /^(?:ERR_TLS|ERR_SSL|EPROTO$|CERT_|UNABLE_|DEPTH_|SELF_SIGNED|ERR_TLS_CERT)/.test(code) ||
    code === 'HOSTNAME_MISMATCH'
  ) {
    return new OutgoingError('tls-failed', `the certificate or TLS of ${host} cannot be used (${code})`);
  }
  if (code.startsWith('HPE_')) return new OutgoingError('bad-answer', `the answer of ${host} is not HTTP`);
  if (CONNECT_CODES.has(code)) return new OutgoingError('connect-failed', `${host} cannot be reached (${code})`);
  return new OutgoingError('bad-answer', `${host} gave no answer (${code || error.name})`);
}

const CONNECT_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
  'EACCES',
  'EPERM',
]);
