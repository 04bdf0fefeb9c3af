import type { Change, CommandOutcome, SessionCommand } from '@portico/api-contract/internal';
import { newId } from '@portico/service';

/** Hands each change to whoever listens now. Nothing is kept: who comes later reconciles. */
export class ChangeHub {
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #commands = new Map<string, (outcome: CommandOutcome) => void>();

  /** Returns how to stop listening. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  /** Gives an order and waits for the edge that has the session; null: none said anything in time. */
  command(
    order: Omit<SessionCommand, 'kind' | 'commandId'>,
    { withinMs }: { withinMs: number },
  ): Promise<CommandOutcome | null> {
    const commandId = newId('req');
    return new Promise((resolve) => {
      const settle = (outcome: CommandOutcome | null): void => {
        clearTimeout(timer);
        this.#commands.delete(commandId);
        resolve(outcome);
      };
      const timer = setTimeout(() => settle(null), withinMs);
      this.#commands.set(commandId, settle);
      this.publish({ kind: 'session-command', commandId, ...order });
    });
  }

  /** What an edge says of an order; one that nobody waits for any more is no fault. */
  settle(commandId: string, outcome: CommandOutcome): void {
    this.#commands.get(commandId)?.(outcome);
  }
}
