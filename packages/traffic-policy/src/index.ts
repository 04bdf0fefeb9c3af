export type {
  CloseConnectionConfig,
  CustomResponseConfig,
  DenyConfig,
  RedirectConfig,
  UrlRewriteConfig,
} from './actions/answers.ts';
export type { BasicAuthConfig } from './actions/basic-auth.ts';
export type { BodyFindReplaceConfig } from './actions/body-find-replace.ts';
export type { CircuitBreakerConfig } from './actions/circuit-breaker.ts';
export type { Compression, CompressResponseConfig } from './actions/compress-response.ts';
export { type ForwardInternalConfig, parseInternalUrl } from './actions/forward-internal.ts';
export type { AddHeadersConfig, RemoveHeadersConfig } from './actions/headers.ts';
export type { HttpRequestConfig } from './actions/http-request.ts';
export type { JwsAlgorithm, JwtSource, JwtValidationConfig } from './actions/jwt-validation.ts';
export type { RateLimitConfig } from './actions/rate-limit.ts';
export type { RestrictIpsConfig } from './actions/restrict-ips.ts';
export type { LogConfig, SetVarsConfig, ValueTemplate } from './actions/set-vars.ts';
export {
  OAUTH_PROVIDERS,
  type OAuthConfig,
  type OAuthProvider,
  type OpenIdConnectConfig,
  type SignInConfig,
} from './actions/sign-in.ts';
export type { MessageField, SseFindReplaceConfig } from './actions/sse-find-replace.ts';
export type { TerminateTlsConfig } from './actions/terminate-tls.ts';
export type { VerifyWebhookConfig } from './actions/verify-webhook.ts';
export type { HeaderTemplate, RegexTemplate } from './document/config-reader.ts';
export {
  type ExplainedAction,
  type ExplainedExpression,
  type ExplainedPhase,
  type ExplainedRule,
  type ExplainedTraffic,
  type ExplainOptions,
  type Explanation,
  explain,
  type PhaseEnd,
} from './explain.ts';
export { Budget, OverBudget } from './expressions/budget.ts';
export { Expression } from './expressions/expression.ts';
export { Regex, RegexCache, RegexRefused } from './expressions/regex.ts';
export { PolicyScope, type RetryFacts, RetryVariables, type ScopeFacts } from './expressions/scope.ts';
export { Template } from './expressions/template.ts';
export { fromPlain, toPlain, valueToText } from './expressions/values.ts';
export {
  type JwksResolver,
  type JwtPlace,
  type JwtRequest,
  type JwtResult,
  type JwtRules,
  type JwtVerdict,
  verifyTokens,
} from './jwt/verify-tokens.ts';
export { type ReadOptions, readBindOptions } from './read-bind-options.ts';
export { type Answer, emptyAnswer, errorAnswer, guessContentType, renderCustomResponse } from './run/answer.ts';
export { type BasicAuthCheck, checkBasicAuth } from './run/basic-auth-check.ts';
export { ChangedRequest, ChangedResponse } from './run/changed-contexts.ts';
export { CircuitBreaker, type CircuitState } from './run/circuit-breaker.ts';
export { addFields, removeFields, renderHeaders } from './run/field-edits.ts';
export { IpRules, type IpVerdict } from './run/ip-rules.ts';
export {
  type ActionTools,
  type ImmediateAction,
  type IpPolicyCidrs,
  isImmediate,
  type Outcome,
  performAction,
} from './run/perform-action.ts';
export {
  PhaseTrace,
  PolicyTrace,
  type TracedAction,
  type TracedExpression,
  type TracedPhase,
  type TracedRule,
} from './run/policy-trace.ts';
export { RateLimiter, type RateLimitRule, type RateLimitVerdict } from './run/rate-limiter.ts';
export { redirectUrl, regexFor, rewrittenTarget, urlOf } from './run/rewrite-url.ts';
export { answersItsOwnPath, SIGN_IN_PATHS, type SignInPath, signInPathOf } from './run/sign-in-paths.ts';
export { type RuleStep, walkRules } from './run/walk-rules.ts';
export { type SecretName, secretNames } from './secret-names.ts';
export {
  type ClassicHeaders,
  type ClassicOptions,
  type ClassicSignIn,
  type PolicyDocument,
  translateOptions,
} from './translate-options.ts';
export * from './validate.ts';
export type { ActionResult, ResultName } from './variables/action-results.ts';
export { certificateFields } from './variables/connection-variables.ts';
export {
  type CertificateFacts,
  type ConnectionContext,
  type EndpointContext,
  type IpFacts,
  type LocationFacts,
  type MessageContext,
  type NameFacts,
  NO_SECRETS,
  type RequestContext,
  type ResponseContext,
  type SecretStore,
  type TlsFacts,
} from './variables/contexts.ts';
export { type ParsedAgent, parseUserAgent } from './variables/user-agent.ts';
export { type ChallengeAnswer, webhookChallenge } from './webhooks/challenge.ts';
export { isSnsCertificateUrl, parseSnsMessage, type SnsMessage, verifySnsMessage } from './webhooks/sns.ts';
export { verifyWebhook, type WebhookRequest, type WebhookVerdict } from './webhooks/verify-webhook.ts';
