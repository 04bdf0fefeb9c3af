import type { TokenHasher } from '../secrets/token.ts';

/** What DNS must say of a name before an account has it. Derived from both, so that each account proves its own. */
export interface DomainProof {
  /** A CNAME of the name to this proves it, and brings its visitors here. */
  readonly cnameTarget: string;
  /** Or a TXT record here, for names that cannot have a CNAME. */
  readonly txtName: string;
  readonly txtValue: string;
  /** Where `_acme-challenge` of the name is to lead for certificates by dns-01. */
  readonly acmeTarget: string;
  /** The name that is looked up: under a wildcard any will do. */
  readonly probe: string;
}

const labelLength = 20;

export function proofOf(
  { hasher, baseDomain }: { hasher: TokenHasher; baseDomain: string },
  accountId: string,
  domain: string,
): DomainProof {
  const secret = Buffer.from(hasher.hash(`domain proof 1\0${accountId}\0${domain}`)).toString('hex');
  const label = secret.slice(0, labelLength);
  const apex = domain.replace(/^\*\./, '');
  return {
    cnameTarget: `d-${label}.${baseDomain}`,
    txtName: `_portico-challenge.${apex}`,
    txtValue: `portico-verification=${secret.slice(labelLength)}`,
    acmeTarget: `${label}.acme.${baseDomain}`,
    probe: domain.startsWith('*.') ? `portico-check.${apex}` : domain,
  };
}
