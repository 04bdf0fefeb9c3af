import { describe, expect, it } from 'vitest';
import { explainRefusal, refusalKind } from './refusal-kind.ts';

describe('a refusal of the server', () => {
  it.each([
    ['ERR_NGROK_108', 'quota'],
    ['ERR_NGROK_350', 'quota'],
    ['ERR_NGROK_725', 'quota'],
    ['ERR_NGROK_115', 'policy'],
    ['ERR_NGROK_308', 'policy'],
    ['ERR_NGROK_107', 'token'],
    ['ERR_NGROK_334', null],
    [null, null],
  ])('with %s is one of %s', (code, kind) => {
    expect(refusalKind(code)).toBe(kind);
  });

  it('says whether a quota or a rule stands in the way, and that the network does not', () => {
    expect(explainRefusal('You may run 2 agents.', 'ERR_NGROK_108')).toMatch(
      /^You may run 2 agents\.\nThis is a limit of your account: the network works/,
    );
    expect(explainRefusal('Not this name.', 'ERR_NGROK_308')).toMatch(
      /\nA rule of your account or of this token forbids it/,
    );
    expect(explainRefusal('Unknown.', 'ERR_NGROK_107')).toBe('Unknown.');
  });
});
