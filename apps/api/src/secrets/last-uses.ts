import { type Database, type LastUse, noteApiKeyUse, noteCredentialUse, notePersonalAccessTokenUse } from '@portico/db';
import type { Logger } from '@portico/service';

const usesMax = 10_000;

/**
 * When and from where secrets were last used: gathered in memory, written a few times a minute in one statement, so
 * that nobody waits for it and an outage costs nothing but the newest of these notes.
 */
export class LastUses {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #credentials = new Map<string, LastUse>();
  #apiKeys = new Map<string, LastUse>();
  #personalTokens = new Map<string, LastUse>();

  constructor({ database, log, everyMs = 2_000 }: { database: Database; log: Logger; everyMs?: number }) {
    this.#database = database;
    this.#log = log;
    this.#timer = setInterval(() => void this.flush(), everyMs);
    this.#timer.unref();
  }

  noteCredential(use: LastUse): void {
    if (this.#credentials.size < usesMax) this.#credentials.set(use.id, use);
  }

  noteApiKey(use: LastUse): void {
    if (this.#apiKeys.size < usesMax) this.#apiKeys.set(use.id, use);
  }

  notePersonalToken(use: LastUse): void {
    if (this.#personalTokens.size < usesMax) this.#personalTokens.set(use.id, use);
  }

  async flush(): Promise<void> {
    const personal = [...this.#personalTokens.values()];
    this.#personalTokens = new Map();
    const credentials = [...this.#credentials.values()];
    const apiKeys = [...this.#apiKeys.values()];
    this.#credentials = new Map();
    this.#apiKeys = new Map();
    try {
      if (credentials.length > 0) await noteCredentialUse(this.#database.queries, credentials);
      if (apiKeys.length > 0) await noteApiKeyUse(this.#database.queries, apiKeys);
      for (const use of personal) await notePersonalAccessTokenUse(this.#database.queries, use.id, use);
    } catch (error) {
      this.#log.debug({ err: error }, 'last uses were not written');
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
