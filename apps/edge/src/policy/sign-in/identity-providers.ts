import type { Outgoing } from '@portico/outgoing';
import { LRUCache } from 'lru-cache';
import type { KeySets } from '../outgoing/key-sets.ts';
import { type Application, applicationId, IdentityProvider, type ProviderPlace } from './identity-provider.ts';

const PROVIDERS_MAX = 500;
/** Issuers move their endpoints seldom; openid-client's own objects keep nothing else. */
const LIFE_MS = 3_600_000;
/** An issuer that does not answer is not asked for every visitor again. */
const FAILURE_MS = 5_000;

/** The applications that were used lately, each connected once for all who want to sign in by it. */
export class IdentityProviders {
  readonly #outgoing: Outgoing;
  readonly #keySets: KeySets;
  readonly #known = new LRUCache<string, Promise<IdentityProvider>>({ max: PROVIDERS_MAX, ttl: LIFE_MS });

  constructor({ outgoing, keySets }: { outgoing: Outgoing; keySets: KeySets }) {
    this.#outgoing = outgoing;
    this.#keySets = keySets;
  }

  /** @throws {PorticoError} as `IdentityProvider.connect` */
  get(place: ProviderPlace, application: Application): Promise<IdentityProvider> {
    const id = applicationId(place, application);
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const made = IdentityProvider.connect(place, application, { outgoing: this.#outgoing, keySets: this.#keySets });
    this.#known.set(id, made);
    made.catch(() => {
      if (this.#known.peek(id) === made) this.#known.set(id, made, { ttl: FAILURE_MS });
    });
    return made;
  }
}
