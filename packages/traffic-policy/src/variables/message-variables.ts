import { classRecord } from '../expressions/record-type.ts';
import type { MessageContext } from './contexts.ts';

/** `sse` as expressions see it: the message at hand. */
export class MessageVariables {
  readonly #message: MessageContext;

  constructor(message: MessageContext) {
    this.#message = message;
  }

  get event(): string {
    return this.#message.event;
  }

  get data(): string {
    return this.#message.data ?? '';
  }

  get id(): string {
    return this.#message.id;
  }

  /** Milliseconds. */
  get retry(): bigint | undefined {
    const { retry } = this.#message;
    return retry === null ? undefined : BigInt(retry);
  }
}

export const MESSAGE = classRecord('EventStreamMessage', MessageVariables, {
  event: 'string',
  data: 'string',
  id: 'string',
  retry: 'int',
});
