import { type LiveClaim, type LiveSession, visitorPlace } from '@portico/api-contract/internal';
import type {
  ApiKeyResource,
  ApplicationSessionResource,
  ApplicationUserResource,
  AuditEventResource,
  CertificateAuthorityResource,
  CredentialResource,
  EndpointResource,
  EventDestinationResource,
  EventSourceResource,
  EventSubscriptionResource,
  IpPolicyResource,
  IpPolicyRuleResource,
  IpRestrictionResource,
  PersonalAccessTokenResource,
  Ref,
  ReservedAddrResource,
  ReservedDomainResource,
  ServiceUserResource,
  SshCredentialResource,
  TlsCertificateResource,
  TunnelResource,
  TunnelSessionResource,
  VaultResource,
  VaultSecretResource,
} from '@portico/api-contract/public';
import type {
  ApiKeyRow,
  AppSessionRow,
  AppUserRow,
  AuditEventRow,
  CertificateAuthorityRow,
  CloudEndpointRow,
  CredentialRow,
  EventDestinationRow,
  EventSourceChoice,
  EventSubscriptionRow,
  IpPolicyRow,
  IpPolicyRuleRow,
  IpRestrictionRow,
  PersonalAccessTokenRow,
  ReservedAddrRow,
  ReservedDomainRow,
  ServiceUserRow,
  SshCredentialRow,
  TlsCertificateRow,
  VaultRow,
  VaultSecretRow,
} from '@portico/db';
import { certificateDetails } from '@portico/pki';
import { parseUserAgent } from '@portico/traffic-policy';
import { z } from 'zod';
import { domainCheck } from '../../domains/check-domain.ts';
import type { DomainProof } from '../../domains/own-domain.ts';

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

  /** @param proof what DNS must say; null for a name under the base. */
  reservedDomain(row: ReservedDomainRow, proof: DomainProof | null): ReservedDomainResource {
    const { managementAuthority: authority, managementKeyType } = row;
    const check = row.checkResult === null ? null : domainCheck.parse(row.checkResult);
    return {
      ...this.ref('reserved_domains', row.id),
      created_at: row.createdAt.toISOString(),
      description: row.description,
      metadata: row.metadata,
      domain: row.domain,
      region: '',
      cname_target: proof?.cnameTarget ?? null,
      acme_challenge_cname_target: proof?.acmeTarget ?? null,
      certificate: row.certificateId === null ? null : this.ref('tls_certificates', row.certificateId),
      certificate_management_policy:
        authority === null ? null : { authority, private_key_type: managementKeyType ?? 'ecdsa' },
      certificate_management_status: authority === null ? null : managementStatus(row),
      dns_status:
        proof === null
          ? null
          : {
              proven_at: row.provenAt?.toISOString() ?? null,
              unproven_since: row.unprovenSince?.toISOString() ?? null,
              checked_at: row.checkedAt?.toISOString() ?? null,
              txt_name: proof.txtName,
              txt_value: proof.txtValue,
              proof: check?.proof ?? null,
              routing: check?.routing ?? null,
              acme: check?.acme ?? false,
              aliases: check?.aliases ?? [],
              addresses: check?.addresses ?? [],
            },
    };
  }

  endpoint(
    claim: LiveClaim,
    session: LiveSession | null,
    name: { readonly domain: ReservedDomainRow | null; readonly addr: ReservedAddrRow | null },
  ): EndpointResource {
    const { domain, addr } = name;
    const url = new URL(claim.url);
    const port = url.port === '' ? (defaultPorts.get(claim.proto) ?? 443) : Number(url.port);
    return {
      ...this.ref('endpoints', claim.endpointId),
      created_at: claim.startedAt,
      updated_at: claim.startedAt,
      name: claim.name,
      description: claim.description ?? '',
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
      bindings: [claim.internal === true ? 'internal' : 'public'],
      pooling_enabled: claim.poolingEnabled === true,
      traffic_policy: '',
      upstream_url: claim.forwardsTo,
      upstream_protocol: claim.forwardsProto ?? '',
      domain: domain === null ? null : this.ref('reserved_domains', domain.id),
      tcp_addr: addr === null ? null : this.ref('reserved_addrs', addr.id),
      tunnel: this.ref('tunnels', tunnelId(claim)),
      tunnel_session: this.ref('tunnel_sessions', claim.sessionId),
      edge: null,
      principal: null,
    };
  }

  cloudEndpoint(
    row: CloudEndpointRow,
    publicUrl: string,
    name: { readonly domain: ReservedDomainRow | null; readonly addr: ReservedAddrRow | null },
  ): EndpointResource {
    const { domain, addr } = name;
    const url = new URL(publicUrl);
    const port = url.port === '' ? (defaultPorts.get(row.proto) ?? 443) : Number(url.port);
    // A wildcard is no host that URL would take apart.
    const host = row.host === '' ? url.hostname : row.host;
    return {
      ...this.#common('endpoints', row),
      updated_at: row.updatedAt.toISOString(),
      name: '',
      type: 'cloud',
      public_url: publicUrl,
      url: publicUrl,
      proto: row.proto,
      scheme: row.proto,
      host,
      port,
      hostport: `${host}:${port}`,
      region: '',
      bindings: [row.internal ? 'internal' : 'public'],
      pooling_enabled: row.poolingEnabled,
      traffic_policy: row.trafficPolicy,
      upstream_url: '',
      upstream_protocol: '',
      domain: domain === null ? null : this.ref('reserved_domains', domain.id),
      tcp_addr: addr === null ? null : this.ref('reserved_addrs', addr.id),
      tunnel: null,
      tunnel_session: null,
      edge: null,
      principal: row.createdBy === null ? null : this.#principal(row.createdBy),
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
      labels: claim.labels ?? {},
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

  reservedAddr(row: ReservedAddrRow, host: string): ReservedAddrResource {
    return { ...this.#common('reserved_addrs', row), addr: `${host}:${row.port}`, region: '' };
  }

  tlsCertificate(row: TlsCertificateRow): TlsCertificateResource {
    const { subject, ...details } = certificateDetails(row.certificatePem);
    return {
      ...this.#common('tls_certificates', row),
      certificate_pem: row.certificatePem,
      subject_common_name: subject.commonName,
      subject_alternative_names: { dns_names: [...details.dnsNames], ips: [...details.ips] },
      issued_at: row.issuedAt?.toISOString() ?? null,
      not_before: details.notBefore.toISOString(),
      not_after: details.notAfter.toISOString(),
      key_usages: [...details.keyUsages],
      extended_key_usages: [...details.extendedKeyUsages],
      private_key_type: details.keyType,
      issuer_common_name: details.issuerCommonName,
      serial_number: details.serialNumber,
      subject_organization: subject.organization,
      subject_organizational_unit: subject.organizationalUnit,
      subject_locality: subject.locality,
      subject_province: subject.province,
      subject_country: subject.country,
    };
  }

  certificateAuthority(row: CertificateAuthorityRow): CertificateAuthorityResource {
    const details = certificateDetails(row.caPem);
    return {
      ...this.#common('certificate_authorities', row),
      ca_pem: row.caPem,
      subject_common_name: details.subject.commonName,
      not_before: details.notBefore.toISOString(),
      not_after: details.notAfter.toISOString(),
      key_usages: [...details.keyUsages],
      extended_key_usages: [...details.extendedKeyUsages],
    };
  }

  ipPolicy(row: IpPolicyRow): IpPolicyResource {
    return this.#common('ip_policies', row);
  }

  ipPolicyRule(row: IpPolicyRuleRow): IpPolicyRuleResource {
    const { cidr, action } = row;
    return { ...this.#common('ip_policy_rules', row), cidr, action, ip_policy: this.ref('ip_policies', row.policyId) };
  }

  ipRestriction(row: IpRestrictionRow): IpRestrictionResource {
    const { type, enforced } = row;
    const policies = row.policies.map(({ policyId }) => this.ref('ip_policies', policyId));
    return { ...this.#common('ip_restrictions', row), type, enforced, ip_policies: policies };
  }

  vault(row: VaultRow): VaultResource {
    return {
      ...this.#common('vaults', row),
      name: row.name,
      updated_at: row.updatedAt.toISOString(),
      created_by: row.createdBy,
      last_updated_by: row.lastUpdatedBy,
    };
  }

  vaultSecret(row: VaultSecretRow): VaultSecretResource {
    return {
      ...this.#common('vault_secrets', row),
      name: row.name,
      updated_at: row.updatedAt.toISOString(),
      vault: this.ref('vaults', row.vaultId),
      vault_name: row.vault.name,
      created_by: this.#principal(row.createdBy),
      last_updated_by: this.#principal(row.lastUpdatedBy),
    };
  }

  serviceUser(row: ServiceUserRow, collection: 'service_users' | 'bot_users' = 'service_users'): ServiceUserResource {
    const { name, active } = row;
    return { ...this.ref(collection, row.id), created_at: row.createdAt.toISOString(), name, active };
  }

  /** @param target without its secrets. */
  eventDestination(row: EventDestinationRow, target: EventDestinationResource['target']): EventDestinationResource {
    const failing = row.failures > 0;
    return {
      ...this.#common('event_destinations', row),
      format: row.format,
      target,
      delivery_status: {
        state: row.pausedAt !== null ? 'paused' : failing ? 'failing' : 'active',
        delivered: Number(row.delivered),
        given_up: Number(row.givenUp),
        last_delivered_at: row.lastDeliveredAt?.toISOString() ?? null,
        last_error: row.lastError,
        last_error_at: row.lastErrorAt?.toISOString() ?? null,
        next_attempt_at: failing && row.pausedAt === null ? row.nextAttemptAt.toISOString() : null,
      },
    };
  }

  eventSubscription(row: EventSubscriptionRow): EventSubscriptionResource {
    return {
      ...this.#common('event_subscriptions', row),
      sources: row.sources.map((source) => this.eventSource(row.id, source)),
      destinations: row.destinations.map(({ destinationId }) => this.ref('event_destinations', destinationId)),
    };
  }

  eventSource(subscriptionId: string, { type, filter, fields }: EventSourceChoice): EventSourceResource {
    return { type, filter, fields, uri: this.uri(`/event_subscriptions/${subscriptionId}/sources/${type}`) };
  }

  personalAccessToken(row: PersonalAccessTokenRow): PersonalAccessTokenResource {
    return {
      ...this.#common('personal_access_tokens', row),
      token: null,
      owner_id: row.userId,
      expires_at: row.expiresAt?.toISOString() ?? null,
      revoked_at: row.revokedAt?.toISOString() ?? null,
      last_used_at: row.lastUsedAt?.toISOString() ?? null,
    };
  }

  sshCredential(row: SshCredentialRow): SshCredentialResource {
    const { publicKey, acl, ownerId } = row;
    return { ...this.#common('ssh_credentials', row), public_key: publicKey, acl, owner_id: ownerId };
  }

  applicationUser(row: AppUserRow): ApplicationUserResource {
    const { provider } = row;
    return {
      ...this.ref('app/users', row.id),
      identity_provider: { name: provider, url: provider.includes('://') ? provider : '' },
      provider_user_id: row.subject,
      username: row.username,
      email: row.email,
      name: row.name,
      created_at: row.createdAt.toISOString(),
      last_active: row.lastActiveAt.toISOString(),
      last_login: row.lastLoginAt.toISOString(),
    };
  }

  applicationSession(row: AppSessionRow): ApplicationSessionResource {
    const agent = parseUserAgent(row.userAgent);
    const place = visitorPlace.nullable().parse(row.place);
    return {
      ...this.ref('app/sessions', row.id),
      public_url: row.publicUrl,
      browser_session: {
        user_agent: {
          raw: row.userAgent,
          browser_name: agent.name,
          browser_version: agent.version,
          device_type: agent.kind,
          os_name: agent.os,
          os_version: agent.osVersion,
        },
        ip_address: row.ip,
        location: place && {
          country_code: place.countryCode || null,
          latitude: place.latitude,
          longitude: place.longitude,
          lat_long_radius_km: place.radiusKm,
        },
      },
      application_user: this.ref('app/users', row.appUserId),
      created_at: row.createdAt.toISOString(),
      last_active: row.lastActiveAt.toISOString(),
      expires_at: row.expiresAt.toISOString(),
      endpoint: row.endpointId === null ? null : this.ref('endpoints', row.endpointId),
      edge: null,
      route: null,
    };
  }

  auditEvent(row: AuditEventRow): AuditEventResource {
    return {
      ...this.ref('audit_events', row.id),
      created_at: row.at.toISOString(),
      type: row.type,
      actor: { id: row.actorId, credential_id: row.credentialId, address: row.address },
      request_id: row.requestId,
      object_id: row.objectId,
      before: stored.parse(row.before),
      after: stored.parse(row.after),
    };
  }

  #common(collection: string, row: CommonRow) {
    const { description, metadata } = row;
    return { ...this.ref(collection, row.id), created_at: row.createdAt.toISOString(), description, metadata };
  }

  /** People have no resource of their own. */
  #principal(id: string): Ref {
    if (id.startsWith('service_')) return this.ref('service_users', id);
    if (id.startsWith('bot_')) return this.ref('bot_users', id);
    return id.startsWith('ak_') ? this.ref('api_keys', id) : { id, uri: '' };
  }
}

function managementStatus(row: ReservedDomainRow): ReservedDomainResource['certificate_management_status'] {
  const { jobStartedAt, jobRetriesAt, jobErrorCode, jobMessage } = row;
  return {
    renews_at: row.renewsAt?.toISOString() ?? null,
    provisioning_job:
      jobStartedAt === null
        ? null
        : {
            error_code: jobErrorCode,
            msg: jobMessage ?? '',
            started_at: jobStartedAt.toISOString(),
            retries_at: jobRetriesAt?.toISOString() ?? null,
          },
  };
}

interface CommonRow {
  readonly id: string;
  readonly description: string;
  readonly metadata: string;
  readonly createdAt: Date;
}

const stored = z.record(z.string(), z.json()).nullable();

/** The tunnel of an endpoint carries the same unique part in its id. */
export function tunnelId(claim: LiveClaim): string {
  return `tn_${claim.endpointId.slice(claim.endpointId.indexOf('_') + 1)}`;
}

const defaultPorts = new Map([
  ['http', 80],
  ['https', 443],
  ['tls', 443],
]);
