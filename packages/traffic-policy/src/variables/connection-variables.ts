import { classRecord, plainRecord, TEXT_FIELD, TIMESTAMP } from '../expressions/record-type.ts';
import type {
  CertificateFacts,
  ConnectionContext,
  EndpointContext,
  IpFacts,
  LocationFacts,
  NameFacts,
} from './contexts.ts';

/** `conn` as expressions see it. */
export class ConnectionVariables {
  readonly #connection: ConnectionContext;

  constructor(connection: ConnectionContext) {
    this.#connection = connection;
  }

  get client_ip(): IpVariables {
    return new IpVariables(this.#connection.clientIp, this.#connection);
  }

  get client_port(): bigint {
    return BigInt(this.#connection.clientPort);
  }

  get server_ip(): IpVariables {
    return new IpVariables(this.#connection.serverIp, this.#connection);
  }

  get server_port(): bigint {
    return BigInt(this.#connection.serverPort);
  }

  get server_region(): string {
    return this.#connection.serverRegion;
  }

  get bytes_in(): bigint {
    return BigInt(this.#connection.bytesIn);
  }

  get bytes_out(): bigint {
    return BigInt(this.#connection.bytesOut);
  }

  get ts(): object {
    return CONNECTION_TIMES.wrap({ start: this.#connection.startedAt });
  }

  /** Undefined without data about the visitor's address. */
  get geo(): object | undefined {
    const location = this.#connection.ipFacts(this.#connection.clientIp)?.location ?? null;
    return location === null ? undefined : GEO.wrap(locationFields(location));
  }

  /** Undefined where there is no TLS that ends here. */
  get tls(): object | undefined {
    const { tls } = this.#connection;
    if (tls === null) return undefined;
    return CONNECTION_TLS.wrap({
      version: tls.version,
      cipher_suite: tls.cipherSuite,
      sni: tls.sni,
      negotiated_alpn: tls.negotiatedAlpn,
      session_resumed: tls.sessionResumed,
      ja4_fingerprint: tls.ja4Fingerprint,
      client: tls.client === null ? null : certificateFields(tls.client),
      server: tls.server === null ? null : certificateFields(tls.server),
    });
  }
}

/** An address: a text that also knows what the operator's data files say about it. */
export class IpVariables {
  readonly #ip: string;
  readonly #connection: ConnectionContext;

  constructor(ip: string, connection: ConnectionContext) {
    this.#ip = ip;
    this.#connection = connection;
  }

  get [TEXT_FIELD](): string {
    return this.#ip;
  }

  get categories(): string[] {
    return [...(this.#facts?.categories ?? [])];
  }

  get is_on_blocklist(): boolean {
    return this.categories.some((category) => category === 'blocklist' || category.startsWith('blocklist.'));
  }

  get is_tor_node(): boolean {
    return this.categories.includes('proxy.anonymous.tor');
  }

  get as(): object | undefined {
    const facts = this.#facts;
    return facts === null ? undefined : AS.wrap({ number: facts.asNumber, organization: facts.asOrganization });
  }

  get geo(): object | undefined {
    const facts = this.#facts;
    if (facts === null) return undefined;
    return IP_GEO.wrap({
      location: facts.location === null ? null : locationFields(facts.location),
      registered_location: facts.registeredLocation === null ? null : locationFields(facts.registeredLocation),
    });
  }

  get #facts(): IpFacts | null {
    return this.#connection.ipFacts(this.#ip);
  }
}

const LOCATION_FIELDS = {
  city: 'string',
  continent: 'string',
  country: 'string',
  country_code: 'string',
  is_eu: 'bool',
  latitude: 'string',
  longitude: 'string',
  metro_code: 'string',
  postal_code: 'string',
  radius: 'string',
  subdivision: 'string',
  timezone: 'string',
};
const LOCATION = plainRecord('Location', LOCATION_FIELDS);
const IP_GEO = plainRecord('IpGeo', { location: LOCATION, registered_location: LOCATION });
const AS = plainRecord('AutonomousSystem', { number: 'int', organization: 'string' });
const GEO = plainRecord('ConnectionGeo', {
  city: 'string',
  country: 'string',
  country_code: 'string',
  latitude: 'string',
  longitude: 'string',
  radius: 'string',
  subdivision: 'string',
});
export const IP = classRecord('IpAddress', IpVariables, {
  [TEXT_FIELD]: 'string',
  categories: 'list<string>',
  is_on_blocklist: 'bool',
  is_tor_node: 'bool',
  as: AS,
  geo: IP_GEO,
});

const CONNECTION_TIMES = plainRecord('ConnectionTimes', { start: TIMESTAMP });

const NAME = plainRecord('DistinguishedName', {
  [TEXT_FIELD]: 'string',
  common_name: 'string',
  country: 'list<string>',
  locality: 'list<string>',
  organization: 'list<string>',
  organizational_unit: 'list<string>',
  postal_code: 'list<string>',
  province: 'list<string>',
  street_address: 'list<string>',
});
const SAN = plainRecord('SubjectAlternativeNames', {
  [TEXT_FIELD]: 'string',
  dns_names: 'list<string>',
  email_addresses: 'list<string>',
  ip_addresses: 'list<string>',
  uris: 'list<string>',
});
const EXTENSION = plainRecord('CertificateExtension', { id: 'string', critical: 'bool', value: 'bytes' });
/** Types that are only named inside a list or map and so must be declared by hand. */
export const ELEMENT_TYPES = [EXTENSION];
export const CERTIFICATE = plainRecord('Certificate', {
  subject: NAME,
  issuer: NAME,
  san: SAN,
  serial_number: 'string',
  signature_algorithm: 'string',
  validity: plainRecord('CertificateValidity', { not_before: TIMESTAMP, not_after: TIMESTAMP }),
  pem: 'string',
  extensions: `list<${EXTENSION.name}>`,
});
export const TLS_FIELDS = {
  version: 'string',
  cipher_suite: 'string',
  sni: 'string',
  negotiated_alpn: 'string',
  session_resumed: 'bool',
  ja4_fingerprint: 'string',
  client: CERTIFICATE,
  server: CERTIFICATE,
};
const CONNECTION_TLS = plainRecord('ConnectionTls', TLS_FIELDS);

export const CONNECTION = classRecord('Connection', ConnectionVariables, {
  client_ip: IP,
  client_port: 'int',
  server_ip: IP,
  server_port: 'int',
  server_region: 'string',
  bytes_in: 'int',
  bytes_out: 'int',
  ts: CONNECTION_TIMES,
  geo: GEO,
  tls: CONNECTION_TLS,
});

/** `endpoint` as expressions see it. */
export class EndpointVariables {
  readonly #endpoint: EndpointContext;

  constructor(endpoint: EndpointContext) {
    this.#endpoint = endpoint;
  }

  get id(): string {
    return this.#endpoint.id;
  }

  get url(): string {
    return this.#endpoint.url;
  }

  get host(): string {
    return this.#endpoint.host;
  }

  get port(): bigint {
    return BigInt(this.#endpoint.port);
  }

  get addr(): string {
    return `${this.#endpoint.host}:${this.#endpoint.port}`;
  }

  get protocol(): string {
    return this.#endpoint.protocol;
  }
}

export const ENDPOINT = classRecord('Endpoint', EndpointVariables, {
  id: 'string',
  url: 'string',
  host: 'string',
  port: 'int',
  addr: 'string',
  protocol: 'string',
});

function locationFields(location: LocationFacts): object {
  return {
    ...location,
    country_code: location.countryCode,
    is_eu: location.isEu,
    metro_code: location.metroCode,
    postal_code: location.postalCode,
  };
}

/** As `conn.tls.client` and the result of `terminate-tls` hold a certificate. */
export function certificateFields(certificate: CertificateFacts): object {
  const { dnsNames, emailAddresses, ipAddresses, uris } = certificate.san;
  return {
    subject: nameFields(certificate.subject),
    issuer: nameFields(certificate.issuer),
    san: {
      [TEXT_FIELD]: [
        ...dnsNames.map((name) => `DNS:${name}`),
        ...emailAddresses.map((address) => `email:${address}`),
        ...ipAddresses.map((ip) => `IP Address:${ip}`),
        ...uris.map((uri) => `URI:${uri}`),
      ].join(', '),
      dns_names: dnsNames,
      email_addresses: emailAddresses,
      ip_addresses: ipAddresses,
      uris,
    },
    serial_number: certificate.serialNumber,
    signature_algorithm: certificate.signatureAlgorithm,
    validity: { not_before: certificate.notBefore, not_after: certificate.notAfter },
    pem: certificate.pem,
    extensions: certificate.extensions.map((extension) => EXTENSION.wrap(extension)),
  };
}

function nameFields(name: NameFacts): object {
  return {
    [TEXT_FIELD]: name.text,
    common_name: name.commonName,
    country: name.country,
    locality: name.locality,
    organization: name.organization,
    organizational_unit: name.organizationalUnit,
    postal_code: name.postalCode,
    province: name.province,
    street_address: name.streetAddress,
  };
}
