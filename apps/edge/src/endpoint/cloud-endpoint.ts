import type { CloudEndpoint as CloudRecord } from '@portico/api-contract/internal';
import type { EndpointPolicy } from '../policy/endpoint-policy.ts';
import { createCounters, type EndpointCounters, type EndpointId, NO_AGENT, type Pool } from './endpoint.ts';
import type { CloudMember } from './url-slots.ts';

/**
 * A URL without an agent: its policy answers, or forwards to an internal endpoint. Router, counters and connections
 * keep the same object when it changes; the policy is swapped whole. It is compiled when a visitor first needs it.
 */
export class CloudEndpoint implements CloudMember {
  readonly id: EndpointId;
  readonly accountId: string;
  readonly counters: EndpointCounters = createCounters();
  readonly pool: Pool = NO_AGENT;
  readonly forwardsProto = 'http1';
  readonly proxyProtocol = 0;
  readonly forwardsTo = '';
  readonly #compiled: (endpoint: CloudEndpoint) => EndpointPolicy;
  readonly #urlOf: (record: CloudRecord) => { readonly url: string; readonly port: number };
  #record: CloudRecord;

  constructor(
    record: CloudRecord,
    {
      compiled,
      urlOf,
    }: {
      /** The policy of what the record says now. */
      compiled: (endpoint: CloudEndpoint) => EndpointPolicy;
      urlOf: (record: CloudRecord) => { readonly url: string; readonly port: number };
    },
  ) {
    this.id = record.id as EndpointId;
    this.accountId = record.accountId;
    this.#record = record;
    this.#compiled = compiled;
    this.#urlOf = urlOf;
  }

  get record(): CloudRecord {
    return this.#record;
  }

  set record(record: CloudRecord) {
    this.#record = record;
  }

  get poolingEnabled(): boolean {
    return this.#record.poolingEnabled;
  }

  get policy(): EndpointPolicy {
    return this.#compiled(this);
  }

  get url(): string {
    return this.#urlOf(this.#record).url;
  }

  get proto(): CloudRecord['proto'] {
    return this.#record.proto;
  }

  get host(): string {
    return this.#record.host;
  }

  get port(): number {
    return this.#urlOf(this.#record).port;
  }
}
