'use client';

import { RotateCw } from 'lucide-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { plural } from '../../lib/format.ts';
import { Button } from '../../ui/button.tsx';
import { CommandLine } from '../../ui/command-line.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { useLive } from '../live/live-provider.tsx';
import { CommonFacts } from '../records/common-facts.tsx';
import { problemText } from '../records/form-view.tsx';
import { DnsRecords } from './dns-records.tsx';
import { certificateStep, type Domain, dnsStep, isOn, readDomain } from './domain.ts';
import { DomainCertificate } from './domain-certificate.tsx';
import { DomainSteps, type ShownStep } from './domain-steps.tsx';

/** While a record is missing and somebody looks, DNS is asked this often. */
const lookEveryMs = 10_000;

/** One domain: how far it is, the records to set with what DNS says now, its certificate. */
export function DomainDetails({ record, reload }: { record: Domain; reload: () => Promise<void> }) {
  const { dns } = record;
  return (
    <div className="flex flex-col gap-6">
      <DomainSteps steps={useSteps(record)} />
      {dns !== null && <LookAgain record={record} reload={reload} />}
      {dns !== null && <DnsRecords record={record} />}
      <DomainCertificate record={record} reload={reload} />
      <section aria-label="Start an endpoint on it" className="flex flex-col items-start gap-2">
        <h3 className="font-section">Start an endpoint on it</h3>
        <CommandLine command={`portico http 3000 --url https://${record.domain.replace(/^\*\./, 'any.')}`} />
      </section>
      <CommonFacts record={record} />
    </div>
  );
}

function useSteps(record: Domain): readonly ShownStep[] {
  const { overview } = useLive();
  const on = (overview?.value.endpoints ?? []).filter(({ url }) => isOn(record.domain, url));
  const requests = on.reduce((sum, endpoint) => sum + endpoint.requests + endpoint.connections, 0);
  const { dns, management } = record;
  return [
    {
      name: 'DNS points here',
      ...dnsStep(record),
      note:
        dns?.checkedAt == null ? (
          ''
        ) : (
          <>
            as of <LocalTime iso={dns.checkedAt} />
          </>
        ),
    },
    {
      name: 'Certificate',
      ...certificateStep(record),
      note: management === null ? '' : `${management.authority}, ${management.keyType}`,
    },
    on.length === 0
      ? { name: 'First visitor', tone: 'idle', says: 'Start an endpoint on it', note: 'nothing is online here now' }
      : {
          name: 'First visitor',
          tone: requests > 0 ? 'works' : 'waiting',
          says: requests > 0 ? 'Served' : 'Online, waiting for visitors',
          note: plural(on.length, 'endpoint', 'endpoints'),
        },
  ];
}

/** Asks DNS now; by itself too, while the record is missing and this page is looked at. */
function LookAgain({ record: { id, dns }, reload }: { record: Domain; reload: () => Promise<void> }) {
  const { rest, mayChange } = useAccount();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const isLooking = useRef(false);
  const isDone = dns !== null && dns.provenAt !== null && dns.unprovenSince === null && dns.routing !== 'elsewhere';
  const look = useCallback(async () => {
    if (isLooking.current) return;
    isLooking.current = true;
    const answer = await rest.create(`/reserved_domains/${encodeURIComponent(id)}/check`, undefined, readDomain);
    isLooking.current = false;
    setProblem(answer.kind === 'ok' ? null : problemText(answer).text);
    if (answer.kind === 'ok') await reload();
  }, [rest, id, reload]);
  useEffect(() => {
    if (!mayChange || isDone) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && void look(), lookEveryMs);
    return () => clearInterval(timer);
  }, [mayChange, isDone, look]);
  if (!mayChange) return null;
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Button
        tone="secondary"
        aria-busy={isBusy}
        onClick={async () => {
          setBusy(true);
          await look();
          setBusy(false);
        }}
      >
        <RotateCw size={15} strokeWidth={1.75} aria-hidden />
        Check again
      </Button>
      <p role="status" className={problem === null ? 'text-meta text-ink-3' : 'text-cinnabar wrap-anywhere'}>
        {problem ??
          (isDone
            ? 'Looked at once a day from here on.'
            : 'Looked at every 10 s while this is open; caches may keep an old record for as long as its TTL says.')}
      </p>
    </div>
  );
}
