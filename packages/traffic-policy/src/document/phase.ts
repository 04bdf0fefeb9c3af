/**
 * When rules run: once for a connection, before a request is forwarded, before its answer goes to the visitor, and for
 * each message of an answer that is an event stream.
 */
export const PHASES = ['on_tcp_connect', 'on_http_request', 'on_http_response', 'on_event_stream_message'] as const;
export type Phase = (typeof PHASES)[number];

export const PROTOCOLS = ['http', 'https', 'tcp', 'tls'] as const;
export type EndpointProtocol = (typeof PROTOCOLS)[number];

/** Names of earlier versions of the document, still accepted. */
export const OLDER_PHASE_NAMES: ReadonlyMap<string, Phase> = new Map<string, Phase>([
  ['inbound', 'on_http_request'],
  ['outbound', 'on_http_response'],
  ['Inbound', 'on_http_request'],
  ['Outbound', 'on_http_response'],
]);

export function phasesOf(protocol: EndpointProtocol): readonly Phase[] {
  return protocol === 'http' || protocol === 'https' ? PHASES : ['on_tcp_connect'];
}

export function isPhase(name: string): name is Phase {
  return PHASES.some((phase) => phase === name);
}

export function isProtocol(name: string): name is EndpointProtocol {
  return PROTOCOLS.some((protocol) => protocol === name);
}
