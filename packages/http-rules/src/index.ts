export { type FieldRole, fieldRole } from './field-role.ts';
export { dropFields, getField, getFields, hasField, setField } from './fields.ts';
export { forwardedFields, type Origin } from './forwarded.ts';
export { stripHopByHop } from './hop-by-hop.ts';
export { normaliseHost } from './host.ts';
export {
  DataLength,
  fromHttp2Headers,
  fromHttp2Trailers,
  type Http2Request,
  type Http2Trailers,
} from './http2-request.ts';
export { http2HeaderObject, toHttp2Headers, toHttp2Trailers } from './http2-response.ts';
export { fromHttp2Answer, type Http2Answer, toHttp2Request } from './http2-upstream.ts';
export { stripPlatformFields } from './platform-fields.ts';
export { filterTrailers } from './trailers.ts';
export { upgradeAgreed } from './upgrade.ts';
export {
  appendFraming,
  changedUpstreamRequest,
  policyFields,
  type UpstreamRequest,
  upstreamRequest,
} from './upstream-request.ts';
export {
  type AnswerFraming,
  answerFields,
  answerFraming,
  type VisitorResponse,
  visitorInterim,
  visitorResponse,
} from './visitor-response.ts';
