import { type Capture, type ConnectionFigures, groupFields, requestBytes, responseBytes } from '@portico/agent';
import type { Tunnel } from '../tunnels/tunnel-set.ts';

/** The JSON of `ngrok-surface.md` section 3, key by key: scripts read it. */

export function tunnelShape(tunnel: Tunnel): object {
  const { wanted, id, endpoint } = tunnel;
  return {
    name: wanted.name,
    ID: id,
    uri: `/api/tunnels/${encodeURIComponent(wanted.name)}`,
    public_url: endpoint?.url ?? '',
    proto: endpoint?.proto ?? wanted.proto,
    config: { addr: wanted.upstream.text, inspect: isInspected(tunnel) },
    metrics: metricsShape(tunnel),
  };
}

export function endpointShape(tunnel: Tunnel, withMetrics: boolean): object {
  const { wanted, endpoint } = tunnel;
  return {
    name: wanted.name,
    uri: `/api/endpoints/${encodeURIComponent(wanted.name)}`,
    url: endpoint?.url ?? wanted.url ?? '',
    upstream: { url: wanted.upstream.text, protocol: wanted.forwardsProto ?? (wanted.proto === 'http' ? 'http1' : '') },
    inspect: isInspected(tunnel),
    traffic_policy: wanted.trafficPolicy ?? '',
    pooling_enabled: wanted.poolingEnabled ?? false,
    ...(withMetrics ? { metrics: metricsShape(tunnel) } : {}),
  };
}

function isInspected({ wanted }: Tunnel): boolean {
  return wanted.proto === 'http' && wanted.inspect;
}

function metricsShape({ endpoint }: Tunnel): object {
  const { gauge, ...requests } = figuresShape(endpoint?.requests.read() ?? null);
  return { conns: figuresShape(endpoint?.connections.read() ?? null), http: requests };
}

interface FiguresShape {
  readonly count: number;
  readonly gauge: number;
  readonly [figure: string]: number;
}

/** Rates per second, durations in nanoseconds. */
function figuresShape(figures: ConnectionFigures | null): FiguresShape {
  const nanoseconds = (ms: number | null | undefined): number => Math.round((ms ?? 0) * 1e6);
  return {
    count: figures?.total ?? 0,
    gauge: figures?.open ?? 0,
    rate1: figures?.rate1 ?? 0,
    rate5: figures?.rate5 ?? 0,
    rate15: figures?.rate15 ?? 0,
    p50: nanoseconds(figures?.p50Ms),
    p90: nanoseconds(figures?.p90Ms),
    p95: nanoseconds(figures?.p95Ms),
    p99: nanoseconds(figures?.p99Ms),
  };
}

export function requestShape(capture: Capture): object {
  const { request, response } = capture;
  return {
    uri: `/api/requests/http/${capture.id}`,
    id: capture.id,
    tunnel_name: capture.endpoint,
    remote_addr: addressOf(capture.clientIp),
    start: capture.startedAt.toISOString(),
    duration: Math.round((capture.durationMs ?? 0) * 1e6),
    request: {
      method: request.method,
      proto: `HTTP/1.${request.minor}`,
      headers: groupFields(request.fields),
      uri: request.target,
      raw: requestBytes(request).toString('base64'),
    },
    response:
      response === null
        ? null
        : {
            status: `${response.status} ${response.reason}`.trim(),
            status_code: response.status,
            proto: `HTTP/1.${response.minor}`,
            headers: groupFields(response.fields),
            raw: responseBytes(response).toString('base64'),
          },
  };
}

/** `192.0.2.7:4711` as `192.0.2.7`. */
export function addressOf(client: string): string {
  return /^\[?([^\]]*?)\]?:\d+$/.exec(client)?.[1] ?? client;
}

/** What every failure of the local API looks like. */
export interface ErrorShape {
  readonly error_code: number;
  readonly status_code: number;
  readonly msg: string;
  readonly details: { readonly err: string };
}

export function errorShape(status: number, code: number, msg: string, err: string): ErrorShape {
  return { error_code: code, status_code: status, msg, details: { err } };
}
