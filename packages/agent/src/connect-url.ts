import { isIP } from 'node:net';
import { AgentError } from './agent-error.ts';

/** The address that agents dial. `text` is `host:port` as it is stored and shown. */
export interface ConnectUrl {
  readonly host: string;
  readonly port: number;
  readonly text: string;
}

/**
 * Reads `host:port`, `[v6]:port` or `host` (port 443); `https://` or `tls://` before it and one slash behind it are
 * forgiven, as people paste them. Throws an AgentError of kind `usage`.
 */
export function parseConnectUrl(text: string): ConnectUrl {
  const refuse = (reason: string): AgentError =>
    new AgentError(
      'usage',
      `The connect URL "${text}" is not accepted: ${reason}.\nAccepted: host:port, as in connect.example.com:443.`,
    );
  const bare = text
    .trim()
    .replace(/^(https|tls):\/\//i, '')
    .replace(/\/$/, '');
  if (bare === '') throw refuse('it is empty');
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s@?#]+))(?::(\d{1,5}))?$/.exec(bare);
  if (match === null) throw refuse('it is not a host and a port');
  const host = match[1] ?? match[2] ?? '';
  if (match[1] !== undefined && isIP(host) !== 6) throw refuse(`[${host}] is no IPv6 address`);
  if (isIP(host) === 0 && !/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\.?$/i.test(host))
    throw refuse(`"${host}" is no host name`);
  const port = Number(match[3] ?? '443');
  if (port < 1 || port > 65_535) throw refuse('a port is a number from 1 to 65535');
  return { host, port, text: `${isIP(host) === 6 ? `[${host}]` : host}:${port}` };
}
