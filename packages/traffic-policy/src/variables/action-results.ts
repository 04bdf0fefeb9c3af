import { type PlainRecordType, plainRecord } from '../expressions/record-type.ts';
import { TLS_FIELDS } from './connection-variables.ts';

/**
 * What an action leaves behind for later rules, as `actions.ngrok.<name>`: the last run of that action in this phase
 * wins. Plain objects with these fields; numbers may be plain numbers.
 */
export interface ActionResult {
  readonly [field: string]: unknown;
}

const ERROR = plainRecord('ActionError', { code: 'string', message: 'string' });
const IDENTITY = plainRecord('Identity', {
  id: 'string',
  email: 'string',
  name: 'string',
  provider_user_id: 'string',
  current_provider_session_id: 'string',
  current_session_id: 'string',
});
const SESSION_FIELDS = {
  error: ERROR,
  identity: IDENTITY,
  access_token: 'string',
  refresh_token: 'string',
  expires_at: 'string',
  session_timed_out: 'bool',
  session_max_duration_reached: 'bool',
  userinfo_refreshed: 'bool',
};
const HTTP_REQUEST = plainRecord('SentRequest', {
  method: 'string',
  header: 'map<string, list<string>>',
  url: 'string',
  body: 'string',
});
const HTTP_RESPONSE = plainRecord('ReceivedResponse', {
  resolved_ip: 'string',
  header: 'map<string, list<string>>',
  status_code: 'int',
  time_ms: 'int',
  body: 'string',
});

/** `last_attempt` of the `retry_condition` of http-request. */
export const LAST_ATTEMPT = plainRecord('LastAttempt', { req: HTTP_REQUEST, res: HTTP_RESPONSE, error: 'string' });

const record = (name: string, fields: Parameters<typeof plainRecord>[1]): PlainRecordType =>
  plainRecord(`Result_${name}`, { error: ERROR, ...fields });

/** By the name that expressions use: hyphens are underscores; `openid-connect` is `oidc`. */
export const RESULT_TYPES = {
  add_headers: record('add_headers', { headers_added: 'map<string, string>' }),
  remove_headers: record('remove_headers', { headers_removed: 'list<string>' }),
  basic_auth: record('basic_auth', {
    credentials: plainRecord('BasicAuthCredentials', { presented: 'bool', username: 'string', authorized: 'bool' }),
  }),
  circuit_breaker: record('circuit_breaker', { open: 'bool' }),
  compress: record('compress', { already_compressed: 'bool', negotiated_algorithm: 'string' }),
  compress_response: record('compress_response', { already_compressed: 'bool', negotiated_algorithm: 'string' }),
  custom_response: record('custom_response', {}),
  deny: record('deny', {}),
  close_connection: record('close_connection', {}),
  forward_internal: record('forward_internal', { url: 'string' }),
  http_request: record('http_request', {
    attempts: 'list<dyn>',
    req: HTTP_REQUEST,
    res: HTTP_RESPONSE,
  }),
  jwt_validation: record('jwt_validation', { tokens: 'list<dyn>' }),
  log: record('log', { metadata: 'map<string, dyn>' }),
  oauth: record('oauth', SESSION_FIELDS),
  oidc: record('oidc', { ...SESSION_FIELDS, identity_token: 'string' }),
  rate_limit: record('rate_limit', { bucket_key: 'string', limited: 'bool' }),
  redirect: record('redirect', { matches: 'list<string>', url: 'string' }),
  request_body_find_replace: record('request_body_find_replace', { replacements: 'int' }),
  response_body_find_replace: record('response_body_find_replace', { replacements: 'int' }),
  restrict_ips: record('restrict_ips', { action: 'string', matched_cidr: 'string' }),
  set_vars: record('set_vars', {}),
  sse_find_replace: record('sse_find_replace', { replacements: 'int' }),
  terminate_tls: record('terminate_tls', {
    ...TLS_FIELDS,
    error_code: 'string',
    error_message: 'string',
    warnings: 'list<string>',
  }),
  url_rewrite: record('url_rewrite', { matches: 'list<string>', url: 'string' }),
  verify_webhook: record('verify_webhook', { verified: 'bool' }),
} as const satisfies Record<string, PlainRecordType>;

export type ResultName = keyof typeof RESULT_TYPES;

const NGROK = plainRecord('NgrokActions', RESULT_TYPES);
export const ACTIONS = plainRecord('Actions', { ngrok: NGROK });
