import { errorName, type PorticoError } from '@portico/errors';

/**
 * An error as agents read it: the text, an empty line, and the code alone on its line from column 0, where the
 * Rust client looks for it (protocol notes, section 11). Control characters in details cannot forge such a line.
 */
export function formatError(error: PorticoError): string {
  return `${oneLine(error.message)}\n\n${errorName(error.code)}\n`;
}

export interface ErrorText {
  readonly text: string;
  /** As `ERR_NGROK_334`. */
  readonly code: string | null;
}

/** Splits the `Error` of a response. */
export function parseErrorText(error: string): ErrorText {
  let code: string | null = null;
  const lines: string[] = [];
  for (const line of error.split(/\r?\n/)) {
    if (code === null && /^ERR_[A-Z]+_\d{1,6}\s*$/.test(line)) code = line.trimEnd();
    else lines.push(line);
  }
  return { text: lines.join('\n').trim(), code };
}

function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ').trim();
}
