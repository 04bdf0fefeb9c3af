import { team } from '@portico/api-contract/identity';
import { describe, expect, it } from 'vitest';
import { ownsInWords, readTeam } from './team.ts';

describe('what the team page reads', () => {
  it('is what the contract says', () => {
    const at = '2026-03-01T10:00:00.000Z';
    const facts = team.parse({
      people: [
        {
          id: 'usr_1',
          name: 'Mira',
          email: 'mira@harbor.example',
          role: 'administrator',
          mayInvite: false,
          isDisabled: false,
          hasSecondFactor: true,
          joinedAt: at,
          lastSeenAt: null,
        },
      ],
      invitations: [
        {
          id: 'inv_1',
          email: 'jonas@harbor.example',
          role: 'viewer',
          mayInvite: false,
          invitedBy: 'Mira',
          sentAt: at,
          expiresAt: at,
          isExpired: false,
        },
      ],
      roles: ['administrator', 'viewer'],
    });
    const [{ mayInvite: _, ...invitation } = { mayInvite: false }] = facts.invitations;
    expect(readTeam(facts)).toEqual({ ...facts, invitations: [invitation] });
  });
});

describe('what somebody owns', () => {
  it('is said in words', () => {
    const owns = { credentials: 0, apiKeys: 0, personalAccessTokens: 0 };
    expect(ownsInWords(owns)).toBeNull();
    expect(ownsInWords({ ...owns, credentials: 1 })).toBe('1 authtoken');
    expect(ownsInWords({ credentials: 2, apiKeys: 1, personalAccessTokens: 3 })).toBe(
      '2 authtokens, 1 API key and 3 personal access tokens',
    );
  });
});
