import { readFileSync } from 'node:fs';
import { ConfigError, type Environment, readOptional } from '@portico/service';
import { OAUTH_PROVIDERS, type OAuthProvider } from '@portico/traffic-policy';
import type { Application } from './identity-provider.ts';
import { OAUTH_PROVIDER_FACTS, type ProviderFacts } from './provider-facts.ts';

/** What the operator says about OAuth providers. */
export interface ProviderSettings {
  readonly facts: Readonly<Record<OAuthProvider, ProviderFacts>>;
  /** Used by policies that name no application of their own. */
  readonly applications: { readonly [Provider in OAuthProvider]?: Application };
}

export const DEFAULT_PROVIDER_SETTINGS: ProviderSettings = { facts: OAUTH_PROVIDER_FACTS, applications: {} };

/**
 * Reads the file that a variable names: JSON, an object by provider of `client_id` with `client_secret`, and of
 * `authorization_url`, `token_url` and `user_url` for a server of one's own (GitLab, GitHub Enterprise).
 * @throws {ConfigError} naming the file and what is wrong in it; never with a secret.
 */
export function readProviderSettings(env: Environment, variable: string): ProviderSettings {
  const file = readOptional(env, variable);
  if (file === null) return DEFAULT_PROVIDER_SETTINGS;
  const bad = (what: string): ConfigError => new ConfigError(variable, file, what);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw bad('a readable JSON file');
  }
  const facts: Record<OAuthProvider, ProviderFacts> = { ...OAUTH_PROVIDER_FACTS };
  const applications: { [Provider in OAuthProvider]?: Application } = {};
  for (const [name, entry] of entriesOf(value) ?? [['', null]]) {
    const provider = OAUTH_PROVIDERS.find((known) => known === name);
    const settings = entriesOf(entry);
    if (provider === undefined || settings === null) {
      throw bad(
        `an object by provider (${OAUTH_PROVIDERS.join(', ')}), each with settings; not ${JSON.stringify(name)}`,
      );
    }
    const texts = new Map<string, string>();
    for (const [key, text] of settings) {
      const isUrl = URL_KEYS.has(key);
      if (!isUrl && !APPLICATION_KEYS.has(key)) throw bad(`settings of ${name} without ${JSON.stringify(key)}`);
      if (typeof text !== 'string' || text === '' || (isUrl && !/^https?:$/.test(URL.parse(text)?.protocol ?? ''))) {
        throw bad(`${isUrl ? 'a URL' : 'a text'} for ${key} of ${name}`);
      }
      texts.set(key, text);
    }
    const clientId = texts.get('client_id');
    const clientSecret = texts.get('client_secret');
    if ((clientId === undefined) !== (clientSecret === undefined))
      throw bad(`both client_id and client_secret of ${name}`);
    if (clientId !== undefined && clientSecret !== undefined) applications[provider] = { clientId, clientSecret };
    const usual = facts[provider];
    facts[provider] = {
      ...usual,
      authorizationUrl: texts.get('authorization_url') ?? usual.authorizationUrl,
      tokenUrl: texts.get('token_url') ?? usual.tokenUrl,
      userUrl: texts.get('user_url') ?? usual.userUrl,
    };
  }
  return { facts, applications };
}

const APPLICATION_KEYS: ReadonlySet<string> = new Set(['client_id', 'client_secret']);
const URL_KEYS: ReadonlySet<string> = new Set(['authorization_url', 'token_url', 'user_url']);

function entriesOf(value: unknown): [string, unknown][] | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : null;
}
