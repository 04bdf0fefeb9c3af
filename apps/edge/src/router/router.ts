import type { Endpoint } from '../endpoint/endpoint.ts';

/** Finds the endpoint of a host name or port: the exact name, else the longest wildcard above it. */
export class Router {
  readonly #hosts = {
    http: new Map<string, Endpoint>(),
    https: new Map<string, Endpoint>(),
    tls: new Map<string, Endpoint>(),
  };
  readonly #ports = new Map<number, Endpoint>();

  /** `hostname` lower case, without port or trailing dot. */
  findHttp(scheme: 'http' | 'https', hostname: string): Endpoint | null {
    return findHost(this.#hosts[scheme], hostname);
  }

  findTls(serverName: string): Endpoint | null {
    return findHost(this.#hosts.tls, serverName);
  }

  findTcp(port: number): Endpoint | null {
    return this.#ports.get(port) ?? null;
  }

  /** Puts the endpoint on its name or port, in the place of whatever was there. */
  add(endpoint: Endpoint): void {
    if (endpoint.proto === 'tcp') this.#ports.set(endpoint.port, endpoint);
    else this.#hosts[endpoint.proto].set(endpoint.host, endpoint);
  }

  /** Takes it away if it, and not a successor, is there; true if so. */
  remove(endpoint: Endpoint): boolean {
    if (endpoint.proto === 'tcp') {
      return this.#ports.get(endpoint.port) === endpoint && this.#ports.delete(endpoint.port);
    }
    const table = this.#hosts[endpoint.proto];
    return table.get(endpoint.host) === endpoint && table.delete(endpoint.host);
  }

  get size(): number {
    const { http, https, tls } = this.#hosts;
    return http.size + https.size + tls.size + this.#ports.size;
  }
}

/** `*.x.y` serves `a.x.y` and `b.a.x.y`; the most labels win. */
function findHost(table: Map<string, Endpoint>, hostname: string): Endpoint | null {
  const exact = table.get(hostname);
  if (exact !== undefined) return exact;
  for (let dot = hostname.indexOf('.'); dot !== -1; dot = hostname.indexOf('.', dot + 1)) {
    const wildcard = table.get(`*${hostname.slice(dot)}`);
    if (wildcard !== undefined) return wildcard;
  }
  return null;
}
