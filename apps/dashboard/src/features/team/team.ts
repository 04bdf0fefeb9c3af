import { flag, list, nullable, number, object, type Reader, text } from '../../lib/shape.ts';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: string;
  readonly mayInvite: boolean;
  readonly isDisabled: boolean;
  readonly hasSecondFactor: boolean;
  readonly joinedAt: string;
  readonly lastSeenAt: string | null;
}

export interface Invitation {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly invitedBy: string;
  readonly sentAt: string;
  readonly expiresAt: string;
  readonly isExpired: boolean;
}

export interface TeamFacts {
  readonly people: readonly Person[];
  readonly invitations: readonly Invitation[];
  /** Those that who looks may give. */
  readonly roles: readonly string[];
}

const person: Reader<Person> = object({
  id: text,
  name: text,
  email: text,
  role: text,
  mayInvite: flag,
  isDisabled: flag,
  hasSecondFactor: flag,
  joinedAt: text,
  lastSeenAt: nullable(text),
});
const invitation: Reader<Invitation> = object({
  id: text,
  email: text,
  role: text,
  invitedBy: text,
  sentAt: text,
  expiresAt: text,
  isExpired: flag,
});

export const readTeam: Reader<TeamFacts> = object({
  people: list(person),
  invitations: list(invitation),
  roles: list(text),
});

export const readPerson = object({
  person,
  owns: object({ credentials: number, apiKeys: number, personalAccessTokens: number }),
});

export const readInvited = object({ invitation, link: text, isMailed: flag });

/** What dies with a membership: `2 authtokens and 1 API key`; null when nothing does. */
export function ownsInWords(owns: {
  credentials: number;
  apiKeys: number;
  personalAccessTokens: number;
}): string | null {
  const parts = [
    counted(owns.credentials, 'authtoken'),
    counted(owns.apiKeys, 'API key'),
    counted(owns.personalAccessTokens, 'personal access token'),
  ].filter((part) => part !== null);
  if (parts.length === 0) return null;
  return parts.length === 1 ? (parts[0] ?? null) : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

function counted(n: number, noun: string): string | null {
  return n === 0 ? null : `${n} ${noun}${n === 1 ? '' : 's'}`;
}
