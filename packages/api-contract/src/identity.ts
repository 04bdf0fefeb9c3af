import { z } from 'zod';

/**
 * People, how they prove who they are, and what they may: what the dashboard asks of the API besides `dashboard.ts`.
 * All routes are under `/dashboard/v1`. "session" is the cookie, "csrf" the field `portico-csrf` of every change,
 * "account" the field `portico-account`, "confirmed" that the person proved who they are within the last minutes
 * (else 403 ERR_NGROK_4008, and `POST /session/confirm` helps).
 *
 * | route | needs | request | answer |
 * |---|---|---|---|
 * | `GET /sign-in-options` | – | | `SignInOptions` |
 * | `POST /session` | – | `SignInRequest` | 200 `SessionAnswer`; 202 `SecondFactorAnswer` when a code is wanted |
 * | `POST /session/second-factor` | the step's cookie | `SecondFactorRequest` | 200 `SessionAnswer`; 401 (4007) |
 * | `POST /passkey-sign-in/options` | – | | WebAuthn request options (JSON) |
 * | `POST /passkey-sign-in` | the step's cookie | `PasskeyAssertion` | 200 `SessionAnswer` |
 * | `POST /oidc/start` | – | `OidcStart` | `OidcRedirect` |
 * | `POST /oidc/finish` | the step's cookie | `OidcFinish` | 200 `OidcFinished` |
 * | `POST /sign-up` | – | `SignUpRequest` | 202 |
 * | `POST /sign-up/verify` | – | `LinkRequest` | 200 `SessionAnswer` |
 * | `POST /password-reset` | – | `ResetRequest` | 202, whoever has that address |
 * | `POST /password-reset/finish` | – | `ResetFinish` | 204 |
 * | `POST /invitation/look` | – | `LinkRequest` | `InvitationFacts` |
 * | `POST /invitation/fresh` | – | `LinkRequest` | 202: another link goes to the invited address |
 * | `POST /invitation/accept` | –, or session and csrf | `InvitationAccept` | 200 `SessionAnswer` |
 * | `POST /email/finish` | – | `LinkRequest` | 204 |
 * | `GET /security` | session | | `Security` |
 * | `POST /session/confirm` | session, csrf | `ConfirmRequest` | 204 |
 * | `POST /session/confirm/options` | session, csrf | | WebAuthn request options (JSON) |
 * | `PATCH /profile` | session, csrf | `ProfileChange` | 204 |
 * | `POST /password` | session, csrf | `PasswordChange` | 204 |
 * | `POST /email` | session, csrf, confirmed | `EmailChange` | 202 |
 * | `POST /email/verify` | session, csrf | | 202 |
 * | `POST /totp` | session, csrf, confirmed | | `TotpSetup` |
 * | `POST /totp/finish` | session, csrf, confirmed | `TotpFinish` | `RecoveryCodes` |
 * | `DELETE /totp` | session, csrf, confirmed | | 204 |
 * | `POST /recovery-codes` | session, csrf, confirmed | | `RecoveryCodes` |
 * | `POST /passkeys/options` | session, csrf, confirmed | | WebAuthn creation options (JSON) |
 * | `POST /passkeys` | session, csrf, confirmed | `PasskeyRegistration` | 201 |
 * | `PATCH /passkeys/:id` | session, csrf | `PasskeyChange` | 204 |
 * | `DELETE /passkeys/:id` | session, csrf, confirmed | | 204 |
 * | `DELETE /identities/:id` | session, csrf, confirmed | | 204 |
 * | `DELETE /sessions/:id`, `DELETE /sessions` | session, csrf | | 204: that one; all but this one |
 * | `GET /account` | session, account | | `AccountFacts` |
 * | `PATCH /account` | session, csrf, account | `AccountChange` | 204 |
 * | `GET /team` | session, account | | `Team` |
 * | `GET /team/people/:id` | session, account | | `PersonFacts` |
 * | `PATCH /team/people/:id` | session, csrf, account | `PersonChange` | 204 |
 * | `DELETE /team/people/:id` | session, csrf, account | | 204 |
 * | `POST /team/invitations` | session, csrf, account | `InvitationCreate` | 201 `InvitationMade` |
 * | `POST /team/invitations/:id/send` | session, csrf, account | | `InvitationMade` |
 * | `DELETE /team/invitations/:id` | session, csrf, account | | 204 |
 * | `GET /audit-export?format=csv` | session, account (also `?account=`) | | text/csv or application/jsonl |
 * | `GET /mailbox` | session of an operator, on this machine | | `Mailbox`; 404 for others, and where mail is really sent |
 */

