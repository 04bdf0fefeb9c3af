import { isIPv4 } from 'node:net';
import type { Fields } from '@portico/http1';
import { fieldRole, isDisguised } from './field-role.ts';
import { getFields } from './fields.ts';

/** Where a request came from, as the edge knows it. */
export interface Origin {
  /** Peer address, IPv4 or IPv6 without brackets. */
  readonly clientIp: string;
  readonly proto: 'http' | 'https';
  /** Host as the visitor gave it, with its port; '' if there was none. */
  readonly host: string;
  /** Public port of the listener. */
  readonly port: number;
  /** The peer is one of the operator's own proxies. */
  readonly trusted: boolean;
}

/**
 * Says where the request came from (reliability F2). What a visitor claims is removed: X-Forwarded-*, X-Real-IP,
 * Forwarded (RFC 7239) and their `_` spellings. What a trusted peer claims stays, and that peer is appended.
 */
export function forwardedFields({ fields, ...origin }: Origin & { readonly fields: Fields }): Fields {
  const result: Fields = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (fieldRole(name) !== 'forwarded') result.push(name, fields[i + 1] ?? '');
  }
  appendForwarded(result, fields, origin);
  return result;
}

/** Appends to `into` what forwardedFields says; `received` are the fields as they came. */
export function appendForwarded(into: Fields, received: Fields, origin: Origin): void {
  const address = plainAddress(origin.clientIp);
  if (origin.trusted) {
    appendTrusted(into, received, origin, address);
    return;
  }
  into.push('X-Forwarded-For', address, 'X-Forwarded-Proto', origin.proto);
  if (origin.host !== '') into.push('X-Forwarded-Host', origin.host);
  into.push('X-Forwarded-Port', String(origin.port), 'X-Real-IP', address, 'Forwarded', element(origin, address));
}

function appendTrusted(into: Fields, received: Fields, origin: Origin, address: string): void {
  const ours = new Set(['x-forwarded-for', 'forwarded']);
  for (let i = 0; i < received.length; i += 2) {
    const name = received[i] ?? '';
    if (fieldRole(name) !== 'forwarded' || isDisguised(name)) continue;
    const lower = name.toLowerCase();
    if (lower === 'x-forwarded-for' || lower === 'forwarded') continue;
    ours.add(lower);
    into.push(name, received[i + 1] ?? '');
  }
  into.push('X-Forwarded-For', appended(received, 'x-forwarded-for', address));
  if (!ours.has('x-forwarded-proto')) into.push('X-Forwarded-Proto', origin.proto);
  if (!ours.has('x-forwarded-host') && origin.host !== '') into.push('X-Forwarded-Host', origin.host);
  if (!ours.has('x-forwarded-port')) into.push('X-Forwarded-Port', String(origin.port));
  if (!ours.has('x-real-ip')) into.push('X-Real-IP', address);
  into.push('Forwarded', appended(received, 'forwarded', element(origin, address)));
}

function appended(received: Fields, lowerName: string, last: string): string {
  return [...getFields(received, lowerName).filter((value) => value !== ''), last].join(', ');
}

/** `for=192.0.2.1;host=a.test;proto=https`; quoted where the value is no token (RFC 7239 section 4). */
function element({ host, proto }: Origin, address: string): string {
  const node = address.includes(':') ? `"[${address}]"` : address;
  const hostPart = host === '' ? '' : `;host=${host.includes(':') ? `"${host}"` : host}`;
  return `for=${node}${hostPart};proto=${proto}`;
}

/** A listener for both families shows IPv4 peers as `::ffff:192.0.2.1`; everybody expects the plain form. */
function plainAddress(address: string): string {
  if (!address.startsWith('::ffff:')) return address;
  const tail = address.slice(7);
  return isIPv4(tail) ? tail : address;
}
