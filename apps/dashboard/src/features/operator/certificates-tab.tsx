'use client';

import type { InstallationCertificates } from '@portico/api-contract/operator';
import Link from 'next/link';
import { CopyButton } from '../../ui/copy-button.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { Notice } from '../../ui/notice.tsx';
import { LineCell, NameCell, Row, TableBody, TableHead, TableSection, Td, Th } from '../../ui/table.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { CaFile } from '../connect/recipe-lines.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import { Part } from './part.tsx';
import { readCertificates } from './read-operator.ts';
import { usePolled } from './use-operator.ts';

/** The installation's own authority, where certificates of customers' domains come from, and how those stand. */
export function CertificatesTab({ base }: { base: string }) {
  const polled = usePolled('/certificates', readCertificates);
  return <Part polled={polled}>{(certificates) => <Content certificates={certificates} base={base} />}</Part>;
}

const columns = 'grid-cols-[minmax(0,1fr)_110px] @min-[640px]:grid-cols-[minmax(0,1fr)_200px_120px_120px]';

function Content({ certificates, base }: { certificates: InstallationCertificates; base: string }) {
  const { root, acme, domains } = certificates;
  return (
    <>
      <div className="grid gap-8 px-6 max-sm:px-4 md:grid-cols-2">
        <section aria-labelledby="root">
          <h2 id="root" className="pb-2 font-section">
            Own authority
          </h2>
          {root === null ? (
            <p className="text-ink-2">It is not made yet.</p>
          ) : (
            <>
              <Facts>
                <Fact label="Subject">{root.subject}</Fact>
                <Fact label="Valid">
                  {root.notBefore.slice(0, 10)} to {root.notAfter.slice(0, 10)}
                </Fact>
                <Fact label="SHA-256">
                  <span className="flex items-start gap-1">
                    <code className="font-mono text-url">{root.sha256}</code>
                    <CopyButton text={root.sha256} label="Copy the fingerprint" className="-my-1" />
                  </span>
                </Fact>
              </Facts>
              <div className="pt-3">
                <CaFile caPem={root.pem} />
              </div>
            </>
          )}
          <p className="pt-3 text-meta text-ink-3">
            Each edge certifies names with an issuing certificate of its own, signed by this one; their ends are shown
            under Health.
          </p>
        </section>
        <section aria-labelledby="acme">
          <h2 id="acme" className="pb-2 font-section">
            For domains of customers
          </h2>
          {acme === null ? (
            <p className="border-t border-line pt-2 text-ink-2">
              No certificate authority is set, so they have certificates of the own authority. Set{' '}
              <code className="font-mono text-url">PORTICO_ACME_DIRECTORY</code> to obtain ones that browsers trust.
            </p>
          ) : (
            <Facts>
              <Fact label="Directory">
                <span className="font-mono text-url">{acme.directory}</span>
              </Fact>
              <Fact label="Challenges">{acme.challenges.join(', ')}</Fact>
              <Fact label="Contact">{acme.email ?? 'none'}</Fact>
            </Facts>
          )}
        </section>
      </div>
      {domains.length === 0 ? (
        <Notice title="No certificate is obtained for a domain" lit={acme === null ? 1 : 2}>
          <p>Domains for which this server obtains certificates are listed here, those in trouble first.</p>
        </Notice>
      ) : (
        <TableSection label="Certificates of domains" title="Obtained for domains">
          <TableHead>
            <Row columns={columns}>
              <Th>Domain</Th>
              <Th className="@max-[640px]:hidden">Account</Th>
              <Th isFigure className="@max-[640px]:hidden">
                Renews
              </Th>
              <Th isFigure>Ends</Th>
            </Row>
          </TableHead>
          <TableBody>
            {domains.map(({ id, domain, account, notAfter, renewsAt, problem }) => (
              <Row key={id} columns={columns} className="min-h-10">
                <NameCell>
                  <span className="block truncate font-mono text-url">
                    <UntrustedText text={domain} />
                  </span>
                </NameCell>
                <Td className="@max-[640px]:hidden">
                  <Link
                    href={`${base}/accounts/${encodeURIComponent(account.id)}`}
                    prefetch={false}
                    className="block truncate text-lapis underline-offset-2 hover:underline"
                  >
                    <UntrustedText text={account.name} />
                  </Link>
                </Td>
                <Td isFigure className="@max-[640px]:hidden">
                  {renewsAt?.slice(0, 10) ?? '–'}
                </Td>
                <Td isFigure>{notAfter?.slice(0, 10) ?? '–'}</Td>
                {problem && (
                  <LineCell>
                    <p className="rounded-chip bg-ochre-soft px-2 py-1 text-meta text-ochre wrap-anywhere">
                      <UntrustedText text={problem.message} /> {problem.code}
                      {problem.retriesAt && (
                        <>
                          {'. Next try '}
                          <LocalTime iso={problem.retriesAt} className="figures" />
                        </>
                      )}
                    </p>
                  </LineCell>
                )}
              </Row>
            ))}
          </TableBody>
        </TableSection>
      )}
    </>
  );
}
