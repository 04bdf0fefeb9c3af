import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { AgentError } from './agent-error.ts';
import type { Clock } from './clock.ts';
import type { ConnectUrl } from './connect-url.ts';
import { type DialReach, ReachReader } from './dial-reach.ts';
import { systemCas } from './system-cas.ts';

export interface DialServerOptions {
  readonly url: ConnectUrl;
  /** PEM of the CAs to believe; null for those of Node and of the system. There is no way to believe nobody. */
  readonly ca: readonly string[] | null;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A proxy to go through: forms of `parseProxyUrl`. */
  readonly proxyUrl?: string | null;
  /** Told at each step how far the dial came; never through a proxy, which does most of it. */
  onReach?(reach: DialReach): void;
}

/**
 * TCP and TLS to the server, its chain and name verified. The caller owns the socket.
 * Throws an AgentError: `unreachable`, `untrusted`, `protocol` (the port speaks no TLS) or `closed` (aborted).
 */
export async function dialServer(options: DialServerOptions): Promise<TLSSocket> {
  const { proxyUrl = null, timeoutMs, clock, signal, url } = options;
  if (proxyUrl === null) return dialTls(options, null);
  const { dialThroughProxy, parseProxyUrl } = await import('./proxy-dial.ts');
  const proxy = parseProxyUrl(proxyUrl);
  const late = new AbortController();
  const cancelTimeout = clock.after(timeoutMs, () => late.abort());
  try {
    return await dialTls(options, await dialThroughProxy(proxy, url, AbortSignal.any([signal, late.signal])));
  } catch (error) {
    if (signal.aborted) throw new AgentError('closed', 'The agent was closed.');
    if (!late.signal.aborted) throw error;
    throw new AgentError(
      'unreachable',
      `No answer from ${url.text} by the proxy ${proxy.text} within ${timeoutMs / 1000} s.`,
    );
  } finally {
    cancelTimeout();
  }
}

function dialTls(options: DialServerOptions, through: Socket | null): Promise<TLSSocket> {
  const { url, ca, timeoutMs, clock, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      through?.destroy();
      reject(new AgentError('closed', 'The agent was closed.'));
      return;
    }
    const tlsOptions: ConnectionOptions = {
      ...(through === null ? { host: url.host, port: url.port } : { socket: through, host: url.host }),
      // No name is sent for an address (RFC 6066 section 3); the certificate then has to name the address.
      ...(isIP(url.host) === 0 ? { servername: url.host.replace(/\.$/, '') } : {}),
      secureContext: contextOf(ca ?? systemCas()),
    };
    const socket = connect(tlsOptions);
    const { onReach } = options;
    const reach = onReach === undefined || through !== null ? null : new ReachReader(isIP(url.host) !== 0, onReach);
    reach?.follow(socket);
    socket.setNoDelay(true);
    const settle = (): void => {
      cancelTimeout();
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      socket.off('close', onClose);
      socket.off('secureConnect', onSecure);
    };
    const fail = (error: AgentError): void => {
      settle();
      // Whatever it still says is of no interest, but an error without a listener would end the process.
      socket.on('error', () => {});
      socket.destroy();
      through?.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(new AgentError('closed', 'The agent was closed.'));
    const onError = (error: NodeJS.ErrnoException): void => {
      reach?.failed({ kind: 'code', code: innerCode(error) });
      fail(describeDialError(error, url));
    };
    const onClose = (): void => {
      reach?.failed({ kind: 'code', code: 'ECONNRESET' });
      fail(new AgentError('unreachable', `${url.text} closed the connection during the TLS handshake.`));
    };
    const onSecure = (): void => {
      reach?.secured();
      settle();
      resolve(socket);
    };
    const cancelTimeout = clock.after(timeoutMs, () => {
      reach?.failed({ kind: 'timeout' });
      fail(new AgentError('unreachable', `No answer from ${url.text} within ${timeoutMs / 1000} s.`));
    });
    signal.addEventListener('abort', onAbort);
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on('secureConnect', onSecure);
  });
}

const contexts = new WeakMap<readonly string[], SecureContext>();

/** One for each list of CAs: reading the system's anew at each reconnect would cost megabytes until they are collected. */
function contextOf(ca: readonly string[]): SecureContext {
  const known = contexts.get(ca) ?? createSecureContext({ minVersion: 'TLSv1.2', ca: [...ca] });
  contexts.set(ca, known);
  return known;
}

/** Says in words what a dial error means and what to do; the system's own word stays visible. */
export function describeDialError(error: NodeJS.ErrnoException, url: ConnectUrl): AgentError {
  const code = innerCode(error);
  const make = (kind: 'unreachable' | 'untrusted' | 'protocol', text: string): AgentError =>
    new AgentError(kind, text, { cause: error });
  switch (code) {
    case 'ECONNREFUSED':
      return make('unreachable', `${url.text} refuses connections (ECONNREFUSED). Is the server running?`);
    case 'ENOTFOUND':
      return make('unreachable', `DNS knows no address of ${url.host} (ENOTFOUND).`);
    case 'EAI_AGAIN':
      return make('unreachable', `DNS does not answer for ${url.host} (EAI_AGAIN).`);
    case 'ETIMEDOUT':
      return make('unreachable', `No answer from ${url.text} (ETIMEDOUT).`);
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
      return make('unreachable', `There is no network path to ${url.text} (${code}).`);
    case 'ECONNRESET':
    case 'EPIPE':
      return make('unreachable', `${url.text} closed the connection (${code}).`);
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return make('untrusted', `The certificate of ${url.text} is not for this name.\n${error.message}`);
    case 'CERT_HAS_EXPIRED':
      return make('untrusted', `The certificate of ${url.text} has expired, or this machine's clock is wrong.`);
    case 'CERT_NOT_YET_VALID':
      return make(
        'untrusted',
        `The certificate of ${url.text} is not valid yet: this machine's clock is probably wrong.`,
      );
    default:
      break;
  }
  if (code !== undefined && untrustedCodes.has(code)) {
    return make(
      'untrusted',
      `The certificate of ${url.text} comes from a CA that is not trusted here (${code}).\n` +
        `Trust it once: portico config add-connect-url ${url.text} --ca-sha256 FINGERPRINT\n` +
        'The server shows this command with its fingerprint when it starts, and in the dashboard.',
    );
  }
  if (code?.startsWith('ERR_SSL_') === true || code === 'EPROTO') {
    return make(
      'protocol',
      `${url.text} does not speak TLS as an agent port does (${code}).\nIs it the connect port of the server?`,
    );
  }
  return make('unreachable', `The connection to ${url.text} failed: ${error.message || code || 'unknown error'}.`);
}

const untrustedCodes: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'PERMITTED_SUBTREE_VIOLATION',
]);

/** Several addresses tried in vain come as one AggregateError; one that was refused tells more than one without a route. */
function innerCode(error: NodeJS.ErrnoException): string | undefined {
  if (!(error instanceof AggregateError)) return error.code;
  const codes = error.errors.map((each: NodeJS.ErrnoException) => each.code);
  return codes.find((each) => each === 'ECONNREFUSED') ?? codes[0];
}
