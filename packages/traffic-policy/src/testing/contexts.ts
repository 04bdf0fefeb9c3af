import type { Phase } from '../document/phase.ts';
import { PolicyScope, type ScopeFacts } from '../expressions/scope.ts';
import type {
  ConnectionContext,
  EndpointContext,
  MessageContext,
  RequestContext,
  ResponseContext,
} from '../variables/contexts.ts';

/** Traffic for tests: a GET over TLS from 203.0.113.7, changed where a test says so. */
export function connection(changes: Partial<ConnectionContext> = {}): ConnectionContext {
  return {
    clientIp: '203.0.113.7',
    clientPort: 50_000,
    serverIp: '198.51.100.1',
    serverPort: 443,
    serverRegion: 'local',
    startedAt: new Date('2026-11-20T10:00:00Z'),
    bytesIn: 10,
    bytesOut: 20,
    tls: null,
    ipFacts: () => null,
    ...changes,
  };
}

export function endpoint(changes: Partial<EndpointContext> = {}): EndpointContext {
  return {
    id: 'ep_2abc',
    url: 'https://demo.portico.localhost',
    host: 'demo.portico.localhost',
    port: 443,
    protocol: 'https',
    ...changes,
  };
}

export function request(changes: Partial<RequestContext> = {}): RequestContext {
  return {
    method: 'GET',
    scheme: 'https',
    authority: 'demo.portico.localhost',
    target: '/',
    version: 'HTTP/1.1',
    fields: ['Host', 'demo.portico.localhost', 'User-Agent', 'curl/8.5.0'],
    trailers: [],
    contentLength: null,
    headerReceivedAt: new Date('2026-11-20T10:00:01Z'),
    bodyReceivedAt: null,
    ...changes,
  };
}

export function response(changes: Partial<ResponseContext> = {}): ResponseContext {
  return { statusCode: 200, fields: ['Content-Type', 'text/html'], trailers: [], contentLength: 5, ...changes };
}

export function message(changes: Partial<MessageContext> = {}): MessageContext {
  return { event: 'message', data: 'hello', id: '', retry: null, ...changes };
}

export function scope(phase: Phase, changes: Partial<ScopeFacts> = {}): PolicyScope {
  return new PolicyScope({
    phase,
    connection: connection(),
    endpoint: endpoint(),
    ...(phase === 'on_tcp_connect' ? {} : { request: request() }),
    ...(phase === 'on_http_response' || phase === 'on_event_stream_message' ? { response: response() } : {}),
    ...(phase === 'on_event_stream_message' ? { message: message() } : {}),
    now: () => new Date('2026-11-20T12:00:00Z'),
    random: () => 0.5,
    ...changes,
  });
}
