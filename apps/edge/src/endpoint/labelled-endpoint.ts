import { PorticoError } from '@portico/errors';
import type { BoundEndpoint } from './bound-endpoint.ts';
import type { Endpoint, EndpointProto } from './endpoint.ts';

export type Labels = Readonly<Record<string, string>>;

/** An internal name has at most five parts, and `internal` is one. */
const LABELS_MAX = 4;

/**
 * The internal host of a labelled tunnel (decision 009): `app=web` and `env=Prod_EU` are `app-web.env-prod-eu.internal`.
 * Labels stand in the order of their keys; what a host name cannot have becomes a hyphen.
 * @throws PorticoError 310 naming what is wrong with them
 */
export function hostOfLabels(labels: ReadonlyMap<string, string>): string {
  if (labels.size < 1 || labels.size > LABELS_MAX) {
    throw new PorticoError(310, { option: `Labels, ${labels.size} of them where 1 to ${LABELS_MAX} are accepted` });
  }
  const parts = [...labels]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => {
      const part = `${hostPart(key)}-${hostPart(value)}`;
      const isPart = hostPart(key) !== '' && hostPart(value) !== '' && part.length <= 63;
      if (!isPart) throw new PorticoError(310, { option: `the label ${`${key}=${value}`.slice(0, 80)}` });
      return part;
    });
  return `${parts.join('.')}.internal`;
}

function hostPart(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .replaceAll(/^-+|-+$/g, '');
}

/** Labels without an order, for comparing. */
export function sameLabels(one: Labels | null, other: Labels | null): boolean {
  if (one === null || other === null) return one === other;
  const entries = Object.entries(one);
  return entries.length === Object.keys(other).length && entries.every(([key, value]) => other[key] === value);
}

/** A labelled tunnel as connections reach it: whoever forwards to it says what it speaks. */
export class LabelledConnections implements Endpoint {
  readonly #endpoint: BoundEndpoint;
  readonly proto: EndpointProto;
  readonly port: number;

  constructor(endpoint: BoundEndpoint, { proto, port }: { proto: 'tcp' | 'tls'; port: number }) {
    this.#endpoint = endpoint;
    this.proto = proto;
    this.port = port;
  }

  get id(): Endpoint['id'] {
    return this.#endpoint.id;
  }

  get accountId(): string {
    return this.#endpoint.accountId;
  }

  get host(): string {
    return this.#endpoint.host;
  }

  get url(): string {
    return `${this.proto}://${this.host}:${this.port}`;
  }

  get pool(): Endpoint['pool'] {
    return this.#endpoint.pool;
  }

  get counters(): Endpoint['counters'] {
    return this.#endpoint.counters;
  }

  get forwardsProto(): Endpoint['forwardsProto'] {
    return this.#endpoint.forwardsProto;
  }

  get proxyProtocol(): Endpoint['proxyProtocol'] {
    return this.#endpoint.proxyProtocol;
  }

  get forwardsTo(): string {
    return this.#endpoint.forwardsTo;
  }

  get policy(): Endpoint['policy'] {
    return this.#endpoint.policy;
  }
}
