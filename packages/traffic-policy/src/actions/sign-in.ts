import type { ConfigReader } from '../document/config-reader.ts';
import type { Template } from '../expressions/template.ts';
import { defineAction, never } from './action-definition.ts';

export const OAUTH_PROVIDERS = [
  'amazon',
  'facebook',
  'github',
  'gitlab',
  'google',
  'linkedin',
  'microsoft',
  'twitch',
] as const;
export type OAuthProvider = (typeof OAUTH_PROVIDERS)[number];

/** What `oauth` and `openid-connect` have in common. */
export interface SignInConfig {
  readonly clientId: Template | null;
  readonly clientSecret: Template | null;
  readonly scopes: readonly string[];
  readonly authId: string | null;
  readonly authorizationParameters: ReadonlyMap<string, string>;
  /** Sessions end when they are as old as this, used or not. */
  readonly maxSessionMs: number;
  /** And when nothing was asked for so long. */
  readonly idleSessionMs: number;
  /** Null: the provider is asked about a person only when they sign in. */
  readonly userinfoRefreshMs: number | null;
  readonly allowCorsPreflight: boolean;
  readonly cookieDomain: string | null;
}

export interface OAuthConfig extends SignInConfig {
  readonly provider: OAuthProvider;
}

export const oauth = defineAction({
  type: 'oauth',
  phases: ['on_http_request'],
  authenticates: true,
  ends: never,
  read: (config): OAuthConfig => {
    const provider = config.choice('provider', OAUTH_PROVIDERS, null);
    const common = readSignIn(config);
    if ((common.clientId === null) !== (common.clientSecret === null)) {
      const [given, missing] =
        common.clientId === null ? ['client_secret', 'client_id'] : ['client_id', 'client_secret'];
      config.problem(2240, given, { missing, given });
    }
    return { provider, ...common };
  },
});

export interface OpenIdConnectConfig extends SignInConfig {
  readonly issuerUrl: Template;
}

export const openIdConnect = defineAction({
  type: 'openid-connect',
  phases: ['on_http_request'],
  authenticates: true,
  ends: never,
  read: (config): OpenIdConnectConfig => {
    const issuerUrl = config.requiredTemplate('issuer_url', { max: 2_048 });
    const { constant } = issuerUrl;
    if (constant !== null && constant !== '' && !isHttpUrl(constant)) {
      config.problem(2226, 'issuer_url', { accepted: 'a URL like https://issuer.example', actual: constant });
    }
    const common = readSignIn(config);
    for (const field of ['client_id', 'client_secret']) {
      if (!config.has(field)) config.problem(2234, field, {});
    }
    return { issuerUrl, ...common };
  },
});

const DAY_MS = 86_400_000;
const SESSION_DURATION = { minMs: 1_000, maxMs: 30 * DAY_MS };

function readSignIn(config: ConfigReader): SignInConfig {
  const optionalDuration = (field: string): number | null =>
    config.has(field) ? config.duration(field, { ...SESSION_DURATION, fallbackMs: SESSION_DURATION.minMs }) : null;
  const authId = config.text('auth_id', { max: 64 });
  if (authId !== null && !/^[A-Za-z0-9_-]+$/.test(authId)) {
    config.problem(2204, 'auth_id', { reason: 'it may hold letters, digits, - and _ only' });
  }
  const cookieDomain = config.text('auth_cookie_domain', { max: 253 });
  if (cookieDomain !== null) checkDomain(cookieDomain, config);
  const parameters = config.templateMap('authz_url_params', { max: 32 });
  const idle = { ...SESSION_DURATION, fallbackMs: 3 * DAY_MS };
  const idleOfOauth = config.duration('idle_session_timeout', idle);
  const idleOfOidc = config.duration('idle_session_duration', idle);
  return {
    clientId: config.template('client_id', { max: 1_024 }),
    clientSecret: config.template('client_secret', { max: 4_096 }),
    scopes: config.textList('scopes', { max: 64 }),
    authId,
    authorizationParameters: new Map(parameters.map(({ name, value }) => [name, value.source])),
    maxSessionMs: config.duration('max_session_duration', { ...SESSION_DURATION, fallbackMs: 14 * DAY_MS }),
    idleSessionMs: config.has('idle_session_timeout') ? idleOfOauth : idleOfOidc,
    userinfoRefreshMs: optionalDuration('userinfo_refresh_interval'),
    allowCorsPreflight: config.boolean('allow_cors_preflight', false),
    cookieDomain,
  };
}

function checkDomain(domain: string, config: ConfigReader): void {
  const name = domain.replace(/^\./, '');
  const labels = name.split('.');
  if (labels.some((label) => /^xn--/i.test(label) && !URL.canParse(`http://${label}.example`))) {
    config.problem(2242, 'auth_cookie_domain', { domain });
  } else if (labels.length < 2 || labels.some((label) => !/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))) {
    config.problem(2243, 'auth_cookie_domain', { domain });
  }
}

export function isHttpUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  return new URL(text).hostname !== '';
}
