'use client';

import { useCallback, useState } from 'react';
import { nullable, object, type Reader, text } from '../../lib/shape.ts';
import { useAsking } from '../../lib/use-asking.ts';
import { useAccount } from '../account/account-provider.tsx';
import type { CertificateFacts, DomainFacts } from './needs-look.ts';

const rawDomain = object({
  id: text,
  domain: text,
  certificate_management_status: nullable(
    object({ provisioning_job: nullable(object({ error_code: nullable(text), msg: text })) }),
  ),
  dns_status: nullable(object({ proven_at: nullable(text), unproven_since: nullable(text) })),
});
const readDomain: Reader<DomainFacts> = (value) => {
  const { id, domain, certificate_management_status: status, dns_status: dns } = rawDomain(value);
  const job = status?.provisioning_job ?? null;
  return {
    id,
    domain,
    certificateProblem: job !== null && job.error_code !== null ? job.msg : null,
    isProven: dns === null ? null : dns.proven_at !== null && dns.unproven_since === null,
  };
};

const rawCertificate = object({ id: text, description: text, subject_common_name: text, not_after: text });
const readCertificate: Reader<CertificateFacts> = (value) => {
  const { id, description, subject_common_name: name, not_after: notAfter } = rawCertificate(value);
  return { id, subject: description || name || id, notAfter };
};

const refreshEveryMs = 60_000;

/** The account's domains and certificates, as far as they may need a look; empty until they are known. */
export function useNames(): {
  readonly domains: readonly DomainFacts[];
  readonly certificates: readonly CertificateFacts[];
} {
  const { rest } = useAccount();
  const [names, setNames] = useState<{ domains: readonly DomainFacts[]; certificates: readonly CertificateFacts[] }>({
    domains: [],
    certificates: [],
  });
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const [domains, certificates] = await Promise.all([
        rest.page('/reserved_domains?limit=100', 'reserved_domains', readDomain, signal),
        rest.page('/tls_certificates?limit=100', 'tls_certificates', readCertificate, signal),
      ]);
      if (signal.aborted) return;
      setNames((had) => ({
        domains: domains.kind === 'ok' ? domains.value.items : had.domains,
        certificates: certificates.kind === 'ok' ? certificates.value.items : had.certificates,
      }));
    },
    [rest],
  );
  useAsking(ask, refreshEveryMs);
  return names;
}