export const roles = ['administrator', 'manager', 'developer', 'viewer'] as const;
export const role = z.enum(roles);
export type RoleName = z.infer<typeof role>;

/** What a person may in an account. Elements of a page that need one are absent without it. */
export const permissions = [
  'resources.read',
  'resources.write',
  'keys.manage',
  'team.read',
  'team.invite',
  'team.manage',
  'account.manage',
  'audit.read',
] as const;
export type Permission = (typeof permissions)[number];

const email = z.string().max(320);
const password = z.string().max(4096);
const name = z.string().max(200);
const time = z.iso.datetime();

export const signInOptions = z.object({
  signUp: z.enum(['open', 'invited']),
  /** `none`: no mail can be sent, so nobody can be helped who forgot a password. */
  mail: z.enum(['smtp', 'mailbox', 'none']),
  /** WebAuthn knows host names only, no addresses. */
  passkeys: z.boolean(),
  providers: z.array(z.object({ id: z.string(), name: z.string() })),
});
export type SignInOptions = z.infer<typeof signInOptions>;

export const secondFactorAnswer = z.object({ secondFactor: z.literal('code') });
export type SecondFactorAnswer = z.infer<typeof secondFactorAnswer>;
/** Six digits, or a recovery code. */
export const secondFactorRequest = z.strictObject({ code: z.string().max(64) });

const binary = z.string().max(65_536);
const transports = z.array(z.string().max(32)).max(16).nullish();
const attachment = z.string().max(32).nullish();
/** What `PublicKeyCredential.toJSON()` gives; fields that are not read here are dropped. */
export const passkeyAssertion = z.object({
  id: z.string().max(2048),
  rawId: z.string().max(2048),
  type: z.literal('public-key'),
  authenticatorAttachment: attachment,
  response: z.object({
    clientDataJSON: binary,
    authenticatorData: binary,
    signature: binary,
    userHandle: binary.nullish(),
  }),
});
export type PasskeyAssertion = z.infer<typeof passkeyAssertion>;
export const passkeyAttestation = z.object({
  id: z.string().max(2048),
  rawId: z.string().max(2048),
  type: z.literal('public-key'),
  authenticatorAttachment: attachment,
  response: z.object({ clientDataJSON: binary, attestationObject: binary, transports }),
});
export type PasskeyAttestation = z.infer<typeof passkeyAttestation>;
export const passkeyRegistration = z.strictObject({ name: name.min(1), attestation: passkeyAttestation });
export const passkeyChange = z.strictObject({ name: name.min(1) });

export const oidcStart = z.strictObject({ provider: z.string().max(64), next: z.string().max(1024).nullish() });
export const oidcRedirect = z.object({ url: z.string() });
/** The query with which the provider sent the browser back, `?` left out. */
export const oidcFinish = z.strictObject({ provider: z.string().max(64), query: z.string().max(8192) });
export const oidcFinished = z.object({ next: z.string(), secondFactor: z.boolean() });

export const signUpRequest = z.strictObject({ email, password, name: name.nullish() });
export const linkRequest = z.strictObject({ token: z.string().max(200) });
export const resetRequest = z.strictObject({ email });
export const resetFinish = z.strictObject({ token: z.string().max(200), password });

