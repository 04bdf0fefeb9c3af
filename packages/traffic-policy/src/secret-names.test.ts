import { describe, expect, it } from 'vitest';
import { loadPolicy } from './load-policy.ts';
import { secretNames } from './secret-names.ts';

function namesIn(text: string) {
  const loaded = loadPolicy(text);
  if (loaded.kind === 'refused') throw new Error(JSON.stringify(loaded.problems));
  return secretNames(loaded.policy);
}

describe('the secrets that a policy names', () => {
  it('are found wherever expressions stand, each once', () => {
    const names = namesIn(`
on_http_request:
  - expressions: ["secrets.get('keys', 'gate') == 'open'"]
    actions:
      - type: basic-auth
        config: {credentials: ["\${secrets.get('keys', 'user')}:\${ secrets . get ( \\"keys\\" , \\"gate\\" ) }"]}
      - {type: custom-response, config: {body: "\${secrets.get('vault_1', 'a/b.c')}"}}
`);
    expect(names).toEqual([
      { vault: 'keys', name: 'gate' },
      { vault: 'keys', name: 'user' },
      { vault: 'vault_1', name: 'a/b.c' },
    ]);
  });

  it('are none where names are made while it runs, or there is no call', () => {
    expect(
      namesIn("on_http_request: [{expressions: [\"secrets.get('keys', req.host) == ''\"], actions: [{type: deny}]}]"),
    ).toEqual([]);
    expect(namesIn('on_http_request: [{actions: [{type: deny}]}]')).toEqual([]);
  });
});
