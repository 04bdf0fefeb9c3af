import type { AuditedObject } from '@portico/api-contract/public';
import { listenToDatabase, type Notifications, RECORDS_CHANNEL, type RecordNotice } from '@portico/db';
import type { Logger } from '@portico/service';
import { z } from 'zod';
import { permissionFor, type Rights } from '../memberships/permissions.ts';
import { AccountListeners } from './account-listeners.ts';

/** Which lists of the REST API show an object; `team` is the dashboard's own. */
const listsOf: Readonly<Record<AuditedObject, readonly string[]>> = {
  api_key: ['api_keys'],
  tunnel_credential: ['credentials'],
  domain: ['reserved_domains'],
  tcp_address: ['reserved_addrs'],
  tls_certificate: ['tls_certificates'],
  certificate_authority: ['certificate_authorities'],
  endpoint: ['endpoints'],
  ip_policy: ['ip_policies'],
  ip_policy_rule: ['ip_policy_rules'],
  ip_restriction: ['ip_restrictions'],
  event_subscription: ['event_subscriptions'],
  event_destination: ['event_destinations'],
  vault: ['vaults'],
  secret: ['vault_secrets', 'vaults'],
  service_user: ['service_users', 'bot_users'],
  ssh_public_key: ['ssh_credentials'],
  personal_access_token: ['personal_access_tokens'],
  application_user: ['app'],
  application_session: ['app'],
  login: [],
  user: ['team'],
  membership: ['team'],
  invitation: ['team'],
  account: ['account'],
  capture: ['capture'],
  plan: [],
};

/** The lists that are others when an object of this kind was changed; the log is one of them. */
export function listsWith(object: AuditedObject): readonly string[] {
  return [...listsOf[object], 'audit_events'];
}

/** What is told to one page: `null` when anything may have changed. */
export type RecordNews = Pick<RecordNotice, 'collections' | 'userId'> | null;
type Listener = (news: RecordNews) => void;

const notice = z.object({ accountId: z.string(), collections: z.array(z.string()), userId: z.string().nullable() });

/** Hands what the database tells of changed lists to the open pages of that account. Whoever subscribed stops. */
export class RecordNewsHub {
  readonly #listeners = new AccountListeners<Listener>();

  /** Begins to listen; nothing is heard before. Closed by whoever called. */
  start({ databaseUrl, log }: { databaseUrl: string; log: Logger }): Notifications {
    return listenToDatabase({
      url: databaseUrl,
      channel: RECORDS_CHANNEL,
      onNotify: (payload) => this.take(payload),
      onError: (error) => log.warn({ err: error }, 'the database no longer tells of changed records'),
    });
  }

  /** @param payload as `tellRecordsChanged` wrote it; null: something may have been missed. */
  take(payload: string | null): void {
    const told = payload === null ? null : readNotice(payload);
    if (told === null) {
      for (const accountId of this.#listeners.accounts()) {
        for (const listener of this.#listeners.of(accountId)) listener(null);
      }
      return;
    }
    const { accountId, collections, userId } = told;
    for (const listener of this.#listeners.of(accountId)) listener({ collections, userId });
  }

  /** Returns how to stop. */
  subscribe(accountId: string, listener: Listener): () => void {
    return this.#listeners.add(accountId, listener);
  }
}

/** Null for what another version may have written: anything may have changed. */
function readNotice(payload: string): RecordNotice | null {
  try {
    return notice.parse(JSON.parse(payload));
  } catch {
    return null;
  }
}

/** Of these lists, those that somebody with these rights may read. */
export function readableLists(
  { collections, userId: changedBy }: NonNullable<RecordNews>,
  { rights, userId }: { readonly rights: Rights; readonly userId: string },
): string[] {
  return collections.filter((name) => {
    if (name === 'team') return rights.permissions.has('team.read');
    const permission = permissionFor('GET', `/${name}`);
    // What needs no permission is everybody's own.
    return permission === null ? changedBy === userId : rights.permissions.has(permission);
  });
}
