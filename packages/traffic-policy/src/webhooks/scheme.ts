/** How a provider signs what it sends: everything that `verify-webhook` knows about it. */
export type WebhookScheme =
  | HmacScheme
  /** The secret itself is in a field. */
  | { readonly kind: 'token'; readonly field: string }
  /** `Authorization: Basic`; the secret is `user::password`. */
  | { readonly kind: 'basic' }
  /** ECDSA P-256 over timestamp and body; the secret is the public key, base64 of its DER. */
  | { readonly kind: 'ecdsa'; readonly field: string; readonly timestampField: string }
  /** Signed with a certificate that has to be fetched: see `sns.ts`. */
  | { readonly kind: 'certificate' }
  /** One of several, by the fields that came. */
  | { readonly kind: 'first-present'; readonly schemes: readonly HmacScheme[] };

export interface HmacScheme {
  readonly kind: 'hmac';
  /** Fields that may hold a signature; one that fits is enough. Empty: it is in the body, see `signatureIn`. */
  readonly fields: readonly string[];
  readonly digest: 'sha1' | 'sha256' | 'sha512';
  /** `hash`: the plain digest of secret and message. */
  readonly construction?: 'hmac' | 'hash';
  /** What stands before the signature in the field. */
  readonly prefix?: string;
  /**
   * The field is a list: `t=1,v1=abc` with the key of the signature, or blanks between `v1,abc` entries. Several
   * signatures under one key are all tried: secrets are being changed then.
   */
  readonly list?:
    | { readonly kind: 'pairs'; readonly key: string }
    | { readonly kind: 'versions'; readonly key: string };
  /** A path in a JSON body instead of a field. */
  readonly signatureIn?: readonly string[];
  /** How the secret becomes a key; its UTF-8 bytes when absent. */
  readonly key?: 'base64' | 'whsec';
  /** What is signed, in order. */
  readonly message: readonly MessagePart[];
  readonly timestamp?: TimestampSource;
}

export type MessagePart =
  | { readonly literal: string }
  | { readonly field: string }
  | { readonly json: readonly string[] }
  | 'body'
  | 'method'
  /** Scheme, host, path and query as the visitor sent them. */
  | 'url'
  | 'url-without-query'
  /** Path and query. */
  | 'target'
  | 'timestamp'
  /** Form fields, sorted by name, names and values joined without anything between. */
  | 'sorted-form'
  | 'contentful-fields'
  | 'graphcms-envelope'
  | 'plivo-parameters'
  | 'twilio-parameters';

export interface TimestampSource {
  /** A field of its own, the key in the list of the signature field, or a path in a JSON body. */
  readonly from: { readonly field: string } | { readonly listKey: string } | { readonly json: readonly string[] };
  readonly unit: 's' | 'ms' | 'iso';
  /** Signed, but old ones are accepted: the provider retries with the first signature. */
  readonly anyAge?: boolean;
}
