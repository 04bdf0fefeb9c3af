/**
 * What a policy may ask about traffic. The edge implements these over what it holds, with getters: nothing is built
 * until an expression asks for it. All texts are as received, latin1 for header fields.
 */
export interface ConnectionContext {
  readonly clientIp: string;
  readonly clientPort: number;
  readonly serverIp: string;
  readonly serverPort: number;
  readonly serverRegion: string;
  readonly startedAt: Date;
  /** Bytes from and to the visitor on this connection so far. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Null before TLS is terminated and where there is none. */
  readonly tls: TlsFacts | null;
  /** What the operator's data files say about an address; null without files. */
  ipFacts(ip: string): IpFacts | null;
}

export interface EndpointContext {
  readonly id: string;
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
}

export interface RequestContext {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Host and port as the visitor named them. */
  readonly authority: string;
  /** Origin-form or `*`, byte for byte. */
  readonly target: string;
  /** `HTTP/1.1`, `HTTP/2.0`. */
  readonly version: string;
  /** Flat `[name, value, …]`; names in any case. */
  readonly fields: readonly string[];
  /** Empty until the body has come. */
  readonly trailers: readonly string[];
  /** Null when the length is not known. */
  readonly contentLength: number | null;
  readonly headerReceivedAt: Date;
  readonly bodyReceivedAt: Date | null;
}

export interface ResponseContext {
  readonly statusCode: number;
  readonly fields: readonly string[];
  readonly trailers: readonly string[];
  readonly contentLength: number | null;
}

/** One message of an event stream, as a program that listens to it would see it. */
export interface MessageContext {
  /** `message` where it has no name. */
  readonly event: string;
  /** Its lines of data with line feeds between them; null when it has none. */
  readonly data: string | null;
  /** Empty when it does not set one. */
  readonly id: string;
  /** Digits; null when it does not set one. */
  readonly retry: string | null;
}

export interface TlsFacts {
  /** `1.2`, `1.3`. */
  readonly version: string;
  readonly cipherSuite: string;
  readonly sni: string;
  readonly negotiatedAlpn: string;
  readonly sessionResumed: boolean;
  readonly ja4Fingerprint: string | null;
  readonly client: CertificateFacts | null;
  readonly server: CertificateFacts | null;
}

export interface CertificateFacts {
  readonly subject: NameFacts;
  readonly issuer: NameFacts;
  readonly san: {
    readonly dnsNames: readonly string[];
    readonly emailAddresses: readonly string[];
    readonly ipAddresses: readonly string[];
    readonly uris: readonly string[];
  };
  readonly serialNumber: string;
  readonly signatureAlgorithm: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly pem: string;
  readonly extensions: readonly { readonly id: string; readonly critical: boolean; readonly value: Uint8Array }[];
}

/** A distinguished name: its RFC 2253 text and its parts. */
export interface NameFacts {
  readonly text: string;
  readonly commonName: string;
  readonly country: readonly string[];
  readonly locality: readonly string[];
  readonly organization: readonly string[];
  readonly organizationalUnit: readonly string[];
  readonly postalCode: readonly string[];
  readonly province: readonly string[];
  readonly streetAddress: readonly string[];
}

export interface IpFacts {
  /** Dotted: `proxy.anonymous.tor`, `com.github.hooks`, `blocklist.spamhaus`. */
  readonly categories: readonly string[];
  readonly asNumber: number | null;
  readonly asOrganization: string | null;
  readonly location: LocationFacts | null;
  readonly registeredLocation: LocationFacts | null;
}

/** All texts; empty where the data files do not say. Coordinates are decimal degrees, the radius kilometres. */
export interface LocationFacts {
  readonly city: string;
  readonly continent: string;
  readonly country: string;
  readonly countryCode: string;
  readonly isEu: boolean;
  readonly latitude: string;
  readonly longitude: string;
  readonly metroCode: string;
  readonly postalCode: string;
  readonly radius: string;
  readonly subdivision: string;
  readonly timezone: string;
}

/** Where `secrets.get(vault, name)` looks. Null: there is no such vault or secret. */
export interface SecretStore {
  get(vault: string, name: string): string | null;
}

export const NO_SECRETS: SecretStore = { get: () => null };
