import { flag, list, nullable, number, object, type Reader, text } from '../../lib/shape.ts';

/** How a person signs in, and where they are signed in. */
export interface SecurityFacts {
  readonly user: { readonly id: string; readonly email: string; readonly name: string };
  readonly emailVerified: boolean;
  readonly hasPassword: boolean;
  readonly totp: { readonly since: string; readonly recoveryCodes: number } | null;
  readonly passkeys: readonly PasskeyFacts[];
  readonly identities: readonly {
    readonly id: string;
    readonly provider: string;
    readonly email: string;
    readonly lastUsedAt: string;
  }[];
  readonly sessions: readonly SessionFacts[];
}

export interface PasskeyFacts {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  readonly isBackedUp: boolean;
}

export interface SessionFacts {
  readonly id: string;
  readonly isThis: boolean;
  readonly ip: string;
  readonly userAgent: string;
  readonly method: string;
  readonly createdAt: string;
  readonly lastSeenAt: string;
}

export const readSecurity: Reader<SecurityFacts> = object({
  user: object({ id: text, email: text, name: text }),
  emailVerified: flag,
  hasPassword: flag,
  totp: nullable(object({ since: text, recoveryCodes: number })),
  passkeys: list(object({ id: text, name: text, createdAt: text, lastUsedAt: nullable(text), isBackedUp: flag })),
  identities: list(object({ id: text, provider: text, email: text, lastUsedAt: text })),
  sessions: list(
    object({
      id: text,
      isThis: flag,
      ip: text,
      userAgent: text,
      method: text,
      createdAt: text,
      lastSeenAt: text,
    }),
  ),
});

/** `Firefox on Linux`, as far as a browser says so; else what it says. */
export function browserName(userAgent: string): string {
  const browser = [
    ['Edg/', 'Edge'],
    ['OPR/', 'Opera'],
    ['Firefox/', 'Firefox'],
    ['Chrome/', 'Chrome'],
    ['Safari/', 'Safari'],
  ].find(([mark = '']) => userAgent.includes(mark))?.[1];
  const system = [
    ['Android', 'Android'],
    ['iPhone', 'iPhone'],
    ['iPad', 'iPad'],
    ['Windows', 'Windows'],
    ['Mac OS X', 'macOS'],
    ['Linux', 'Linux'],
  ].find(([mark = '']) => userAgent.includes(mark))?.[1];
  if (browser === undefined) return userAgent === '' ? 'A browser' : userAgent.slice(0, 60);
  return system === undefined ? browser : `${browser} on ${system}`;
}
