import { catalogue, isErrorCode } from '@portico/errors';

/**
 * Why an agent, an endpoint or a dial failed.
 *
 * - `refused`: the server said no; `code` is its `ERR_NGROK_<n>`, null if it named none.
 * - `untrusted`: TLS worked, but the server could not prove who it is (wrong CA, wrong name, expired).
 * - `unreachable`: no network path, or it broke. Time may heal it.
 * - `protocol`: the server said something that nobody may say.
 * - `usage`: the caller asked for something that cannot be; no network was involved.
 * - `closed`: the agent was closed while the call was waiting.
 */
export type AgentErrorKind = 'refused' | 'untrusted' | 'unreachable' | 'protocol' | 'usage' | 'closed';

/** Every error of this package. `message` is one or more lines for the person who runs the agent. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly kind: AgentErrorKind;
  readonly code: string | null;

  constructor(kind: AgentErrorKind, message: string, options: { code?: string | null; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.code = options.code ?? null;
  }
}

/**
 * Right at the first try, passing at a later one: the server still counts a half-dead session of ours (108, 324,
 * 334), or no longer knows the keys it gave us (110, 335), which are dropped then.
 */
const staleOnReturn: ReadonlySet<string> = new Set([108, 110, 324, 334, 335].map((code) => `ERR_NGROK_${code}`));

/**
 * Whether trying again with the same input cannot help. `firstTry` is true until the same thing has worked once:
 * what worked before may be refused for a moment (a server that just came back), unless the refusal itself says
 * that it is for good (unknown or revoked token, name of another account).
 */
export function isPermanent(error: AgentError, firstTry: boolean): boolean {
  switch (error.kind) {
    case 'usage':
    case 'closed':
      return true;
    case 'unreachable':
      return false;
    case 'untrusted':
    case 'protocol':
      return firstTry;
    case 'refused': {
      if (error.code !== null && staleOnReturn.has(error.code)) return firstTry;
      const number = Number(error.code?.replace('ERR_NGROK_', ''));
      if (!isErrorCode(number)) return firstTry;
      const { family, status } = catalogue[number];
      return family === 'caller' && status !== 429;
    }
  }
}
