import { security } from '@portico/api-contract/identity';
import { describe, expect, it } from 'vitest';
import { browserName, readSecurity } from './security.ts';

describe('what the settings read', () => {
  it('is what the contract says', () => {
    const at = '2026-03-01T10:00:00.000Z';
    const facts = security.parse({
      user: { id: 'usr_1', email: 'mira@harbor.example', name: 'Mira' },
      emailVerified: true,
      hasPassword: true,
      confirmedUntil: at,
      totp: { since: at, recoveryCodes: 9 },
      passkeys: [{ id: 'x', name: 'Laptop', createdAt: at, lastUsedAt: null, isBackedUp: true }],
      identities: [{ id: 'y', provider: 'Harbor', email: 'mira@harbor.example', lastUsedAt: at }],
      sessions: [
        { id: 's', isThis: true, ip: '::1', userAgent: '', method: 'password', createdAt: at, lastSeenAt: at },
      ],
    });
    const { confirmedUntil: _, ...read } = facts;
    expect(readSecurity(facts)).toEqual(read);
  });
});

describe('the name of a browser', () => {
  it('is short', () => {
    const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0 Safari/537.36';
    expect(browserName(chrome)).toBe('Chrome on Linux');
    expect(browserName(`${chrome} Edg/153.0`)).toBe('Edge on Linux');
    const phone =
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile Safari/604';
    expect(browserName(phone)).toBe('Safari on iPhone');
    expect(browserName('curl/8')).toBe('curl/8');
    expect(browserName('')).toBe('A browser');
  });
});
