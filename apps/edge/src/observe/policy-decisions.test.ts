import { describe, expect, it } from 'vitest';
import { type PhaseResults, policyDecisions } from './policy-decisions.ts';

const nothing = {
  basic_auth: null,
  circuit_breaker: null,
  compression: null,
  ip_policy: null,
  oauth: null,
  webhook_verification: null,
};

describe('what policies decided', () => {
  it('is nothing where no such action ran', () => {
    expect(policyDecisions([])).toEqual(nothing);
    expect(policyDecisions([{ add_headers: { headers_added: {} } }, {}])).toEqual(nothing);
  });

  it('is told by what each action left behind', () => {
    const request = {
      basic_auth: { credentials: { presented: true, username: 'mira', authorized: true } },
      restrict_ips: { action: 'deny', matched_cidr: '' },
      circuit_breaker: { open: true },
      verify_webhook: { verified: false },
      oidc: { identity: { id: 'idt_1', name: 'Mira', email: 'mira@harbor.example' }, access_token: 'secret' },
    };
    const response = { compress_response: { already_compressed: false, negotiated_algorithm: 'br' } };
    expect(policyDecisions([request, response])).toEqual({
      basic_auth: { decision: 'allow', username: 'mira' },
      circuit_breaker: { decision: 'block' },
      compression: { algorithm: 'br' },
      ip_policy: { decision: 'deny' },
      oauth: { decision: 'allow', user: { id: 'idt_1', name: 'Mira' } },
      webhook_verification: { decision: 'deny' },
    });
  });

  it('is that of the last endpoint, where one forwards to another', () => {
    const phases: PhaseResults[] = [{ restrict_ips: { action: 'allow' } }, { restrict_ips: { action: 'deny' } }, {}];
    expect(policyDecisions(phases).ip_policy).toEqual({ decision: 'deny' });
    expect(policyDecisions([{ oauth: { error: { code: 'ERR_NGROK_3106' } } }]).oauth).toEqual({
      decision: 'deny',
      user: null,
    });
  });
});
