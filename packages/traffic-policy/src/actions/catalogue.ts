import { closeConnection, customResponse, deny, redirect, urlRewrite } from './answers.ts';
import { basicAuth } from './basic-auth.ts';
import { requestBodyFindReplace, responseBodyFindReplace } from './body-find-replace.ts';
import { circuitBreaker } from './circuit-breaker.ts';
import { compressResponse } from './compress-response.ts';
import { forwardInternal } from './forward-internal.ts';
import { addHeaders, removeHeaders } from './headers.ts';
import { httpRequest } from './http-request.ts';
import { jwtValidation } from './jwt-validation.ts';
import { rateLimit } from './rate-limit.ts';
import { restrictIps } from './restrict-ips.ts';
import { log, setVars } from './set-vars.ts';
import { oauth, openIdConnect } from './sign-in.ts';
import { sseFindReplace } from './sse-find-replace.ts';
import { terminateTls } from './terminate-tls.ts';
import { verifyWebhook } from './verify-webhook.ts';

/** Every action that a policy may hold. */
export const ACTION_DEFINITIONS = [
  addHeaders,
  removeHeaders,
  basicAuth,
  customResponse,
  deny,
  closeConnection,
  redirect,
  urlRewrite,
  forwardInternal,
  restrictIps,
  rateLimit,
  oauth,
  openIdConnect,
  jwtValidation,
  verifyWebhook,
  setVars,
  log,
  compressResponse,
  terminateTls,
  circuitBreaker,
  httpRequest,
  requestBodyFindReplace,
  responseBodyFindReplace,
  sseFindReplace,
] as const;

type Definition = (typeof ACTION_DEFINITIONS)[number];

export type ActionType = Definition['type'];

type ActionOf<D> = D extends { readonly type: infer Type; readonly read: (...parameters: never[]) => infer Config }
  ? { readonly type: Type; readonly config: Config }
  : never;

/** An action of a compiled policy: `switch (action.type)` gives its configuration a type. */
export type Action = ActionOf<Definition>;

/** Names of earlier versions of the document. */
export const OLDER_ACTION_TYPES: ReadonlyMap<string, ActionType> = new Map<string, ActionType>([
  ['compress', 'compress-response'],
  ['oidc', 'openid-connect'],
  ['webhook-verification', 'verify-webhook'],
  ['webhook-validation', 'verify-webhook'],
  ['jwt', 'jwt-validation'],
]);

/** Announced elsewhere and not built: they get a message of their own. */
export const ABSENT_ACTION_TYPES: readonly string[] = ['owasp-crs-request', 'owasp-crs-response', 'saml', 'ai-gateway'];
