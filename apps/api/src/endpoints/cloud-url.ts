import type { BindProto } from '@portico/api-contract/internal';
import type { CloudAddress } from '@portico/db';
import { isInternalHost, parseHostName, parseInternalHost } from '../names/host-name.ts';

/** Ports of the public listeners, as they stand in URLs. */
export interface PublicPorts {
  readonly http: number;
  readonly https: number;
}

export type ParsedCloudUrl =
  | { readonly kind: 'url'; readonly address: CloudAddress & { readonly proto: BindProto }; readonly internal: boolean }
  | { readonly kind: 'invalid'; readonly reason: string };

const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443, tls: 443 };

/** The URL that a cloud endpoint is made with: scheme, host, and a port where there is one to choose. */
export function parseCloudUrl(text: string, { ports }: { ports: PublicPorts | null }): ParsedCloudUrl {
  const invalid = (reason: string): ParsedCloudUrl => ({ kind: 'invalid', reason });
  const match = /^(https?|tls|tcp):\/\/([^:/?#@\s]+)(?::(\d{1,5}))?\/?$/i.exec(text);
  if (match === null) {
    return invalid('it is not like https://name.host, http://…, tls://… or tcp://host:port');
  }
  const proto = schemeOf(match[1]?.toLowerCase());
  const host = match[2] ?? '';
  const port = match[3] === undefined ? null : Number(match[3]);
  if (port !== null && (port < 1 || port > 65_535)) return invalid('a port is a number from 1 to 65535');
  if (isInternalHost(host.toLowerCase().replace(/\.$/, ''))) {
    const parsed = parseInternalHost(host);
    if (parsed.kind === 'invalid') return parsed;
    const internalPort = port ?? defaultPorts[proto];
    if (internalPort === undefined) return invalid('it needs a port');
    return { kind: 'url', address: { proto, host: parsed.host, port: internalPort }, internal: true };
  }
  if (proto === 'tcp') {
    return port === null
      ? invalid('it needs a port')
      : { kind: 'url', address: { proto, host: '', port }, internal: false };
  }
  const parsed = parseHostName(host);
  if (parsed.kind === 'invalid') return parsed;
  const isPublicPort = port === null || port === defaultPorts[proto] || port === publicPort(proto, ports);
  if (!isPublicPort) return invalid(`${proto}:// endpoints are on the port of the server`);
  return { kind: 'url', address: { proto, host: parsed.host, port: 0 }, internal: false };
}

/** As people write it: without the port where it goes without saying. */
export function cloudUrl({ proto, host, port }: CloudAddress, tcpHost: string, ports: PublicPorts | null): string {
  if (host === '') return `tcp://${tcpHost}:${port}`;
  const shown = port === 0 ? publicPort(proto, ports) : port;
  return shown === null || shown === defaultPorts[proto] ? `${proto}://${host}` : `${proto}://${host}:${shown}`;
}

function publicPort(proto: string, ports: PublicPorts | null): number | null {
  if (ports === null) return null;
  return proto === 'http' ? ports.http : ports.https;
}

function schemeOf(text: string | undefined): BindProto {
  return text === 'http' || text === 'tls' || text === 'tcp' ? text : 'https';
}
