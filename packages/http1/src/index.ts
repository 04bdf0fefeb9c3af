export { type Authority, parseAuthority, parseHostname } from './authority.ts';
export { ALLOWED_METHODS, checkRequest, type RequestCheck } from './check-request.ts';
export {
  CHUNK_END,
  encodeChunkHead,
  encodeLastChunk,
  encodeRequestHead,
  encodeResponseHead,
  LAST_CHUNK,
} from './encode.ts';
export { type Fields, isFieldValue, isToken, listElements, trimSpace } from './fields.ts';
export { type BodyKind, CHUNKED, NO_BODY, parseContentLength, UNTIL_CLOSE, upgradeProtocol } from './framing.ts';
export {
  HTTP_TIMERS,
  type HttpTimers,
  REQUEST_LIMITS,
  RESPONSE_LIMITS,
  type RequestLimits,
  type ResponseLimits,
} from './limits.ts';
export { type DeflateAgreement, deflateAgreement, InflateBudget, MessageInflater } from './message-inflater.ts';
export {
  EventReader,
  FrameReader,
  messageBytesMax,
  type ReadMessage,
  type StreamMessage,
} from './message-reader.ts';
export type { RequestHead } from './request-head.ts';
export { RequestParser, type RequestParserOptions, type RequestParserState } from './request-parser.ts';
export type { ResponseHead } from './response-head.ts';
export {
  type Expectation,
  ResponseParser,
  type ResponseParserOptions,
  type ResponseParserState,
} from './response-parser.ts';
export { type FaultPhase, HttpSyntaxError } from './syntax-error.ts';
