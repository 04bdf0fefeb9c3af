import type { OAuthProvider } from '@portico/traffic-policy';

/** What is to be known of an OAuth provider: where its endpoints are and how it tells who somebody is. */
export interface ProviderFacts {
  /** As people read it. */
  readonly title: string;
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  readonly userUrl: string;
  /** Asked for beside those of the policy, separated by blanks. */
  readonly scopes: readonly string[];
  /** Whether it may be given a PKCE challenge: some refuse unknown parameters. */
  readonly pkce: boolean;
  /** Reads the answer of `userUrl`. */
  readonly identity: (user: unknown) => Identity | null;
  /** Sends the client id along with the request for the user. */
  readonly clientIdField?: string;
  /** Where to ask for the e-mail address when the user's own record has none. */
  readonly emailsUrl?: string;
}

export interface Identity {
  readonly subject: string;
  /** Empty when there is none, or when the provider says that it is not verified. */
  readonly email: string;
  readonly name: string;
}

export const OAUTH_PROVIDER_FACTS: Readonly<Record<OAuthProvider, ProviderFacts>> = {
  amazon: {
    title: 'Amazon',
    authorizationUrl: 'https://www.amazon.com/ap/oa',
    tokenUrl: 'https://api.amazon.com/auth/o2/token',
    userUrl: 'https://api.amazon.com/user/profile',
    scopes: ['profile'],
    pkce: true,
    identity: (user) => identityOf(user, 'user_id', ['email'], ['name']),
  },
  facebook: {
    title: 'Facebook',
    authorizationUrl: 'https://www.facebook.com/v21.0/dialog/oauth',
    tokenUrl: 'https://graph.facebook.com/v21.0/oauth/access_token',
    userUrl: 'https://graph.facebook.com/v21.0/me?fields=id,name,email',
    scopes: ['email'],
    pkce: false,
    identity: (user) => identityOf(user, 'id', ['email'], ['name']),
  },
  github: {
    title: 'GitHub',
    authorizationUrl: 'https://github.com/login/oauth/authorize',
    tokenUrl: 'https://github.com/login/oauth/access_token',
    userUrl: 'https://api.github.com/user',
    scopes: ['read:user', 'user:email'],
    pkce: true,
    identity: (user) => identityOf(user, 'id', [], ['name', 'login']),
    // The address of the profile need not be verified.
    emailsUrl: 'https://api.github.com/user/emails',
  },
  gitlab: {
    title: 'GitLab',
    authorizationUrl: 'https://gitlab.com/oauth/authorize',
    tokenUrl: 'https://gitlab.com/oauth/token',
    userUrl: 'https://gitlab.com/oauth/userinfo',
    scopes: ['openid', 'profile', 'email'],
    pkce: true,
    identity: (user) => identityOf(user, 'sub', ['email'], ['name', 'nickname']),
  },
  google: {
    title: 'Google',
    authorizationUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
    tokenUrl: 'https://oauth2.googleapis.com/token',
    userUrl: 'https://openidconnect.googleapis.com/v1/userinfo',
    scopes: ['https://www.googleapis.com/auth/userinfo.email', 'https://www.googleapis.com/auth/userinfo.profile'],
    pkce: true,
    identity: (user) => identityOf(user, 'sub', ['email'], ['name']),
  },
  linkedin: {
    title: 'LinkedIn',
    authorizationUrl: 'https://www.linkedin.com/oauth/v2/authorization',
    tokenUrl: 'https://www.linkedin.com/oauth/v2/accessToken',
    userUrl: 'https://api.linkedin.com/v2/userinfo',
    scopes: ['openid', 'profile', 'email'],
    pkce: false,
    identity: (user) => identityOf(user, 'sub', ['email'], ['name']),
  },
  microsoft: {
    title: 'Microsoft',
    authorizationUrl: 'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
    tokenUrl: 'https://login.microsoftonline.com/common/oauth2/v2.0/token',
    userUrl: 'https://graph.microsoft.com/v1.0/me',
    scopes: ['User.Read'],
    pkce: true,
    identity: (user) => identityOf(user, 'id', ['mail', 'userPrincipalName'], ['displayName']),
  },
  twitch: {
    title: 'Twitch',
    authorizationUrl: 'https://id.twitch.tv/oauth2/authorize',
    tokenUrl: 'https://id.twitch.tv/oauth2/token',
    userUrl: 'https://api.twitch.tv/helix/users',
    scopes: ['user:read:email'],
    pkce: false,
    clientIdField: 'client-id',
    identity: (answer) => {
      const data = field(answer, 'data');
      return identityOf(Array.isArray(data) ? data[0] : null, 'id', ['email'], ['display_name', 'login']);
    },
  },
};

/** The claims of OpenID Connect, from an ID token or the userinfo endpoint. */
export function identityOfClaims(claims: unknown): Identity | null {
  return identityOf(claims, 'sub', ['email'], ['name', 'preferred_username', 'nickname']);
}

/** The first address that is both primary and verified, as GitHub lists them. */
export function verifiedEmail(list: unknown): string {
  if (!Array.isArray(list)) return '';
  const entries: readonly unknown[] = list;
  const found = entries.find((entry) => field(entry, 'primary') === true && field(entry, 'verified') === true);
  return textOf(field(found, 'email'));
}

function identityOf(
  user: unknown,
  subjectField: string,
  emailFields: readonly string[],
  nameFields: readonly string[],
): Identity | null {
  const subject = textOf(field(user, subjectField));
  if (subject === '' || subject.length > 255) return null;
  const first = (names: readonly string[]): string =>
    names.map((name) => textOf(field(user, name))).find((text) => text !== '') ?? '';
  // Rules decide by the address: one that anybody may have typed in must not count.
  const unverified = field(user, 'email_verified') === false || field(user, 'email_verified') === 'false';
  return { subject, email: unverified ? '' : first(emailFields), name: first(nameFields) };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}

/** What a provider says is shown in headers and pages: no control characters, not endless. */
function textOf(value: unknown): string {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  return typeof value === 'string'
    ? value
        .replace(/[\x00-\x1f\x7f]/g, ' ')
        .trim()
        .slice(0, 320)
    : '';
}
