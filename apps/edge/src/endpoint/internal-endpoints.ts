import { BoundEndpoint } from './bound-endpoint.ts';
import type { Endpoint, EndpointProto } from './endpoint.ts';
import { LabelledConnections } from './labelled-endpoint.ts';
import type { CloudMember } from './url-slots.ts';
import { UrlSlots } from './url-slots.ts';

/**
 * Endpoints that only other endpoints of their account reach, by scheme, host and port. No listener leads here: the
 * one way in is `forward-internal` (and `http-request`) of a policy, which names the account by whose it is. Labelled
 * tunnels are there under every scheme and port.
 */
export class InternalEndpoints {
  readonly #slots: UrlSlots;

  constructor(options: { random?: () => number } = {}) {
    this.#slots = new UrlSlots(options);
  }

  find(accountId: string, proto: EndpointProto, host: string, port: number): Endpoint | null {
    const found = this.#slots.find(keyOf(accountId, proto, port), host);
    if (found !== null) return found;
    const labelled = this.#slots.find(labelledKeyOf(accountId), host);
    if (proto === 'http' || proto === 'https' || !(labelled instanceof BoundEndpoint)) return labelled;
    return new LabelledConnections(labelled, { proto, port });
  }

  add(endpoint: Endpoint): void {
    this.#slots.addBound(keyOf(endpoint.accountId, endpoint.proto, endpoint.port), endpoint);
    if (isLabelled(endpoint)) this.#slots.addBound(labelledKeyOf(endpoint.accountId), endpoint);
  }

  remove(endpoint: Endpoint): boolean {
    if (isLabelled(endpoint)) this.#slots.removeBound(labelledKeyOf(endpoint.accountId), endpoint);
    return this.#slots.removeBound(keyOf(endpoint.accountId, endpoint.proto, endpoint.port), endpoint);
  }

  addCloud(endpoint: CloudMember): void {
    this.#slots.addCloud(keyOf(endpoint.accountId, endpoint.proto, endpoint.port), endpoint);
  }

  removeCloud(endpoint: CloudMember, at: { proto: EndpointProto; host: string; port: number }): void {
    this.#slots.removeCloud(keyOf(endpoint.accountId, at.proto, at.port), at.host, endpoint);
  }

  get size(): number {
    return this.#slots.size;
  }
}

function isLabelled(endpoint: Endpoint): boolean {
  return endpoint instanceof BoundEndpoint && endpoint.labels !== null;
}

function labelledKeyOf(accountId: string): string {
  return `${accountId} labelled `;
}

function keyOf(accountId: string, proto: EndpointProto, port: number): string {
  return `${accountId} ${proto}:${port} `;
}
