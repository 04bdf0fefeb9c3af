/** Who has to act when a server refuses: a quota, a rule of the account, or the token itself. */
export type RefusalKind = 'quota' | 'policy' | 'token';

const kinds: Readonly<Record<RefusalKind, readonly (number | readonly [number, number])[]>> = {
  quota: [108, 324, [348, 351], [702, 703], [714, 715], [725, 733]],
  policy: [115, 116, 308, 316, 356, 399],
  token: [105, 107, 206, 207, 300, 301, 4018],
};

const sentences: Record<RefusalKind, string> = {
  quota: 'This is a limit of your account: the network works, and your token is good. Its operator can raise it.',
  policy:
    'A rule of your account or of this token forbids it: the network works. Its administrators can change the rule.',
  token: '',
};

/** Null when the code names none of them. */
export function refusalKind(code: string | null): RefusalKind | null {
  const number = Number(/^ERR_NGROK_(\d+)$/.exec(code ?? '')?.[1] ?? Number.NaN);
  for (const kind of ['quota', 'policy', 'token'] as const) {
    if (
      kinds[kind].some((each) => (typeof each === 'number' ? each === number : number >= each[0] && number <= each[1]))
    ) {
      return kind;
    }
  }
  return null;
}

/** The refusal with a line that tells it from a fault of the network, where that is not plain. */
export function explainRefusal(message: string, code: string | null): string {
  const kind = refusalKind(code);
  const sentence = kind === null ? '' : sentences[kind];
  return sentence === '' ? message : `${message.trimEnd()}\n${sentence}`;
}
