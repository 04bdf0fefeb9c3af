'use client';

import { Check, CircleDashed, Minus } from 'lucide-react';
import { CopyButton } from '../../ui/copy-button.tsx';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { type Domain, type WantedRecord, wantedRecords, zoneLine } from './domain.ts';

/** What has to be set at the DNS provider, to copy, and what is seen there now. */
export function DnsRecords({ record }: { record: Domain }) {
  const wanted = wantedRecords(record);
  return (
    <section aria-label="Records" className="flex flex-col gap-3">
      <h3 className="font-section">Create these records at your DNS provider</h3>
      <ul className="rounded-panel border border-line">
        {wanted.map((one) => (
          <li
            key={one.type + one.name}
            data-dns-record={one.type}
            className="grid grid-cols-1 gap-x-4 gap-y-2 border-line p-4 not-last:border-b sm:grid-cols-[64px_minmax(0,1fr)]"
          >
            <span className="h-5 self-start justify-self-start rounded-chip border border-line-strong px-1.5 font-mono text-meta leading-[18px]">
              {one.type}
            </span>
            <div className="flex min-w-0 flex-col gap-1">
              <Copied text={one.name} label={`Copy the name of the ${one.type} record`} />
              <Copied text={one.value} label={`Copy the value of the ${one.type} record`} />
              <p className="text-meta text-ink-3">{one.why}</p>
              <Seen record={one} />
            </div>
          </li>
        ))}
      </ul>
      <div className="flex items-start gap-3 rounded-button border border-line bg-sunken py-1 pr-1.5 pl-3">
        <span className="shrink-0 py-1 text-meta text-ink-3 max-sm:hidden">As zone file lines</span>
        <code className="min-w-0 flex-1 py-1 font-mono text-meta whitespace-pre-wrap wrap-anywhere">
          {wanted.filter(isWorthSetting).map(zoneLine).join('\n')}
        </code>
        <CopyButton text={wanted.filter(isWorthSetting).map(zoneLine).join('\n')} label="Copy the zone file lines" />
      </div>
    </section>
  );
}

function isWorthSetting({ isNeeded, isThere }: WantedRecord): boolean {
  return isNeeded || isThere;
}

function Copied({ text, label }: { text: string; label: string }) {
  return (
    <p className="flex items-center gap-1">
      <code className="min-w-0 font-mono text-url wrap-anywhere">
        <UntrustedText text={text} />
      </code>
      <CopyButton text={text} label={label} />
    </p>
  );
}

/** What stands there now, and what is in the way. */
function Seen({ record: { isThere, isNeeded, seen, advice } }: { record: WantedRecord }) {
  const Icon = isThere ? Check : isNeeded ? CircleDashed : Minus;
  const colour = isThere ? 'text-verdigris' : isNeeded ? 'text-ochre' : 'text-ink-3';
  return (
    <div className={join('flex items-start gap-1.5 text-meta', colour)}>
      <Icon size={14} strokeWidth={1.75} aria-hidden className="mt-px shrink-0" />
      <p className="min-w-0">
        {isThere && <span>Seen now{seen.length > 0 ? ': ' : '.'}</span>}
        {seen.length > 0 && (
          <span className="font-mono wrap-anywhere">
            <UntrustedText text={seen.join(', ')} />
          </span>
        )}
        {advice && <span>{seen.length > 0 ? `. ${advice}` : advice}</span>}
      </p>
    </div>
  );
}
