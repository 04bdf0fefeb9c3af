import type { Endpoint, EndpointProto } from '../endpoint/endpoint.ts';
import { type CloudMember, UrlSlots } from '../endpoint/url-slots.ts';

/** Finds the endpoint of a host name or port: the exact name, else the longest wildcard above it. */
export class Router {
  readonly #hosts: Record<'http' | 'https' | 'tls', UrlSlots>;
  /** By port, with no host. */
  readonly #ports: UrlSlots;

  constructor(options: { random?: () => number } = {}) {
    this.#hosts = { http: new UrlSlots(options), https: new UrlSlots(options), tls: new UrlSlots(options) };
    this.#ports = new UrlSlots(options);
  }

  /** `hostname` lower case, without port or trailing dot. */
  findHttp(scheme: 'http' | 'https', hostname: string): Endpoint | null {
    return this.#hosts[scheme].find('', hostname);
  }

  findTls(serverName: string): Endpoint | null {
    return this.#hosts.tls.find('', serverName);
  }

  findTcp(port: number): Endpoint | null {
    return this.#ports.find(`${port}`, '');
  }

  /** Puts the endpoint on its name or port, beside those who share it. */
  add(endpoint: Endpoint): void {
    if (endpoint.proto === 'tcp') this.#ports.addBound(`${endpoint.port}`, endpoint);
    else this.#hosts[endpoint.proto].addBound('', endpoint);
  }

  /** True if it was there. */
  remove(endpoint: Endpoint): boolean {
    if (endpoint.proto === 'tcp') return this.#ports.removeBound(`${endpoint.port}`, endpoint);
    return this.#hosts[endpoint.proto].removeBound('', endpoint);
  }

  /** Puts an endpoint of the cloud on its name, beside what agents serve there. */
  addCloud(endpoint: CloudMember): void {
    if (endpoint.proto === 'tcp') this.#ports.addCloud(`${endpoint.port}`, endpoint);
    else this.#hosts[endpoint.proto].addCloud('', endpoint);
  }

  removeCloud(endpoint: CloudMember, at: { proto: EndpointProto; host: string; port: number }): void {
    if (at.proto === 'tcp') this.#ports.removeCloud(`${at.port}`, '', endpoint);
    else this.#hosts[at.proto].removeCloud('', at.host, endpoint);
  }

  get size(): number {
    const { http, https, tls } = this.#hosts;
    return http.size + https.size + tls.size + this.#ports.size;
  }
}
