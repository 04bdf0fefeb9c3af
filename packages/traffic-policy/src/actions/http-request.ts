import type { HeaderTemplate } from '../document/config-reader.ts';
import type { Expression } from '../expressions/expression.ts';
import type { Template } from '../expressions/template.ts';
import { defineAction, never } from './action-definition.ts';
import { isHttpUrl } from './sign-in.ts';

export interface HttpRequestConfig {
  readonly url: Template;
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE' | 'OPTIONS';
  readonly headers: readonly HeaderTemplate[];
  readonly queryParams: readonly { readonly key: Template; readonly value: Template }[];
  readonly body: Template | null;
  /** For all attempts and redirects together. */
  readonly timeoutMs: number;
  /** Sees `attempts` and `last_attempt`; at most three more attempts. */
  readonly retryCondition: Expression | null;
  readonly maxRedirects: number;
  readonly onError: 'continue' | 'halt';
}

export const httpRequest = defineAction({
  type: 'http-request',
  phases: ['on_http_request', 'on_http_response'],
  ends: never,
  read: (config): HttpRequestConfig => {
    const url = config.requiredTemplate('url', { max: 8_192 });
    if (url.constant !== null && url.constant !== '' && !isHttpUrl(url.constant)) {
      config.problem(2226, 'url', { accepted: 'a URL like https://name.internal/path', actual: url.constant });
    }
    const queryParams = config.readers('query_params', { max: 32, code: 2244 }).map((parameter) => {
      const key = parameter.requiredTemplate('key');
      const value = parameter.template('value') ?? parameter.requiredTemplate('value');
      if ((key.constant?.length ?? 0) > 128) parameter.problem(2245, 'key', { max: 128, actual: key.source.length });
      if ((value.constant?.length ?? 0) > 8_192) {
        parameter.problem(2246, 'value', { max: 8_192, actual: value.source.length });
      }
      parameter.finish();
      return { key, value };
    });
    const phase = config.phase === 'on_http_response' ? 'on_http_response' : 'on_http_request';
    return {
      url,
      method: config.choice('method', ['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS'], 'GET'),
      headers: config.headers('headers', { max: 10, refused: ['content-length', 'transfer-encoding', 'connection'] }),
      queryParams,
      body: config.template('body', { max: 65_536 }),
      timeoutMs: config.duration('timeout', { minMs: 1_000, maxMs: 30_000, fallbackMs: 3_000 }),
      retryCondition: config.predicate('retry_condition', `${phase} retry`),
      maxRedirects: config.integer('max_redirects', { min: 0, max: 10, fallback: 0 }),
      onError: config.choice('on_error', ['continue', 'halt'], 'continue'),
    };
  },
});
