import type { Template } from '../expressions/template.ts';
import { defineAction } from './action-definition.ts';

export interface ForwardInternalConfig {
  readonly url: Template;
  readonly onError: 'halt' | 'continue';
}

export const forwardInternal = defineAction({
  type: 'forward-internal',
  phases: ['on_tcp_connect', 'on_http_request'],
  ends: (config: ForwardInternalConfig) => config.onError === 'halt',
  read: (config): ForwardInternalConfig => {
    const url = config.requiredTemplate('url', { max: 2_048 });
    const accepted = config.phase === 'on_tcp_connect' ? TCP_URL : HTTP_URL;
    if (url.constant !== null && url.constant !== '' && !accepted.test(url.constant)) {
      const form = config.phase === 'on_tcp_connect' ? 'tcp://name.internal:port or tls://…' : 'https://name.internal';
      config.problem(2226, 'url', { accepted: `a URL like ${form}`, actual: url.constant });
    }
    return { url, onError: config.choice('on_error', ['halt', 'continue'], 'halt') };
  },
});

const NAME = '(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.){1,4}internal';
const HTTP_URL = new RegExp(`^https?://${NAME}(?::\\d{1,5})?/?$`, 'i');
const TCP_URL = new RegExp(`^(?:tcp|tls)://${NAME}(?::\\d{1,5})?$`, 'i');

/** The scheme, host and port of a target, or null when the text is not one of an internal endpoint. */
export function parseInternalUrl(
  text: string,
): { readonly scheme: string; readonly host: string; readonly port: number } | null {
  if (text.length > 2_048 || !(HTTP_URL.test(text) || TCP_URL.test(text))) return null;
  const [, scheme = '', host = '', port] = /^(\w+):\/\/([^:/]+)(?::(\d+))?/.exec(text.toLowerCase()) ?? [];
  const number = port === undefined ? DEFAULT_PORTS[scheme] : Number(port);
  return number === undefined || number < 1 || number > 65_535 ? null : { scheme, host, port: number };
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, tls: 443 };
