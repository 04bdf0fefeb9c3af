import type { ConfigReader } from '../document/config-reader.ts';
import type { Template } from '../expressions/template.ts';
import { defineAction, never } from './action-definition.ts';

export interface BasicAuthConfig {
  /** `user:password` each; the first colon divides them. */
  readonly credentials: readonly Template[];
  readonly realm: string;
  readonly enforce: boolean;
}

export const basicAuth = defineAction({
  type: 'basic-auth',
  phases: ['on_http_request'],
  ends: never,
  read: (config): BasicAuthConfig => {
    const credentials = config.templateList('credentials', { min: 1, max: 10 });
    for (const { constant } of credentials) if (constant !== null) checkCredential(constant, config);
    const realm = config.text('realm', { max: 128 }) ?? 'ngrok';
    if (!/^[\x20-\x7e]*$/.test(realm)) config.problem(2204, 'realm', { reason: 'it has to be ASCII' });
    return { credentials, realm, enforce: config.boolean('enforce', true) };
  },
});

/** RFC 7617 section 2.1: no control characters, no colon in the user name. */
function checkCredential(credential: string, config: ConfigReader): void {
  const colon = credential.indexOf(':');
  const username = colon === -1 ? credential : credential.slice(0, colon);
  const password = colon === -1 ? '' : credential.slice(colon + 1);
  const shown = username.slice(0, 32);
  if (colon === -1) {
    config.problem(2204, 'credentials', { reason: 'a credential has no colon' }, 'Write user:password.');
  } else if (username === '' || /[\x00-\x1f\x7f]/.test(username)) {
    const reason = username === '' ? 'it is empty' : 'it holds control characters';
    config.problem(2257, 'credentials', { username: shown, reason });
  } else if (password.length < 8 || password.length > 128) {
    const reason = `it has ${password.length} characters; 8 to 128 are needed`;
    config.problem(2258, 'credentials', { username: shown, reason });
  } else if (/[\x00-\x1f\x7f]/.test(password)) {
    config.problem(2258, 'credentials', { username: shown, reason: 'it holds control characters' });
  }
}
