import type { z } from 'zod';
import * as certificates from './certificates.ts';
import * as events from './events.ts';
import * as exchanges from './exchanges.ts';
import * as ipPolicies from './ip-policies.ts';
import * as live from './live.ts';
import * as names from './names.ts';
import * as people from './people.ts';
import * as records from './records.ts';
import * as secrets from './secrets.ts';
import * as vaults from './vaults.ts';

/** One kind of thing of the REST API: what its routes, its documentation and its commands are all made from. */
export interface Collection<
  R extends z.ZodType = z.ZodType,
  C extends z.ZodType = z.ZodType,
  U extends z.ZodType = z.ZodType,
> {
  readonly path: `/${string}`;
  /** Under which a list carries its items. */
  readonly key: string;
  /** As people call one of them. */
  readonly noun: string;
  /** Name of its schema in the document. */
  readonly schema: string;
  readonly about: string;
  readonly resource: R;
  /** Null: not made, changed or removed here. */
  readonly create: C | null;
  readonly update: U | null;
  readonly removable: boolean;
  /** What `filter=` may compare besides id and created_at. */
  readonly filterFields: readonly string[];
}

function collection<R extends z.ZodType, C extends z.ZodType, U extends z.ZodType>(
  definition: Omit<Collection<R, C, U>, 'removable'> & { removable?: boolean },
): Collection<R, C, U> {
  return { ...definition, removable: definition.removable ?? definition.create !== null };
}

const texts = ['description', 'metadata'] as const;

const serviceUsers = {
  noun: 'service user',
  schema: 'ServiceUser',
  about: 'Machines that own authtokens and API keys.',
  resource: people.serviceUser,
  create: people.serviceUserCreate,
  update: people.serviceUserUpdate,
  filterFields: ['name', 'active'],
};

