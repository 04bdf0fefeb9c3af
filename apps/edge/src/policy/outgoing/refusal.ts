import { type ErrorCode, type ErrorDetails, errorName, PorticoError } from '@portico/errors';
import { type ActionResult, errorAnswer } from '@portico/traffic-policy';
import type { AsyncOutcome } from '../async-action.ts';

export const NEXT: AsyncOutcome = { kind: 'next' };

/** The phase ends with the page of this error. */
export function refuse(code: ErrorCode, details: ErrorDetails): AsyncOutcome {
  const { status } = new PorticoError(code, details);
  return { kind: 'answer', answer: errorAnswer(status, code, details) };
}

/** `error` in the result of an action, as later rules read it. */
export function resultError(code: ErrorCode, details: ErrorDetails): ActionResult {
  return { code: errorName(code), message: new PorticoError(code, details).message };
}

export const NO_ERROR: ActionResult = { code: '', message: '' };
