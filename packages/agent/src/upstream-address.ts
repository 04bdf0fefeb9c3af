import { isIP } from 'node:net';
import { fileURLToPath } from 'node:url';
import { AgentError } from './agent-error.ts';

/**
 * Where the agent dials for each stream. `text` is how it is shown and sent as `ForwardsTo`.
 *
 * `tls` is TLS from the agent to the upstream; its certificate is not checked, as for ngrok's `https://` upstreams:
 * the upstream is on this machine or on a network that the person chose, and mostly has a self-made certificate.
 */
export type UpstreamAddress = NetworkAddress | FilesAddress;

export type NetworkAddress =
  | { readonly kind: 'tcp' | 'tls'; readonly host: string; readonly port: number; readonly text: string }
  | { readonly kind: 'unix'; readonly path: string; readonly text: string };

/** A directory that the agent serves itself: `file:///srv/site`. */
export interface FilesAddress {
  readonly kind: 'files';
  readonly path: string;
  readonly text: string;
}

export type UpstreamProto = 'http' | 'tcp' | 'tls';

/**
 * Reads the address forms of the command line and of the configuration file: a port, host:port, a URL, a socket path
 * (`unix:/run/app.sock`). Throws an AgentError of kind `usage` whose text names what is accepted.
 */
export function parseUpstreamAddress(text: string, proto: UpstreamProto): UpstreamAddress {
  const trimmed = text.trim();
  if (trimmed === '') throw refuse(text, proto, 'it is empty');
  if (/^unix:/i.test(trimmed)) return unixAddress(trimmed, proto);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(trimmed)?.[1]?.toLowerCase();
  if (scheme === undefined) return bareAddress(trimmed, proto);
  if (scheme === 'file') return filesAddress(trimmed, proto);
  if (!schemes[proto].includes(scheme)) {
    throw refuse(text, proto, `${scheme}:// is no upstream of this kind of endpoint`);
  }
  return urlAddress(trimmed, scheme, proto);
}

const schemes: Record<UpstreamProto, readonly string[]> = {
  http: ['http', 'https'],
  tcp: ['tcp'],
  tls: ['tls', 'tcp', 'https'],
};

const accepted: Record<UpstreamProto, string> = {
  http: 'a port (3000), host:port, http://host:port, https://host, unix:/path/to.sock or file:///a/directory',
  tcp: 'a port (22), host:port, tcp://host:port or unix:/path/to.sock',
  tls: 'a port (443), host:port, tls://host:port or unix:/path/to.sock',
};

function refuse(text: string, proto: UpstreamProto, reason: string): AgentError {
  return new AgentError(
    'usage',
    `The upstream address "${text}" is not accepted: ${reason}.\nAccepted: ${accepted[proto]}.`,
  );
}

function unixAddress(text: string, proto: UpstreamProto): NetworkAddress {
  const path = text.replace(/^unix:(\/\/(?=\/))?/i, '');
  if (!path.startsWith('/')) throw refuse(text, proto, 'a socket path is absolute');
  // sun_path holds 108 bytes with its closing NUL; a longer one fails at every dial with a message that says nothing.
  if (Buffer.byteLength(path) > 107) throw refuse(text, proto, 'a socket path has at most 107 bytes');
  return { kind: 'unix', path, text: `unix:${path}` };
}

function filesAddress(text: string, proto: UpstreamProto): FilesAddress {
  if (proto !== 'http') throw refuse(text, proto, 'a directory is served over HTTP only');
  let path: string;
  try {
    path = fileURLToPath(text);
  } catch {
    throw refuse(text, proto, 'a directory is named by its whole path, as in file:///srv/site');
  }
  return { kind: 'files', path, text };
}

function bareAddress(text: string, proto: UpstreamProto): UpstreamAddress {
  if (/^\d+$/.test(text)) return networkAddress('localhost', readPort(text, text, proto), null, proto);
  const { host, port } = splitHostPort(text, proto);
  if (port === null) {
    if (proto !== 'http') throw refuse(text, proto, 'the port is missing');
    return networkAddress(host, 80, 'http', proto);
  }
  return networkAddress(host, port, null, proto);
}

function urlAddress(text: string, scheme: string, proto: UpstreamProto): UpstreamAddress {
  const rest = text.slice(scheme.length + 3);
  const authority = rest.replace(/\/$/, '');
  if (/[/?#]/.test(authority)) throw refuse(text, proto, 'it has a path; an upstream is a host and a port');
  if (authority.includes('@')) throw refuse(text, proto, 'it has a user name; an upstream is a host and a port');
  const { host, port } = splitHostPort(authority, proto);
  if (port !== null) return networkAddress(host, port, scheme, proto);
  if (scheme === 'tcp') throw refuse(text, proto, 'the port is missing');
  return networkAddress(host, scheme === 'http' ? 80 : 443, scheme, proto);
}

function networkAddress(host: string, port: number, scheme: string | null, proto: UpstreamProto): UpstreamAddress {
  const shownHost = isIP(host) === 6 ? `[${host}]` : host;
  if (proto === 'tcp') return { kind: 'tcp', host, port, text: `${shownHost}:${port}` };
  if (proto === 'tls') {
    const kind = scheme === 'tls' || scheme === 'https' ? 'tls' : 'tcp';
    return { kind, host, port, text: `${kind === 'tls' ? 'tls://' : ''}${shownHost}:${port}` };
  }
  // A bare 443 means an https service to everyone who types it.
  const kind = scheme === 'https' || (scheme === null && port === 443) ? 'tls' : 'tcp';
  return { kind, host, port, text: `${kind === 'tls' ? 'https' : 'http'}://${shownHost}:${port}` };
}

function splitHostPort(text: string, proto: UpstreamProto): { host: string; port: number | null } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const host = bracketed[1] ?? '';
    if (isIP(host) !== 6) throw refuse(text, proto, `[${host}] is no IPv6 address`);
    return { host, port: bracketed[2] === undefined ? null : readPort(bracketed[2], text, proto) };
  }
  const colons = text.split(':').length - 1;
  if (colons > 1) throw refuse(text, proto, 'an IPv6 address stands in brackets, as in [::1]:3000');
  const [host = '', port] = text.split(':');
  if (host === '' && port === undefined) throw refuse(text, proto, 'the host is missing');
  const name = host === '' ? 'localhost' : host;
  if (!isHost(name)) throw refuse(text, proto, `"${name}" is no host name`);
  return { host: name, port: port === undefined ? null : readPort(port, text, proto) };
}

function isHost(name: string): boolean {
  if (isIP(name) !== 0) return true;
  // `127.1` and `0x7f.1` mean an address to some resolvers and a name to others.
  if (/^[\d.]+$/.test(name)) return false;
  return name.length <= 253 && /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(name);
}

function readPort(digits: string, text: string, proto: UpstreamProto): number {
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port < 1 || port > 65_535) throw refuse(text, proto, 'a port is a number from 1 to 65535');
  return port;
}
