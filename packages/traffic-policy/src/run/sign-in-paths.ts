import type { Action } from '../actions/catalogue.ts';
import type { SignInConfig } from '../actions/sign-in.ts';
import type { RequestContext } from '../variables/contexts.ts';
import { parseQuery } from '../variables/request-url.ts';

/** The paths that a sign-in action answers itself. */
export const SIGN_IN_PATHS = {
  login: '/ngrok/login',
  logout: '/ngrok/logout',
  callback: '/ngrok/oauth2/callback',
} as const;

export type SignInPath = keyof typeof SIGN_IN_PATHS;

/** Which of them a request is for, of the sign-in of this configuration (`?auth_id=` may name another); else null. */
export function signInPathOf(request: RequestContext, { authId }: Pick<SignInConfig, 'authId'>): SignInPath | null {
  // Most requests are out here.
  if (!request.target.startsWith('/ngrok/')) return null;
  const question = request.target.indexOf('?');
  const path = question === -1 ? request.target : request.target.slice(0, question);
  const named = question === -1 ? undefined : parseQuery(request.target.slice(question + 1)).get('auth_id')?.[0];
  switch (path) {
    case SIGN_IN_PATHS.callback:
      return 'callback';
    case SIGN_IN_PATHS.login:
      return named === undefined || named === (authId ?? '') ? 'login' : null;
    case SIGN_IN_PATHS.logout:
      return named === undefined || named === (authId ?? '') ? 'logout' : null;
    default:
      return null;
  }
}

/**
 * Whether an action answers this request although the expressions of its rule may be about other paths: people come
 * back from their provider to a path of the sign-in, not to the one that they wanted.
 */
export function answersItsOwnPath(action: Action, request: RequestContext): boolean {
  if (action.type !== 'oauth' && action.type !== 'openid-connect') return false;
  return signInPathOf(request, action.config) !== null;
}
