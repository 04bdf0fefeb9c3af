import { readFileSync } from 'node:fs';
import { ConfigError, type Environment, readOptional } from '@portico/service';
import { z } from 'zod';

const id = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'lower case letters, digits and dashes, at most 32');

const provider = z.strictObject({
  /** Part of the address that the provider sends browsers back to. */
  id,
  /** On the button. */
  name: z.string().min(1).max(60),
  issuer: z.url({ protocol: /^https?$/ }).max(1024),
  client_id: z.string().min(1).max(512),
  client_secret: z.string().min(1).max(1024),
  scopes: z
    .array(z.string().regex(/^[\w.:/-]+$/))
    .max(32)
    .default(['openid', 'email', 'profile']),
  /**
   * Whom it may bring in who has no user here: `invited` people only, anybody (`open`, with an account of their own),
   * or `join`, which puts them into one account.
   */
  sign_up: z
    .union([
      z.enum(['invited', 'open']),
      z.strictObject({ join: z.string().regex(/^ac_[0-9A-Za-z]{27}$/), role: z.enum(['developer', 'viewer']) }),
    ])
    .default('invited'),
});

export type IdentityProvider = z.infer<typeof provider>;

const file = z.strictObject({ providers: z.array(provider).max(20) });

/** The identity providers that the operator trusts, from the JSON file that a variable names. */
export function readProviders(
  env: Environment,
  variable: string,
  resolvePath: (path: string) => string,
): readonly IdentityProvider[] {
  const path = readOptional(env, variable);
  if (path === null) return [];
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(resolvePath(path), 'utf8'));
  } catch (error) {
    throw new ConfigError(variable, path, `a JSON file (${error instanceof Error ? error.message : 'unreadable'})`);
  }
  const parsed = file.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue === undefined ? '' : `${issue.path.join('.')}: ${issue.message}`;
    throw new ConfigError(variable, path, `a file with {"providers": [...]}; ${where}`);
  }
  const { providers } = parsed.data;
  if (new Set(providers.map((one) => one.id)).size !== providers.length) {
    throw new ConfigError(variable, path, 'a file in which each provider has an id of its own');
  }
  return providers;
}
