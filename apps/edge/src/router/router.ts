import type { Endpoint, EndpointProto } from '../endpoint/endpoint.ts';
import { type CloudMember, UrlSlots } from '../endpoint/url-slots.ts';

/** Finds the endpoint of a host name or port: the exact name, else the longest wildcard above it. */
export class Router {
  readonly #hosts: Record<'http' | 'https' | 'tls', UrlSlots>;
  readonly #ports = new Map<number, Endpoint>();

  constructor(options: { random?: () => number } = {}) {
    this.#hosts = { http: new UrlSlots(options), https: new UrlSlots(options), tls: new UrlSlots(options) };
  }

  /** `hostname` lower case, without port or trailing dot. */
  findHttp(scheme: 'http' | 'https', hostname: string): Endpoint | null {
    return this.#hosts[scheme].find('', hostname);
  }

  findTls(serverName: string): Endpoint | null {
    return this.#hosts.tls.find('', serverName);
  }

  findTcp(port: number): Endpoint | null {
    return this.#ports.get(port) ?? null;
  }

  /** Puts the endpoint on its name or port, in the place of whatever was there. */
  add(endpoint: Endpoint): void {
    if (endpoint.proto === 'tcp') this.#ports.set(endpoint.port, endpoint);
    else this.#hosts[endpoint.proto].addBound('', endpoint);
  }

  /** Takes it away if it, and not a successor, is there; true if so. */
  remove(endpoint: Endpoint): boolean {
    if (endpoint.proto === 'tcp') {
      return this.#ports.get(endpoint.port) === endpoint && this.#ports.delete(endpoint.port);
    }
    return this.#hosts[endpoint.proto].removeBound('', endpoint);
  }

  /** Puts an endpoint of the cloud on its name, beside what agents serve there. */
  addCloud(endpoint: CloudMember): void {
    if (endpoint.proto === 'tcp') this.#ports.set(endpoint.port, endpoint);
    else this.#hosts[endpoint.proto].addCloud('', endpoint);
  }

  removeCloud(endpoint: CloudMember, at: { proto: EndpointProto; host: string; port: number }): void {
    if (at.proto === 'tcp') {
      if (this.#ports.get(at.port) === endpoint) this.#ports.delete(at.port);
    } else this.#hosts[at.proto].removeCloud('', at.host, endpoint);
  }

  get size(): number {
    const { http, https, tls } = this.#hosts;
    return http.size + https.size + tls.size + this.#ports.size;
  }
}
