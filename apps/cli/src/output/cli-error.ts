/**
 * What ends the command with exit code 1: lines for the person, and the code that scripts match on, if there is one.
 */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: string | null;

  constructor(message: string, options: { code?: string | null; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = options.code ?? null;
  }
}

/** `ERROR:  text` a line; the code alone on the last one, as ngrok's users and scripts know it. */
export function formatCliError(message: string, code: string | null): string {
  const lines = message.trimEnd().split('\n');
  if (code !== null) lines.push('', code);
  return lines.map((line) => `ERROR:  ${line}`.trimEnd()).join('\n');
}
