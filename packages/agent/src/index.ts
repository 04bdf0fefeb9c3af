export type { StreamMessage } from '@portico/http1';
export { collectBuffersYoung } from '@portico/muxado';
export {
  Agent,
  type AgentEvents,
  type AgentMemory,
  type AgentOptions,
  type AgentState,
  type CloseOptions,
  type ConnectionInfo,
  connectAgent,
  type ForwardedOptions,
} from './agent.ts';
export { AgentError, type AgentErrorKind } from './agent-error.ts';
export type { AgentLog, LogFields, LogLevel } from './agent-log.ts';
export type { SessionInfo } from './agent-session.ts';
export { type EndpointOptions, type EndpointProto, wantedBind } from './bind-request.ts';
export { Capture, CaptureStore, type CaptureStoreOptions, defaultCaptureBytes } from './capture/capture-store.ts';
export {
  type CapturedMessage,
  type CapturedRequest,
  type CapturedResponse,
  fieldOf,
  groupFields,
  requestBytes,
  responseBytes,
} from './capture/captured-message.ts';
export { type Clock, systemClock } from './clock.ts';
export { type ConnectUrl, parseConnectUrl } from './connect-url.ts';
export type { ConnectionFigures } from './connection-counters.ts';
export type { DialReach } from './dial-reach.ts';
export { type DialServerOptions, dialServer } from './dial-server.ts';
export type { UpstreamTls } from './dial-upstream.ts';
export type { AgentEndpoint, EndpointEnd } from './endpoint.ts';
export type { Finding } from './host-refusal.ts';
export type { Exchange } from './http-tap.ts';
export type { ConnectionHandler, VisitorConnection } from './listener.ts';
export { parseProxyUrl } from './proxy-dial.ts';
export type { ReplayRequest } from './replay.ts';
export {
  type ForwardCall,
  forward,
  type ListenCall,
  listen,
  type ServerOptions,
  type Tunnel,
  TunnelServer,
} from './sdk.ts';
export { readSentChain } from './sent-chain.ts';
export type { TlsKeyPair } from './terminate-tls.ts';
export { parseUpstreamAddress, type UpstreamAddress, type UpstreamProto } from './upstream-address.ts';
