import type { LiveClaim, LiveSession } from '@portico/api-contract/internal';
import type { Lease, Registry } from '@portico/registry';

/** Puts a session online as an edge does. Its lease goes with the registry. */
export async function sessionOnline(
  registry: Registry,
  session: Partial<LiveSession> & Pick<LiveSession, 'sessionId' | 'accountId'>,
): Promise<Lease> {
  const value: LiveSession = {
    credentialId: 'cr_test',
    agentVersion: '3.39.0',
    os: 'linux',
    arch: 'x64',
    clientType: 'portico',
    userAgent: 'portico/0.1',
    transport: 'ngrok/2',
    ip: '203.0.113.9',
    region: 'test',
    startedAt: '2026-03-01T10:00:00.000Z',
    metadata: '',
    nodeId: 'edge-1',
    clientId: 'client',
    ...session,
  };
  return put(registry, `sessions/${session.sessionId}`, value);
}

/** Puts an endpoint online likewise. */
export async function claimOnline(
  registry: Registry,
  claim: Partial<LiveClaim> & Pick<LiveClaim, 'sessionId' | 'accountId' | 'endpointId' | 'url'>,
): Promise<Lease> {
  const url = new URL(claim.url);
  const proto = claim.proto ?? (url.protocol === 'tcp:' ? 'tcp' : url.protocol === 'http:' ? 'http' : 'https');
  const value: LiveClaim = {
    nodeId: 'edge-1',
    proto,
    name: 'command_line',
    metadata: '',
    forwardsTo: 'http://localhost:3000',
    startedAt: '2026-03-01T10:00:00.000Z',
    bindId: 'bind',
    ...claim,
  };
  return put(registry, `claims/${proto}/${proto === 'tcp' ? url.port : url.hostname}`, value);
}

async function put(registry: Registry, key: string, value: object): Promise<Lease> {
  const lease = await registry.lease(10);
  const { ok } = await registry.txn({
    if: [{ kind: 'absent', key }],
    then: [{ kind: 'put', key, value: JSON.stringify(value), lease: lease.id }],
  });
  if (!ok) throw new Error(`${key} is taken`);
  return lease;
}
