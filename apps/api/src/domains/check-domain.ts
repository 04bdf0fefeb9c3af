import { z } from 'zod';
import { type DomainResolver, ResolveError } from './domain-resolver.ts';
import type { DomainProof } from './own-domain.ts';

/** What DNS says of a name of one's own. Kept with the domain, and shown to its owner. */
export const domainCheck = z.object({
  /** By which record the name is proven; null: by none. */
  proof: z.enum(['cname', 'txt']).nullable(),
  /** Whether visitors of the name come here: by its alias, by the same addresses, or not that we could tell. */
  routing: z.enum(['cname', 'address', 'elsewhere', 'none']),
  /** Whether `_acme-challenge` leads to us. */
  acme: z.boolean(),
  aliases: z.array(z.string()),
  addresses: z.array(z.string()),
});
export type DomainCheck = z.infer<typeof domainCheck>;

const namesShown = 8;

/** Throws ResolveError when nothing can be known now. */
export async function checkDomain(
  resolver: DomainResolver,
  proof: DomainProof,
  domain: string,
  baseDomain: string,
): Promise<DomainCheck> {
  const apex = domain.replace(/^\*\./, '');
  const [aliases, texts, acmeAliases] = await Promise.all([
    resolver.aliases(proof.probe),
    // A wildcard's own record may answer here too.
    resolver.texts(proof.txtName),
    resolver.aliases(`_acme-challenge.${apex}`),
  ]);
  const byAlias = aliases.includes(proof.cnameTarget);
  const byText = texts.includes(proof.txtValue);
  const addresses = await quiet(resolver.addresses(proof.probe));
  const ours = byAlias ? [] : await quiet(resolver.addresses(`portico-check.${baseDomain}`));
  return {
    proof: byAlias ? 'cname' : byText ? 'txt' : null,
    routing: byAlias ? 'cname' : routingOf(addresses, ours),
    acme: acmeAliases.includes(proof.acmeTarget),
    aliases: aliases.slice(0, namesShown),
    addresses: addresses.slice(0, namesShown),
  };
}

function routingOf(addresses: readonly string[], ours: readonly string[]): DomainCheck['routing'] {
  if (addresses.length === 0) return 'none';
  return addresses.every((address) => ours.includes(address)) ? 'address' : 'elsewhere';
}

/** Only shown: without an answer it is left out. */
async function quiet(asked: Promise<string[]>): Promise<string[]> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ResolveError) return [];
    throw error;
  }
}