export const invitationFacts = z.object({
  account: z.string(),
  email: z.string(),
  role,
  invitedBy: z.string(),
  /** The link has expired, the invitation has not: another link can be had. */
  state: z.enum(['open', 'link-expired']),
});
export type InvitationFacts = z.infer<typeof invitationFacts>;
/** Without a password: by who is signed in with the invited address. */
export const invitationAccept = z.strictObject({
  token: z.string().max(200),
  password: password.nullish(),
  name: name.nullish(),
});

export const confirmRequest = z.strictObject({
  password: password.nullish(),
  assertion: passkeyAssertion.nullish(),
});
export const profileChange = z.strictObject({ name: name.min(1) });
/** `current` where there is a password; who has none must have confirmed. */
export const passwordChange = z.strictObject({ current: z.string().max(1024).nullish(), password });
export const emailChange = z.strictObject({ email });

export const security = z.object({
  user: z.object({ id: z.string(), email: z.string(), name: z.string() }),
  emailVerified: z.boolean(),
  hasPassword: z.boolean(),
  /** Until when changes that want a confirmation are open. */
  confirmedUntil: time.nullable(),
  totp: z.object({ since: time, recoveryCodes: z.number() }).nullable(),
  passkeys: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      createdAt: time,
      lastUsedAt: time.nullable(),
      isBackedUp: z.boolean(),
    }),
  ),
  identities: z.array(z.object({ id: z.string(), provider: z.string(), email: z.string(), lastUsedAt: time })),
  sessions: z.array(
    z.object({
      id: z.string(),
      isThis: z.boolean(),
      ip: z.string(),
      userAgent: z.string(),
      method: z.string(),
      createdAt: time,
      lastSeenAt: time,
    }),
  ),
});
export type Security = z.infer<typeof security>;

/** `uri` is what the QR code says; the secret is for typing. */
export const totpSetup = z.object({ secret: z.string(), uri: z.string() });
export const totpFinish = z.strictObject({ code: z.string().max(16) });
/** Shown once. */
export const recoveryCodes = z.object({ codes: z.array(z.string()) });

export const accountFacts = z.object({
  id: z.string(),
  name: z.string(),
  plan: z.string(),
  requireSecondFactor: z.boolean(),
  role,
  permissions: z.array(z.enum(permissions)),
});
export type AccountFacts = z.infer<typeof accountFacts>;
export const accountChange = z.strictObject({
  name: name.min(1).nullish(),
  requireSecondFactor: z.boolean().nullish(),
});

export const person = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  role,
  mayInvite: z.boolean(),
  isDisabled: z.boolean(),
  hasSecondFactor: z.boolean(),
  joinedAt: time,
  lastSeenAt: time.nullable(),
});
export type Person = z.infer<typeof person>;
export const invitation = z.object({
  id: z.string(),
  email: z.string(),
  role,
  mayInvite: z.boolean(),
  invitedBy: z.string(),
  sentAt: time,
  expiresAt: time,
  isExpired: z.boolean(),
});
export type InvitationEntry = z.infer<typeof invitation>;
export const team = z.object({
  people: z.array(person),
  invitations: z.array(invitation),
  /** The roles that who asks may give. */
  roles: z.array(role),
});
export type Team = z.infer<typeof team>;
export const personFacts = z.object({
  person,
  /** What dies when this person is removed. */
  owns: z.object({ credentials: z.number(), apiKeys: z.number(), personalAccessTokens: z.number() }),
});
export type PersonFacts = z.infer<typeof personFacts>;
export const personChange = z.strictObject({
  role: role.nullish(),
  mayInvite: z.boolean().nullish(),
  isDisabled: z.boolean().nullish(),
});
export const invitationCreate = z.strictObject({ email, role, mayInvite: z.boolean().nullish() });
/** `link` is for copying; it works once and for half an hour. `isMailed` whether it went out by mail as well. */
export const invitationMade = z.object({ invitation, link: z.string(), isMailed: z.boolean() });
export type InvitationMade = z.infer<typeof invitationMade>;

export const mailbox = z.object({
  mails: z.array(z.object({ id: z.number(), at: time, to: z.string(), subject: z.string(), text: z.string() })),
});
export type Mailbox = z.infer<typeof mailbox>;
