import type { LiveClaim, LiveSession } from '@portico/api-contract/internal';
import type {
  ApiKeyResource,
  CredentialResource,
  EndpointResource,
  Ref,
  ReservedDomainResource,
  TunnelResource,
  TunnelSessionResource,
} from '@portico/api-contract/public';
import type { ApiKeyRow, CredentialRow, ReservedDomainRow } from '@portico/db';

/** Rows and live values in the shapes of the public API. `origin` is the API's own, as the caller reaches it. */
export class Resources {
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  uri(path: string): string {
    return `${this.#origin}${path}`;
  }

  ref(collection: string, id: string): Ref {
    return { id, uri: this.uri(`/${collection}/${id}`) };
  }

  credential(row: CredentialRow, token: string | null = null): CredentialResource {
    return {
      ...this.ref('credentials', row.id),
      created_at: row.createdAt.toISOString(),
      description: row.description,
      metadata: row.metadata,
      token,
      acl: row.acl,
      owner_id: row.ownerId,
    };
  }

  apiKey(row: ApiKeyRow, token: string | null = null): ApiKeyResource {
    return {
      ...this.ref('api_keys', row.id),
      created_at: row.createdAt.toISOString(),
      description: row.description,
      metadata: row.metadata,
      token,
      owner_id: row.ownerId,
    };
  }

  reservedDomain(row: ReservedDomainRow): ReservedDomainResource {
    return {
      ...this.ref('reserved_domains', row.id),
      created_at: row.createdAt.toISOString(),
      description: row.description,
      metadata: row.metadata,
      domain: row.domain,
      region: '',
      cname_target: null,
      acme_challenge_cname_target: null,
      certificate: null,
      certificate_management_policy: null,
      certificate_management_status: null,
    };
  }

  endpoint(claim: LiveClaim, session: LiveSession | null, domain: ReservedDomainRow | null): EndpointResource {
    const url = new URL(claim.url);
    const port = url.port === '' ? (defaultPorts.get(claim.proto) ?? 443) : Number(url.port);
    return {
      ...this.ref('endpoints', claim.endpointId),
      created_at: claim.startedAt,
      updated_at: claim.startedAt,
      name: claim.name,
      description: '',
      metadata: claim.metadata,
      type: 'ephemeral',
      public_url: claim.url,
      url: claim.url,
      proto: claim.proto,
      scheme: claim.proto,
      host: url.hostname,
      port,
      hostport: `${url.hostname}:${port}`,
      region: session?.region ?? '',
      bindings: ['public'],
      pooling_enabled: false,
      traffic_policy: '',
      upstream_url: claim.forwardsTo,
      upstream_protocol: '',
      domain: domain === null ? null : this.ref('reserved_domains', domain.id),
      tcp_addr: null,
      tunnel: this.ref('tunnels', tunnelId(claim)),
      tunnel_session: this.ref('tunnel_sessions', claim.sessionId),
      edge: null,
      principal: null,
    };
  }

  tunnel(claim: LiveClaim, session: LiveSession | null): TunnelResource {
    return {
      ...this.ref('tunnels', tunnelId(claim)),
      public_url: claim.url,
      proto: claim.proto,
      started_at: claim.startedAt,
      metadata: claim.metadata,
      region: session?.region ?? '',
      forwards_to: claim.forwardsTo,
      tunnel_session: this.ref('tunnel_sessions', claim.sessionId),
      endpoint: this.ref('endpoints', claim.endpointId),
      labels: {},
      backends: [],
    };
  }

  tunnelSession(session: LiveSession): TunnelSessionResource {
    return {
      ...this.ref('tunnel_sessions', session.sessionId),
      agent_version: session.agentVersion,
      credential: this.ref('credentials', session.credentialId),
      ip: session.ip,
      metadata: session.metadata,
      os: session.os,
      region: session.region,
      started_at: session.startedAt,
      transport: session.transport,
    };
  }
}

/** The tunnel of an endpoint carries the same unique part in its id. */
export function tunnelId(claim: LiveClaim): string {
  return `tn_${claim.endpointId.slice(claim.endpointId.indexOf('_') + 1)}`;
}

const defaultPorts = new Map([
  ['http', 80],
  ['https', 443],
  ['tls', 443],
]);
