import type { RecentEvent } from '@portico/api-contract/dashboard';
import { join } from '../../ui/join.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';

const words: Record<RecentEvent['type'], { readonly what: string; readonly tone: string }> = {
  'endpoint.online': { what: 'online', tone: 'bg-s2' },
  'endpoint.offline': { what: 'offline', tone: 'border border-control' },
  'session.started': { what: 'agent connected', tone: 'bg-s2' },
  'session.ended': { what: 'agent left', tone: 'border border-control' },
  'session.refused': { what: 'agent refused', tone: 'bg-s5' },
};

/** What came, went and was refused, newest first. */
export function RecentEvents({ events }: { events: readonly RecentEvent[] }) {
  return (
    <section aria-labelledby="recent">
      <h2 id="recent" className="px-6 pb-2 font-section max-sm:px-4">
        Recent
      </h2>
      <ol className="border-t border-line">
        {events.map((event) => (
          <li
            key={event.id}
            className="grid min-h-[34px] grid-cols-[28px_130px_minmax(0,1fr)_auto] items-center border-b border-line px-6 py-1.5 max-sm:grid-cols-[28px_minmax(0,1fr)_auto] max-sm:px-4 max-sm:py-2"
          >
            <span aria-hidden className={join('ml-1 size-2 rounded-full', words[event.type].tone)} />
            <span className="text-ink-2">{words[event.type].what}</span>
            <span className="flex min-w-0 flex-wrap items-baseline gap-x-3 max-sm:order-last max-sm:col-span-2 max-sm:col-start-2">
              <UntrustedText text={event.subject} className="max-w-full truncate font-mono text-meta" />
              {event.detail !== null && event.detail !== '' && (
                <UntrustedText text={event.detail} className="max-w-full text-meta wrap-anywhere text-ink-3" />
              )}
            </span>
            <LocalTime iso={event.at} className="figures pl-3 text-meta text-ink-3" />
          </li>
        ))}
      </ol>
    </section>
  );
}
