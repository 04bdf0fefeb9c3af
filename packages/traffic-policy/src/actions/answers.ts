import type { HeaderTemplate, RegexTemplate } from '../document/config-reader.ts';
import type { Template } from '../expressions/template.ts';
import { always, defineAction, never } from './action-definition.ts';

export interface CustomResponseConfig {
  readonly statusCode: number;
  readonly body: Template | null;
  readonly headers: readonly HeaderTemplate[];
}

export const customResponse = defineAction({
  type: 'custom-response',
  phases: ['on_http_request', 'on_http_response'],
  ends: always,
  read: (config): CustomResponseConfig => {
    const statusCode = config.integer('status_code', { min: 200, max: 599, fallback: 200 });
    const body = config.template('body', { max: 65_536 });
    if (body !== null && body.source !== '' && (statusCode === 204 || statusCode === 304)) {
      config.problem(2204, 'body', { reason: `an answer with the status ${statusCode} has no body` });
    }
    return { statusCode, body, headers: config.headers('headers', { max: 10, refused: FRAMING }) };
  },
});

/** What the edge alone decides: how the answer is framed and whether the connection goes on. */
const FRAMING = ['content-length', 'transfer-encoding', 'connection', 'upgrade', 'trailer', 'keep-alive'];

export interface DenyConfig {
  readonly statusCode: number;
}

export const deny = defineAction({
  type: 'deny',
  phases: ['on_tcp_connect', 'on_http_request'],
  ends: always,
  read: (config): DenyConfig => ({ statusCode: config.integer('status_code', { min: 400, max: 599, fallback: 403 }) }),
});

export type CloseConnectionConfig = Readonly<Record<string, never>>;

export const closeConnection = defineAction({
  type: 'close-connection',
  phases: ['on_tcp_connect', 'on_http_request'],
  ends: always,
  read: (): CloseConnectionConfig => ({}),
});

export interface RedirectConfig {
  /** Null: the whole URL is replaced. */
  readonly from: RegexTemplate | null;
  readonly to: Template;
  readonly statusCode: number;
  readonly headers: readonly HeaderTemplate[];
}

export const redirect = defineAction({
  type: 'redirect',
  phases: ['on_http_request'],
  // It ends the phase only when the URL changes.
  ends: never,
  read: (config): RedirectConfig => {
    const from = config.regex('from', false);
    const to = config.requiredTemplate('to', { max: 8_192 });
    const code = config.choice('status_code', ['301', '302', '303', '307', '308'], '302');
    const headers = config.headers('headers', { max: 10, refused: [...FRAMING, 'location'] });
    return { from, to, statusCode: Number(code), headers };
  },
});

export interface UrlRewriteConfig {
  readonly from: RegexTemplate | null;
  readonly to: Template;
}

export const urlRewrite = defineAction({
  type: 'url-rewrite',
  phases: ['on_http_request'],
  ends: never,
  read: (config): UrlRewriteConfig => ({
    from: config.regex('from', false),
    to: config.requiredTemplate('to', { max: 8_192 }),
  }),
});
