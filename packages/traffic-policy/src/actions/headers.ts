import type { HeaderTemplate } from '../document/config-reader.ts';
import { defineAction, never } from './action-definition.ts';

/** Agents and log files go by the user agent that came, so no policy changes it. */
const REFUSED = ['user-agent'];

export interface AddHeadersConfig {
  readonly headers: readonly HeaderTemplate[];
}

export const addHeaders = defineAction({
  type: 'add-headers',
  phases: ['on_http_request', 'on_http_response'],
  ends: never,
  read: (config): AddHeadersConfig => ({ headers: config.headers('headers', { min: 1, max: 10, refused: REFUSED }) }),
});

export interface RemoveHeadersConfig {
  /** Lower-case names. */
  readonly headers: readonly string[];
}

export const removeHeaders = defineAction({
  type: 'remove-headers',
  phases: ['on_http_request', 'on_http_response'],
  ends: never,
  read: (config): RemoveHeadersConfig => ({
    headers: config.headerNames('headers', { min: 1, max: 10, refused: REFUSED }),
  }),
});
