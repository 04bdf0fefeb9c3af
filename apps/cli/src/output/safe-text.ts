/**
 * Text from elsewhere (a path, a header, a server's message) as it may be shown in a terminal or written to a log:
 * control characters, which could move the cursor or forge a line, become visible escapes.
 */
export function safeText(text: string): string {
  // C0 and DEL, C1, line and paragraph separators, and the marks that turn the writing direction.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}
