'use client';

import { useEffect, useState } from 'react';
import { plural } from '../../lib/format.ts';
import { list, object } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { compareAnswers, type Difference } from './answer-diff.ts';
import { type ExchangeDetail, type ExchangeLine, readDetail, readLine } from './exchange.ts';
import { clock, Method, milliseconds, Status } from './words.tsx';

const readReplays = object({ exchanges: list(readLine) });
/** A repetition is recorded within a second of its answer. */
const askAgainMs = 400;
const asksMax = 15;

/** An exchange and its repetitions; two of them side by side. `fresh` counts those that were just sent from here. */
export function Replays({
  original,
  fresh,
  onOpen,
}: {
  original: ExchangeDetail;
  fresh: number;
  onOpen: (id: string) => void;
}) {
  const { rest } = useAccount();
  const [replays, setReplays] = useState<readonly ExchangeLine[] | null>(null);
  const [marked, setMarked] = useState<readonly string[]>([]);
  const [compared, setCompared] = useState<readonly [ExchangeDetail, ExchangeDetail] | null>(null);
  const first = original.replay_of ?? original.id;

  useEffect(() => {
    let isCurrent = true;
    let asked = 0;
    let known = -1;
    const ask = async () => {
      const answer = await rest.get(`/exchanges/${encodeURIComponent(first)}/replays`, readReplays);
      if (!isCurrent) return;
      const found = answer.kind === 'ok' ? answer.value.exchanges : [];
      setReplays(found);
      asked += 1;
      if (known === -1) known = found.length;
      // One that was just sent comes a moment later.
      if (fresh > 0 && (found.length === 0 || found.length === known) && asked < asksMax) setTimeout(ask, askAgainMs);
    };
    void ask();
    return () => {
      isCurrent = false;
    };
  }, [rest, first, fresh]);

  useEffect(() => {
    const [a, b] = marked;
    setCompared(null);
    if (a === undefined || b === undefined) return;
    let isCurrent = true;
    const read = (id: string) => rest.get(`/exchanges/${encodeURIComponent(id)}`, readDetail);
    void Promise.all([read(a), read(b)]).then(([one, other]) => {
      if (isCurrent && one.kind === 'ok' && other.kind === 'ok') setCompared([one.value, other.value]);
    });
    return () => {
      isCurrent = false;
    };
  }, [rest, marked]);

  if (replays === null) return <p className="show-late text-ink-3">Asking…</p>;
  const lines = original.replay_of === null ? [original, ...replays] : replays;
  const mark = (id: string) =>
    setMarked((had) => (had.includes(id) ? had.filter((one) => one !== id) : [...had.slice(-1), id]));
  return (
    <>
      {replays.length === 0 ? (
        <p className="text-ink-2">
          It was not sent again yet. <kbd className="font-mono">R</kbd> sends it as it was.
        </p>
      ) : (
        <>
          <p className="text-ink-2">Mark two to compare their answers.</p>
          <ul className="border-t border-line">
            {lines.map((line) => (
              <li key={line.id} className="flex min-h-[34px] items-center gap-3 border-b border-line">
                <input
                  type="checkbox"
                  aria-label={`Compare ${line.id}`}
                  checked={marked.includes(line.id)}
                  onChange={() => mark(line.id)}
                  className="size-[15px] accent-lapis"
                />
                <span className="figures text-meta text-ink-3">{clock(line.created_at)}</span>
                <button
                  type="button"
                  onClick={() => onOpen(line.id)}
                  className="min-w-0 flex-1 truncate text-left font-mono text-url hover:underline"
                >
                  <Method method={line.method} /> <UntrustedText text={line.path} />
                </button>
                {line.replay_of === null && <span className="text-meta text-ink-3">original</span>}
                <Status line={line} />
                <span className="figures text-meta text-ink-3">{milliseconds(line.timing.total_ms)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {compared !== null && <Comparison a={compared[0]} b={compared[1]} onClear={() => setMarked([])} />}
    </>
  );
}

function Comparison({ a, b, onClear }: { a: ExchangeDetail; b: ExchangeDetail; onClear: () => void }) {
  const { differences, sameHeaders } = compareAnswers(a, b);
  return (
    <section aria-label="Difference of the answers" className="flex flex-col gap-2">
      <div className="flex items-center justify-between">
        <h3 className="font-section">
          {differences.length === 0
            ? 'The answers are the same'
            : plural(differences.length, 'difference', 'differences')}
        </h3>
        <Button tone="quiet" className="h-[26px]" onClick={onClear}>
          Clear
        </Button>
      </div>
      <p className="text-meta text-ink-3">
        {plural(sameHeaders, 'header is', 'headers are')} equal · {milliseconds(a.timing.total_ms)} and{' '}
        {milliseconds(b.timing.total_ms)}
      </p>
      {differences.length > 0 && (
        <dl className="border-t border-line font-mono text-url">
          {differences.map((difference) => (
            <DifferenceRow key={`${difference.part}:${difference.path}`} difference={difference} />
          ))}
        </dl>
      )}
    </section>
  );
}

function DifferenceRow({ difference: { part, path, a, b } }: { difference: Difference }) {
  return (
    <div className="border-b border-line py-1.5">
      <dt className="font-sans text-meta text-ink-3">
        {part !== 'status' && `${part}: `}
        <UntrustedText text={path} />
      </dt>
      {[
        { sign: '−', side: a, tone: 'bg-cinnabar-soft text-cinnabar', said: 'first: ' },
        { sign: '+', side: b, tone: 'bg-verdigris-soft text-verdigris', said: 'second: ' },
      ].map(
        ({ sign, side, tone, said }) =>
          side !== null && (
            <dd key={sign} className={join('px-2 wrap-anywhere', tone)}>
              <span aria-hidden>{sign} </span>
              <span className="sr-only">{said}</span>
              <UntrustedText text={side} />
            </dd>
          ),
      )}
    </div>
  );
}
