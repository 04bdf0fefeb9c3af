'use client';

import { useEffect, useState } from 'react';
import type { RestAnswer } from '../../lib/rest/rest-client.ts';
import { field, object, type Reader, text } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { LifeBar } from '../certificates/life-bar.tsx';
import { problemText } from '../records/form-view.tsx';
import { useRecords } from '../records/use-records.ts';
import type { Domain } from './domain.ts';

interface CertificateFacts {
  readonly id: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

const raw = object({ id: text, issuer_common_name: text, not_before: text, not_after: text });
const readCertificate: Reader<CertificateFacts> = (value) => {
  const { id, issuer_common_name: issuer, not_before: notBefore, not_after: notAfter } = raw(value);
  const names = field('subject_common_name', text)(value);
  return { id, subject: names, issuer, notBefore, notAfter };
};
const certificates = { path: '/tls_certificates', key: 'tls_certificates', read: readCertificate };

/** Which certificate visitors see, how long it lives, why the next one does not come, and what may be used instead. */
export function DomainCertificate({ record, reload }: { record: Domain; reload: () => Promise<void> }) {
  const { rest, mayChange } = useAccount();
  const { certificateId, management, renewsAt, job } = record;
  const [certificate, setCertificate] = useState<CertificateFacts | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isChoosing, setChoosing] = useState(false);
  useEffect(() => {
    if (certificateId === null) return setCertificate(null);
    const asking = new AbortController();
    const asked = rest.get(`/tls_certificates/${encodeURIComponent(certificateId)}`, readCertificate, asking.signal);
    void asked.then((answer) => {
      if (!asking.signal.aborted && answer.kind === 'ok') setCertificate(answer.value);
    });
    return () => asking.abort();
  }, [rest, certificateId]);

  const path = `/reserved_domains/${encodeURIComponent(record.id)}`;
  const change = async (ask: () => Promise<RestAnswer<unknown>>) => {
    setBusy(true);
    setProblem(null);
    const answer = await ask();
    setBusy(false);
    if (answer.kind !== 'ok') return setProblem(problemText(answer).text);
    setChoosing(false);
    await reload();
  };
  const done = () => null;
  return (
    <section aria-label="Certificate" className="flex flex-col gap-3">
      <h3 className="font-section">Certificate</h3>
      {certificate ? (
        <div className="flex flex-wrap items-center gap-x-6 gap-y-1">
          <span>
            <UntrustedText text={certificate.subject} />
            <span className="text-ink-3">
              {' '}
              from <UntrustedText text={certificate.issuer || 'itself'} />
            </span>
          </span>
          <LifeBar notBefore={certificate.notBefore} notAfter={certificate.notAfter} />
        </div>
      ) : (
        certificateId === null && (
          <p className="text-ink-2">
            {management === null
              ? 'Edges make one for each name, signed by the authority of this installation.'
              : `Obtained from ${management.authority}, with a key of type ${management.keyType}.`}
          </p>
        )
      )}
      {renewsAt !== null && certificateId !== null && (
        <p className="text-meta text-ink-3">
          Renewed from <LocalTime iso={renewsAt} /> on, by itself.
        </p>
      )}
      {job?.errorCode && (
        <div role="status" data-certificate-error className="rounded-button bg-cinnabar-soft px-3 py-2">
          <p className="text-cinnabar wrap-anywhere">
            <UntrustedText text={job.message} />
            <span className="ml-2 font-mono text-meta text-ink-2">{job.errorCode}</span>
          </p>
          <p className="text-meta text-ink-2">
            Tried <LocalTime iso={job.startedAt} />
            {job.retriesAt !== null && (
              <>
                , again <LocalTime iso={job.retriesAt} />
              </>
            )}
            .
          </p>
        </div>
      )}
      {problem !== null && (
        <p role="alert" className="text-cinnabar wrap-anywhere">
          {problem}
        </p>
      )}
      {mayChange && (
        <div className="flex flex-wrap gap-2">
          {!isChoosing && (
            <Button tone="secondary" onClick={() => setChoosing(true)}>
              Attach a certificate of your own
            </Button>
          )}
          {certificateId !== null && management === null && (
            <Button tone="secondary" disabled={isBusy} onClick={() => change(() => rest.remove(`${path}/certificate`))}>
              Detach it
            </Button>
          )}
          {management === null && record.dns !== null && (
            <Button
              tone="secondary"
              disabled={isBusy}
              onClick={() => change(() => rest.change(path, { certificate_management_policy: {} }, done))}
            >
              Let the server obtain one
            </Button>
          )}
          {management !== null && (
            <Button
              tone="secondary"
              disabled={isBusy}
              onClick={() => change(() => rest.remove(`${path}/certificate_management_policy`))}
            >
              Stop obtaining certificates
            </Button>
          )}
        </div>
      )}
      {isChoosing && (
        <ChooseCertificate
          isBusy={isBusy}
          onCancel={() => setChoosing(false)}
          onChoose={(id) => change(() => rest.change(path, { certificate_id: id }, done))}
        />
      )}
    </section>
  );
}

function ChooseCertificate(props: { isBusy: boolean; onChoose: (id: string) => void; onCancel: () => void }) {
  const { isBusy, onChoose, onCancel } = props;
  const known = useRecords(certificates).items;
  const [chosen, setChosen] = useState('');
  if (known === null) return <p className="show-late text-ink-3">Asking for certificates…</p>;
  if (known.length === 0)
    return <p className="text-ink-2">No certificate is uploaded yet. Upload one on the page Certificates first.</p>;
  return (
    <fieldset className="flex flex-col gap-2 rounded-panel border border-line p-4">
      <legend className="sr-only">Which certificate</legend>
      {known.map(({ id, subject, notAfter }) => (
        <label key={id} className="flex items-center gap-2 max-sm:min-h-11">
          <input
            type="radio"
            name="certificate"
            value={id}
            checked={chosen === id}
            onChange={() => setChosen(id)}
            className="accent-(--lapis)"
          />
          <span className="min-w-0 wrap-anywhere">
            <UntrustedText text={subject || id} />
            <span className="text-meta text-ink-3"> until {notAfter.slice(0, 10)}</span>
          </span>
        </label>
      ))}
      <div className="flex justify-end gap-2">
        <Button tone="secondary" onClick={onCancel}>
          Cancel
        </Button>
        <Button tone="primary" disabled={isBusy || chosen === ''} onClick={() => onChoose(chosen)}>
          Attach certificate
        </Button>
      </div>
    </fieldset>
  );
}
