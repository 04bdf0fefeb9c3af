export {
  Agent,
  type AgentEvents,
  type AgentOptions,
  type AgentState,
  type CloseOptions,
  type ConnectionInfo,
  connectAgent,
} from './agent.ts';
export { AgentError, type AgentErrorKind } from './agent-error.ts';
export type { AgentLog, LogFields, LogLevel } from './agent-log.ts';
export type { SessionInfo } from './agent-session.ts';
export { type EndpointOptions, type EndpointProto, wantedBind } from './bind-request.ts';
export { type Clock, systemClock } from './clock.ts';
export { type ConnectUrl, parseConnectUrl } from './connect-url.ts';
export type { ConnectionFigures } from './connection-counters.ts';
export { type DialServerOptions, dialServer } from './dial-server.ts';
export type { AgentEndpoint, EndpointEnd } from './endpoint.ts';
export type { Exchange } from './http-tap.ts';
export type { ConnectionHandler, VisitorConnection } from './listener.ts';
export { readSentChain } from './sent-chain.ts';
export { parseUpstreamAddress, type UpstreamAddress, type UpstreamProto } from './upstream-address.ts';
