/** Said while typing; the API has the last word, and knows the lists. */
export function newPasswordFault(password: string): string | null {
  const length = [...password].length;
  if (length === 0) return 'Choose a password.';
  if (length < 12) return `A password has at least 12 characters; this one has ${length}.`;
  return length > 1024 ? 'A password has at most 1,024 characters.' : null;
}

export const newPasswordHelp = 'At least 12 characters, any of them. A sentence is easier to remember than signs.';
