import type { PlainValue } from './document/source-node.ts';
import type { CompiledPolicy } from './policy.ts';

export interface SecretName {
  /** Name or id of the vault. */
  readonly vault: string;
  readonly name: string;
}

/**
 * The secrets that a policy names as plain text: `secrets.get('vault', 'name')`. Whoever runs the policy fetches these
 * before it runs; names that are only made while it runs are never found.
 */
export function secretNames(policy: CompiledPolicy): readonly SecretName[] {
  const found = new Map<string, SecretName>();
  collect(policy.document, found);
  return [...found.values()];
}

const CALL =
  /\bsecrets\s*\.\s*get\s*\(\s*(?:'([^'\\]{1,255})'|"([^"\\]{1,255})")\s*,\s*(?:'([^'\\]{1,255})'|"([^"\\]{1,255})")\s*\)/g;

function collect(value: PlainValue | CompiledPolicy['document'], found: Map<string, SecretName>): void {
  if (typeof value === 'string') {
    for (const [, vault1, vault2, name1, name2] of value.matchAll(CALL)) {
      const named = { vault: vault1 ?? vault2 ?? '', name: name1 ?? name2 ?? '' };
      found.set(`${named.vault}\0${named.name}`, named);
    }
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, found);
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) collect(item, found);
  }
}
