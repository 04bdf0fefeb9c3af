import { ACCOUNTS_CHANNEL, listenToDatabase, type Notifications } from '@portico/db';
import type { ApiContext } from '../context.ts';

/**
 * Passes on what the database tells of accounts: who is suspended, removed or gets another plan, by whatever process
 * or hand, is heard by every edge at once. What is not heard is found when edges compare, a minute later at most.
 */
export function tellAccountChanges({ config, changes, plans, log }: ApiContext): Notifications {
  return listenToDatabase({
    url: config.databaseUrl,
    channel: ACCOUNTS_CHANNEL,
    onNotify: (payload) => {
      void plans
        .load()
        .catch(() => {})
        .then(() => {
          if (payload === null) return;
          const accountId = payload.slice(1);
          changes.publish({ kind: 'account-changed', accountId });
          // Of which credential does not matter: it makes edges compare all their grants.
          if (payload.startsWith('g')) changes.publish({ kind: 'grant-changed', credentialId: accountId });
        });
    },
    onError: (error) => log.warn({ err: error }, 'the database no longer tells of accounts'),
  });
}
