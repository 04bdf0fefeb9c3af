import type { Overview } from '@portico/api-contract/dashboard';
import { troubleText } from '../endpoints/path-state.ts';
import { type Measured, nearnessOf } from '../usage/limits.ts';

/** Something that wants a person. `page` is where it is looked into, under the account. */
export interface Concern {
  readonly id: string;
  readonly tone: 'fails' | 'waiting';
  readonly subject: string;
  readonly text: string;
  readonly page: string;
}

/** What the overview reads of a reserved domain. */
export interface DomainFacts {
  readonly id: string;
  readonly domain: string;
  /** Why its certificate does not come; null while nothing is in the way. */
  readonly certificateProblem: string | null;
  /** Its DNS does not prove whose it is (yet, or any more); null for names under the base. */
  readonly isProven: boolean | null;
}

export interface CertificateFacts {
  readonly id: string;
  readonly subject: string;
  readonly notAfter: string;
}

export interface AccountFacts {
  readonly domains: readonly DomainFacts[];
  readonly certificates: readonly CertificateFacts[];
  /** Against the limits of the account's plan. */
  readonly measured: readonly Measured[];
}

const dayMs = 86_400_000;
const expiresSoonMs = 14 * dayMs;

/** Failing first, then what waits; an empty list means that all is well as far as is known. */
export function concernsOf(overview: Overview, { domains, certificates, measured }: AccountFacts): Concern[] {
  const nowMs = Date.parse(overview.at);
  const failing = overview.endpoints.flatMap((endpoint): Concern[] => {
    if (endpoint.upstream.kind !== 'fails') return [];
    const what = endpoint.forwardsTo || (endpoint.sessionId === '' ? 'Its policy' : 'The upstream');
    const { before, after } = troubleText(endpoint.upstream.code, what);
    const since = endpoint.upstream.since.slice(11, 19);
    return [
      {
        id: endpoint.id,
        tone: 'fails',
        subject: endpoint.url,
        text: `${before}${since} UTC${after}`,
        page: 'endpoints',
      },
    ];
  });
  const silent = overview.edges
    .filter(({ online }) => !online)
    .map(
      ({ nodeId }): Concern => ({
        id: nodeId,
        tone: 'fails',
        subject: nodeId,
        text: 'This edge does not answer.',
        page: 'endpoints',
      }),
    );
  const unproven = domains.flatMap(({ id, domain, isProven, certificateProblem }): Concern[] => {
    const page = `domains/${encodeURIComponent(id)}`;
    if (isProven === false)
      return [{ id, tone: 'waiting', subject: domain, text: 'Its DNS does not show yet that it is yours.', page }];
    if (certificateProblem !== null)
      return [{ id, tone: 'waiting', subject: domain, text: `No certificate yet: ${certificateProblem}`, page }];
    return [];
  });
  const expiring = certificates.flatMap(({ id, subject, notAfter }): Concern[] => {
    const leftMs = Date.parse(notAfter) - nowMs;
    if (!(leftMs < expiresSoonMs)) return [];
    const days = Math.floor(leftMs / dayMs);
    const text = leftMs <= 0 ? 'Its certificate has expired.' : `Its certificate expires in ${days} d.`;
    const page = `certificates/${encodeURIComponent(id)}`;
    return [{ id, tone: leftMs <= 0 ? 'fails' : 'waiting', subject, text, page }];
  });
  const scarce = measured.flatMap((one): Concern[] => {
    const nearness = nearnessOf(one);
    if (nearness === 'unlimited' || nearness === 'fine') return [];
    const { key, name, whenOver } = one;
    return nearness === 'over'
      ? [
          {
            id: key,
            tone: 'fails',
            subject: name,
            text: `The limit of the plan is reached. ${whenOver}.`,
            page: 'usage',
          },
        ]
      : [{ id: key, tone: 'waiting', subject: name, text: 'The limit of the plan is near.', page: 'usage' }];
  });
  const all = [...failing, ...silent, ...scarce, ...unproven, ...expiring];
  return [...all.filter(({ tone }) => tone === 'fails'), ...all.filter(({ tone }) => tone === 'waiting')];
}
