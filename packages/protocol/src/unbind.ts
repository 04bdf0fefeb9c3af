import { MessageFields } from './message-fields.ts';

/** Unbind, stream type 2. The Rust client sends it twice: a second one is a success too. */
export interface UnbindRequest {
  readonly id: string;
}

/** @throws MessageError */
export function parseUnbindRequest(value: unknown): UnbindRequest {
  return { id: new MessageFields(value, 'Unbind').text('Id') };
}

export function encodeUnbindRequest(request: UnbindRequest): Record<string, unknown> {
  return { Id: request.id, Extra: null };
}

export function encodeUnbindResponse(error: string): Record<string, unknown> {
  return { Error: error, Extra: null };
}
