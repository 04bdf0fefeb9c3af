export * from './auth.ts';
export * from './bind.ts';
export * from './bind-options.ts';
export * from './commands.ts';
export * from './error-text.ts';
export { type JsonFault, JsonScanner } from './json-scanner.ts';
export { MessageError } from './message-fields.ts';
export * from './portico-extra.ts';
export {
  encodeProxyHeader,
  formatClientAddr,
  type HeadResult,
  type ProxyHeader,
  ProxyHeaderReader,
  parseProxyHeader,
} from './proxy-header.ts';
export * from './rpc.ts';
export * from './stream-open.ts';
export * from './stream-type.ts';
export * from './tunnel-state.ts';
export * from './unbind.ts';
