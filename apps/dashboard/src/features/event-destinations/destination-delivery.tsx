'use client';

import { Pause, Play, RotateCw, Send } from 'lucide-react';
import { useState } from 'react';
import { count, text as figureText, plural } from '../../lib/format.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import { problemText } from '../records/form-view.tsx';
import { useResource } from '../records/use-resource.ts';
import { type DeliveryState, type Destination, type GivenUpEvent, readQueue } from './destination.ts';

const chips = {
  active: { tone: 'works', word: 'working' },
  failing: { tone: 'fails', word: 'failing' },
  paused: { tone: 'waiting', word: 'paused' },
} as const;

export function DeliveryChip({ state }: { state: DeliveryState }) {
  return <Chip tone={chips[state].tone}>{chips[state].word}</Chip>;
}

type Said = { readonly kind: 'done' | 'failed'; readonly text: string };

/** How sending to one destination goes, what was given up and why, and what can be done about it. */
export function DestinationDelivery({ record, reload }: { record: Destination; reload: () => Promise<void> }) {
  const { rest, mayChange } = useAccount();
  const path = `/event_destinations/${encodeURIComponent(record.id)}`;
  const queue = useResource(`${path}/deliveries`, readQueue);
  const [busy, setBusy] = useState<string | null>(null);
  const [said, setSaid] = useState<Said | null>(null);
  const isPaused = record.state === 'paused';

  const act = async (action: 'send_test_event' | 'pause' | 'resume' | 'retry', done: string) => {
    setBusy(action);
    setSaid(null);
    const answer = await rest.create(`${path}/${action}`, undefined, () => null);
    setBusy(null);
    setSaid(answer.kind === 'ok' ? { kind: 'done', text: done } : { kind: 'failed', text: problemText(answer).text });
    await Promise.all([reload(), queue.reload()]);
  };
  return (
    <section aria-label="Delivery" className="flex flex-col gap-4">
      {mayChange && (
        <div className="flex flex-wrap gap-2">
          <Button
            tone="secondary"
            disabled={busy !== null}
            aria-busy={busy === 'send_test_event'}
            onClick={() => act('send_test_event', 'The test event arrived: the receiver took it.')}
          >
            <Send size={15} strokeWidth={1.75} aria-hidden />
            Send a test event
          </Button>
          {isPaused ? (
            <Button tone="secondary" disabled={busy !== null} onClick={() => act('resume', 'Sending goes on.')}>
              <Play size={15} strokeWidth={1.75} aria-hidden />
              Resume
            </Button>
          ) : (
            <Button
              tone="secondary"
              disabled={busy !== null}
              onClick={() => act('pause', 'Nothing is sent; what comes meanwhile waits.')}
            >
              <Pause size={15} strokeWidth={1.75} aria-hidden />
              Pause
            </Button>
          )}
          {queue.value !== null && queue.value.givenUp > 0 && (
            <Button
              tone="secondary"
              disabled={busy !== null}
              onClick={() => act('retry', 'They wait again, behind what waits already.')}
            >
              <RotateCw size={15} strokeWidth={1.75} aria-hidden />
              Send {plural(queue.value.givenUp, 'given-up event', 'given-up events')} again
            </Button>
          )}
        </div>
      )}
      <p
        role="status"
        data-said={said?.kind}
        className={`wrap-anywhere empty:hidden ${said?.kind === 'failed' ? 'text-cinnabar' : 'text-verdigris'}`}
      >
        {said?.text}
      </p>
      <Facts>
        <Fact label="State">
          <DeliveryChip state={record.state} />
        </Fact>
        <Fact label="Delivered">
          {figureText(count(record.delivered))}
          {record.lastDeliveredAt !== null && (
            <span className="text-ink-3">
              , last <LocalTime iso={record.lastDeliveredAt} />
            </span>
          )}
        </Fact>
        {queue.value !== null && (
          <>
            <Fact label="Waiting">{figureText(count(queue.value.pending))}</Fact>
            <Fact label="Given up">{figureText(count(queue.value.givenUp))}</Fact>
          </>
        )}
        {record.lastError !== null && (
          <Fact label="Last error">
            <span className="text-cinnabar">
              <UntrustedText text={record.lastError} />
            </span>
            {record.lastErrorAt !== null && (
              <span className="block text-meta text-ink-3">
                <LocalTime iso={record.lastErrorAt} />
                {record.nextAttemptAt !== null && (
                  <>
                    , next try <LocalTime iso={record.nextAttemptAt} />
                  </>
                )}
              </span>
            )}
          </Fact>
        )}
      </Facts>
      {queue.value !== null && queue.value.events.length > 0 && <GivenUp events={queue.value.events} />}
    </section>
  );
}

function GivenUp({ events }: { events: readonly GivenUpEvent[] }) {
  return (
    <section aria-label="Given up" className="flex flex-col gap-2">
      <h3 className="font-section">Given up, newest first</h3>
      <ul className="max-h-[320px] overflow-y-auto border-t border-line">
        {events.map((event) => (
          <li key={event.id} data-given-up={event.id} className="border-b border-line py-2">
            <p className="flex items-baseline justify-between gap-3">
              <span className="truncate font-mono text-url">{event.type}</span>
              <LocalTime iso={event.givenUpAt} className="figures shrink-0 text-meta text-ink-3" />
            </p>
            <p className="text-meta text-cinnabar wrap-anywhere">
              <UntrustedText text={event.error} />
            </p>
            <p className="text-meta text-ink-3">
              {plural(event.attempts, 'attempt', 'attempts')}, happened <LocalTime iso={event.at} />
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
