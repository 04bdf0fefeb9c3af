import type { Grant } from '@portico/api-contract/internal';
import type { CredentialWithAccount, PlanRow } from '@portico/db';

/** What an edge may let this authtoken do. The version grows with every change of the token or its account. */
export function grantOf(credential: CredentialWithAccount, plan: PlanRow): Grant {
  const { account } = credential;
  return {
    credentialId: credential.id,
    tokenHash: Buffer.from(credential.tokenDigest).toString('hex'),
    version: credential.version + account.version,
    account: { id: account.id, name: account.name, plan: account.plan },
    acl: credential.acl,
    limits: {
      sessions: Math.min(account.sessionLimit, plan.sessions ?? account.sessionLimit),
      endpointsPerSession: Math.min(
        account.sessionEndpointLimit,
        plan.endpointsPerSession ?? account.sessionEndpointLimit,
      ),
      streamsPerSession: account.sessionStreamLimit,
    },
  };
}
