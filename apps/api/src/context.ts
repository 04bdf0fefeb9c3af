import type { Database } from '@portico/db';
import type { AddressGuard, Outgoing } from '@portico/outgoing';
import type { Logger } from '@portico/service';
import type { ChangeHub } from './changes/change-hub.ts';
import type { ApiConfig } from './config.ts';
import type { EventSinks } from './deliveries/sinks.ts';
import type { DomainKeeper } from './domains/domain-keeper.ts';
import type { DomainResolver } from './domains/domain-resolver.ts';
import type { ExchangeStore } from './exchanges/exchange-store.ts';
import type { KeyStore } from './keys/key-store.ts';
import type { Plans } from './plans/plans.ts';
import type { LastUses } from './secrets/last-uses.ts';
import type { Seals } from './secrets/seals.ts';
import type { TokenHasher } from './secrets/token.ts';

/** What most parts of the API need; made once in `api.ts`. */
export interface ApiContext {
  readonly config: ApiConfig;
  readonly log: Logger;
  /** The time of day; tests move it. */
  now(): Date;
  readonly database: Database;
  readonly hasher: TokenHasher;
  readonly keys: KeyStore;
  readonly seals: Seals;
  readonly changes: ChangeHub;
  readonly lastUses: LastUses;
  /** The one way to addresses that others named (T5). */
  readonly outgoing: Outgoing;
  readonly guard: AddressGuard;
  readonly eventSinks: EventSinks;
  readonly exchanges: ExchangeStore;
  readonly plans: Plans;
  readonly domainResolver: DomainResolver;
  readonly domains: DomainKeeper;
  /** Obtains certificates; does nothing where the operator has set no authority. */
  readonly certificates: { wake(): void };
}
