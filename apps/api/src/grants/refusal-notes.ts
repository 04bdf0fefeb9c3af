import { addEvents, type CredentialWithAccount, type LifecycleEventRow, queueEvents } from '@portico/db';
import { type PorticoError, shortened } from '@portico/errors';
import { newId } from '@portico/service';
import type { ApiContext } from '../context.ts';
import { lifecycleObject } from '../deliveries/lifecycle-object.ts';

const everyMs = 60_000;
const notedMax = 10_000;

/**
 * Tells an account that one of its tokens was refused, once a minute and token: an agent with a revoked token comes
 * back for ever. Edges cannot tell it, since they do not know whose token it was.
 */
export class RefusalNotes {
  readonly #context: Pick<ApiContext, 'database' | 'log' | 'now'>;
  readonly #onEvent: (event: LifecycleEventRow) => void;
  readonly #notedAt = new Map<string, number>();

  constructor(context: Pick<ApiContext, 'database' | 'log' | 'now'>, onEvent: (event: LifecycleEventRow) => void) {
    this.#context = context;
    this.#onEvent = onEvent;
  }

  note(credential: CredentialWithAccount, error: PorticoError, from: { nodeId: string; ip: string }): void {
    const at = this.#context.now();
    const before = this.#notedAt.get(credential.id);
    if (before !== undefined && at.getTime() - before < everyMs) return;
    if (this.#notedAt.size >= notedMax) this.#notedAt.clear();
    this.#notedAt.set(credential.id, at.getTime());
    void this.#write(credential, error, from, at);
  }

  async #write(
    credential: CredentialWithAccount,
    error: PorticoError,
    { nodeId, ip }: { nodeId: string; ip: string },
    at: Date,
  ): Promise<void> {
    const object = {
      ip,
      credentialId: credential.id,
      credential: shortened(credential.tokenPrefix),
      errorCode: error.code,
      reason: error.message,
    };
    const event = {
      id: newId('ev', at.getTime()),
      type: 'agent_session_refused.v0',
      at,
      accountId: credential.accountId,
      nodeId,
      object,
    };
    try {
      await this.#context.database.transaction(async (tx) => {
        await addEvents(tx, [event]);
        await queueEvents(tx, [{ ...event, object: lifecycleObject(object), principal: null }], at);
      });
      this.#onEvent(event);
    } catch (failure) {
      this.#context.log.debug({ err: failure }, 'a refusal was not written down');
    }
  }
}