export const collections = {
  apiKeys: collection({
    path: '/api_keys',
    key: 'keys',
    noun: 'API key',
    schema: 'APIKey',
    about: 'What scripts call this API with. The key itself is shown once, by the request that makes it.',
    resource: secrets.apiKey,
    create: secrets.apiKeyCreate,
    update: secrets.apiKeyUpdate,
    filterFields: [...texts, 'owner_id'],
  }),
  credentials: collection({
    path: '/credentials',
    key: 'credentials',
    noun: 'credential',
    schema: 'Credential',
    about: 'Authtokens. Deleting one ends its sessions within seconds.',
    resource: secrets.credential,
    create: secrets.credentialCreate,
    update: secrets.credentialUpdate,
    filterFields: [...texts, 'owner_id', 'acl'],
  }),
  reservedDomains: collection({
    path: '/reserved_domains',
    key: 'reserved_domains',
    noun: 'reserved domain',
    schema: 'ReservedDomain',
    about: 'Host names that the account keeps, online or not.',
    resource: names.reservedDomain,
    create: names.reservedDomainCreate,
    update: names.reservedDomainUpdate,
    filterFields: [...texts, 'domain', 'region', 'cname_target'],
  }),
  reservedAddrs: collection({
    path: '/reserved_addrs',
    key: 'reserved_addrs',
    noun: 'reserved address',
    schema: 'ReservedAddr',
    about: 'Ports for tcp:// endpoints that the account keeps. The server chooses the port.',
    resource: names.reservedAddr,
    create: names.reservedAddrCreate,
    update: names.reservedAddrUpdate,
    filterFields: [...texts, 'addr', 'region'],
  }),
  endpoints: collection({
    path: '/endpoints',
    key: 'endpoints',
    noun: 'endpoint',
    schema: 'Endpoint',
    about:
      'URLs that are online. Those of agents live as long as their agent keeps them; those of the cloud are made here, ' +
      'and their traffic policy answers.',
    resource: live.endpoint,
    create: live.endpointCreate,
    update: live.endpointUpdate,
    filterFields: [
      ...texts,
      'url',
      'public_url',
      'type',
      'proto',
      'scheme',
      'host',
      'port',
      'hostport',
      'region',
      'name',
    ],
  }),
  tunnels: collection({
    path: '/tunnels',
    key: 'tunnels',
    noun: 'tunnel',
    schema: 'Tunnel',
    about: 'The same endpoints under their older name.',
    resource: live.tunnel,
    create: null,
    update: null,
    filterFields: ['metadata', 'public_url', 'proto', 'started_at', 'region', 'forwards_to'],
  }),
  tunnelSessions: collection({
    path: '/tunnel_sessions',
    key: 'tunnel_sessions',
    noun: 'tunnel session',
    schema: 'TunnelSession',
    about: 'Agents that are connected.',
    resource: live.tunnelSession,
    create: null,
    update: null,
    filterFields: ['metadata', 'agent_version', 'ip', 'os', 'region', 'started_at', 'transport'],
  }),
  tlsCertificates: collection({
    path: '/tls_certificates',
    key: 'tls_certificates',
    noun: 'TLS certificate',
    schema: 'TLSCertificate',
    about: 'Certificates of your own. Private keys are kept sealed and never shown.',
    resource: certificates.tlsCertificate,
    create: certificates.tlsCertificateCreate,
    update: certificates.tlsCertificateUpdate,
    filterFields: [...texts, 'subject_common_name', 'not_before', 'not_after', 'serial_number', 'issuer_common_name'],
  }),
  certificateAuthorities: collection({
    path: '/certificate_authorities',
    key: 'certificate_authorities',
    noun: 'certificate authority',
    schema: 'CertificateAuthority',
    about: 'Authorities whose certificates an endpoint may ask of its visitors.',
    resource: certificates.certificateAuthority,
    create: certificates.certificateAuthorityCreate,
    update: certificates.certificateAuthorityUpdate,
    filterFields: [...texts, 'subject_common_name', 'not_before', 'not_after'],
  }),
  ipPolicies: collection({
    path: '/ip_policies',
    key: 'ip_policies',
    noun: 'IP policy',
    schema: 'IPPolicy',
    about: 'Sets of address ranges.',
    resource: ipPolicies.ipPolicy,
    create: ipPolicies.ipPolicyCreate,
    update: ipPolicies.ipPolicyUpdate,
    filterFields: texts,
  }),
  ipPolicyRules: collection({
    path: '/ip_policy_rules',
    key: 'ip_policy_rules',
    noun: 'IP policy rule',
    schema: 'IPPolicyRule',
    about: 'Ranges that an IP policy lets in or keeps out.',
    resource: ipPolicies.ipPolicyRule,
    create: ipPolicies.ipPolicyRuleCreate,
    update: ipPolicies.ipPolicyRuleUpdate,
    filterFields: [...texts, 'cidr', 'action', 'ip_policy.id'],
  }),
  ipRestrictions: collection({
    path: '/ip_restrictions',
    key: 'ip_restrictions',
    noun: 'IP restriction',
    schema: 'IPRestriction',
    about: 'From which addresses the API, the dashboard, agents and endpoints may be used.',
    resource: ipPolicies.ipRestriction,
    create: ipPolicies.ipRestrictionCreate,
    update: ipPolicies.ipRestrictionUpdate,
    filterFields: [...texts, 'type', 'enforced'],
  }),
  eventDestinations: collection({
    path: '/event_destinations',
    key: 'event_destinations',
    noun: 'event destination',
    schema: 'EventDestination',
    about: 'Where events go.',
    resource: events.eventDestination,
    create: events.eventDestinationCreate,
    update: events.eventDestinationUpdate,
    filterFields: [...texts, 'format'],
  }),
  eventSubscriptions: collection({
    path: '/event_subscriptions',
    key: 'event_subscriptions',
    noun: 'event subscription',
    schema: 'EventSubscription',
    about: 'Which events go to which destinations.',
    resource: events.eventSubscription,
    create: events.eventSubscriptionCreate,
    update: events.eventSubscriptionUpdate,
    filterFields: texts,
  }),
  vaults: collection({
    path: '/vaults',
    key: 'vaults',
    noun: 'vault',
    schema: 'Vault',
    about: 'Sets of secrets.',
    resource: vaults.vault,
    create: vaults.vaultCreate,
    update: vaults.vaultUpdate,
    filterFields: [...texts, 'name', 'created_by', 'updated_at'],
  }),
  vaultSecrets: collection({
    path: '/vault_secrets',
    key: 'secrets',
    noun: 'secret',
    schema: 'Secret',
    about: 'Values that are written and never shown again.',
    resource: vaults.vaultSecret,
    create: vaults.vaultSecretCreate,
    update: vaults.vaultSecretUpdate,
    filterFields: [...texts, 'name', 'vault.id', 'updated_at'],
  }),
  serviceUsers: collection({ ...serviceUsers, path: '/service_users', key: 'service_users' }),
  botUsers: collection({
    ...serviceUsers,
    path: '/bot_users',
    key: 'bot_users',
    about: 'Service users, by an older name.',
  }),
  personalAccessTokens: collection({
    path: '/personal_access_tokens',
    key: 'personal_access_tokens',
    noun: 'personal access token',
    schema: 'PersonalAccessToken',
    about: 'Your own keys for this API: they may what you may. Each person sees only their own.',
    resource: people.personalAccessToken,
    create: people.personalAccessTokenCreate,
    update: people.personalAccessTokenUpdate,
    filterFields: [...texts, 'expires_at', 'revoked_at', 'last_used_at'],
  }),
  sshCredentials: collection({
    path: '/ssh_credentials',
    key: 'ssh_credentials',
    noun: 'SSH credential',
    schema: 'SSHCredential',
    about: 'Public keys that may open tunnels over SSH.',
    resource: people.sshCredential,
    create: people.sshCredentialCreate,
    update: people.sshCredentialUpdate,
    filterFields: [...texts, 'owner_id', 'acl', 'public_key'],
  }),
  applicationUsers: collection({
    path: '/app/users',
    key: 'application_users',
    noun: 'application user',
    schema: 'ApplicationUser',
    about: 'Visitors who signed in through a traffic policy. Deleting one signs them out everywhere.',
    resource: people.applicationUser,
    create: null,
    update: null,
    removable: true,
    filterFields: ['email', 'name', 'username', 'provider_user_id', 'identity_provider.name', 'last_active'],
  }),
  applicationSessions: collection({
    path: '/app/sessions',
    key: 'application_sessions',
    noun: 'application session',
    schema: 'ApplicationSession',
    about: 'Their browsers. Deleting one signs it out within seconds.',
    resource: people.applicationSession,
    create: null,
    update: null,
    removable: true,
    filterFields: ['public_url', 'application_user.id', 'last_active', 'expires_at'],
  }),
  exchanges: collection({
    path: '/exchanges',
    key: 'exchanges',
    noun: 'exchange',
    schema: 'Exchange',
    about: 'Requests of visitors and their answers, of accounts that keep them.',
    resource: exchanges.exchange,
    create: null,
    update: null,
    removable: true,
    filterFields: [
      'endpoint_id',
      'url',
      'method',
      'host',
      'path',
      'status_code',
      'error_code',
      'outcome',
      'client_ip',
      'agent',
      'timing.total_ms',
      'request_bytes',
      'response_bytes',
      'replay_of',
    ],
  }),
  auditEvents: collection({
    path: '/audit_events',
    key: 'audit_events',
    noun: 'audit event',
    schema: 'AuditEvent',
    about: 'Every change that was made in the account. Nothing can be changed or removed here.',
    resource: records.auditEvent,
    create: null,
    update: null,
    filterFields: ['type', 'object_id', 'request_id', 'actor.id', 'actor.credential_id', 'actor.address'],
  }),
} as const;

export type CollectionName = keyof typeof collections;
