import { TLSSocket } from 'node:tls';
import type { CapturedExchange, LifecycleEvent } from '@portico/api-contract/internal';
import { getField } from '@portico/http-rules';
import type { Fields } from '@portico/http1';
import type { EventsReporter } from '../control/events-reporter.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { cipherSuite } from '../policy/tls-facts.ts';
import type { Exchange, Visitor } from '../proxy/exchange.ts';
import { type PhaseResults, policyDecisions } from './policy-decisions.ts';

export type TrafficEventType = 'http_request_complete.v0' | 'tcp_connection_closed.v0';

type Facts = LifecycleEvent['object'];

/** Never in an event: whoever reads logs could use them. */
const SECRET = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);
const FIELDS_MAX = 60;
const VALUE_CHARACTERS_MAX = 1_024;

export interface ClosedConnection {
  readonly clientIp: string;
  readonly serverName: string | null;
  readonly startedAt: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/**
 * One record for each finished request and connection, for accounts that send them somewhere. They go into the
 * reporter's ring without waiting; while the API is away the oldest are dropped and counted.
 */
export class TrafficEvents {
  readonly #reporter: EventsReporter;
  readonly #wants: (accountId: string, type: TrafficEventType) => boolean;
  readonly #now: () => number;

  constructor(options: {
    reporter: EventsReporter;
    wants: (accountId: string, type: TrafficEventType) => boolean;
    now: () => number;
  }) {
    this.#reporter = options.reporter;
    this.#wants = options.wants;
    this.#now = options.now;
  }

  wants(accountId: string, type: TrafficEventType): boolean {
    return this.#wants(accountId, type);
  }

  /**
   * @param answer fields of the answer; empty when there was none
   * @param results what actions left behind, a phase each
   */
  request(
    record: CapturedExchange,
    { request, visitor }: Exchange,
    { answer, results }: { answer: Fields; results: readonly PhaseResults[] },
  ): void {
    const { accountId, target, host, clientIp, at } = record;
    const query = target.indexOf('?');
    const url = {
      scheme: visitor.scheme,
      host,
      path: query === -1 ? target : target.slice(0, query),
      query: query === -1 ? '' : target.slice(query + 1),
      raw: `${visitor.scheme}://${request.authority}${target}`,
    };
    this.#reporter.report('http_request_complete.v0', accountId, {
      endpoint_id: record.endpointId,
      request_id: record.id,
      duration_ms: record.timing.totalMs,
      error_code: record.errorCode,
      end: record.end,
      conn: {
        client_ip: clientIp,
        server_ip: visitor.serverIp(),
        server_name: visitor.serverName ?? host,
        server_port: visitor.publicPort,
        start_ts: at,
      },
      http: {
        request: {
          method: record.method,
          url,
          headers: shownFields(request.fields),
          user_agent: (getField(request.fields, 'user-agent') ?? '').slice(0, VALUE_CHARACTERS_MAX),
          body_length: record.requestBytes,
        },
        response: {
          status_code: record.status,
          headers: shownFields(answer),
          body_length: record.responseBytes,
        },
      },
      ja4_fingerprint: visitor.arrival.fingerprint?.ja4 ?? null,
      tls: connectionTls(visitor),
      ...policyDecisions(results),
      traffic_policy: { logs: plain(record.policy?.logs ?? []) },
    });
  }

  connection(endpoint: Endpoint, closed: ClosedConnection): void {
    if (!this.#wants(endpoint.accountId, 'tcp_connection_closed.v0')) return;
    this.#reporter.report('tcp_connection_closed.v0', endpoint.accountId, {
      endpoint_id: endpoint.id,
      conn: {
        client_ip: closed.clientIp,
        server_name: closed.serverName ?? endpoint.host,
        server_port: endpoint.port,
        start_ts: new Date(closed.startedAt).toISOString(),
        end_ts: new Date(this.#now()).toISOString(),
        bytes_in: closed.bytesIn,
        bytes_out: closed.bytesOut,
      },
    });
  }
}

/** Null on a plain connection. */
function connectionTls({ arrival, tlsVersion }: Visitor): Facts[string] {
  const { socket } = arrival;
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerX509Certificate();
  return {
    version: tlsVersion,
    cipher_suite: cipherSuite(socket),
    client_cert:
      certificate === undefined
        ? null
        : {
            serial_number: certificate.serialNumber.toLowerCase(),
            subject: { cn: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '' },
          },
  };
}

/** By lower-case name, each with all its values. */
function shownFields(fields: Fields): Record<string, string[]> {
  const shown: Record<string, string[]> = {};
  for (let index = 0; index + 1 < Math.min(fields.length, 2 * FIELDS_MAX); index += 2) {
    const name = (fields[index] ?? '').toLowerCase();
    if (SECRET.has(name)) continue;
    const value = (fields[index + 1] ?? '').slice(0, VALUE_CHARACTERS_MAX);
    // A name such as __proto__ must become an ordinary one.
    const values = Object.hasOwn(shown, name) ? (shown[name] ?? []) : [];
    Object.defineProperty(shown, name, {
      value: [...values, value],
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return shown;
}

/** What a policy logged may hold what JSON does not. */
function plain(logs: readonly unknown[]): Facts[string] {
  try {
    return JSON.parse(
      JSON.stringify(logs, (_name, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
    );
  } catch {
    return [];
  }
}
