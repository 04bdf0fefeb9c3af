'use client';

import { useEffect, useState } from 'react';
import { plural } from '../../lib/format.ts';
import { list, number, object, text } from '../../lib/shape.ts';
import { visibleText } from '../../lib/visible-text.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { type ExchangeLine, readLine } from '../inspector/exchange.ts';
import { problemText } from '../records/form-view.tsx';
import { readTrial } from './trial.ts';

type Trial = ReturnType<typeof readTrial>;
type Rule = Trial['phases'][number]['rules'][number];

const readSurvey = (value: unknown) => ({
  ...object({
    exchanges: number,
    stopped: list(object({ id: text, method: text, path: text, conclusion: text })),
  })(value),
});
type Survey = ReturnType<typeof readSurvey>;

const tones = {
  fires: 'works',
  skipped: 'plain',
  unknown: 'waiting',
  failed: 'fails',
  'not-reached': 'plain',
} as const;
const box = 'rounded-button border border-control bg-surface px-2.5 text-ink max-sm:text-[16px]';

interface TryItProps {
  readonly policy: string;
  readonly url: string;
  readonly endpointId: string;
  /** How many problems the API finds in the draft: it is published only without. */
  readonly onProblems: (count: number) => void;
}

/** What the draft would do: to a request that is written here, to one that was recorded, or to the last thousand. */
export function TryIt({ policy, url, endpointId, onProblems }: TryItProps) {
  const { rest } = useAccount();
  const [recorded, setRecorded] = useState<readonly ExchangeLine[]>([]);
  const [picked, setPicked] = useState('');
  const [method, setMethod] = useState('GET');
  const [path, setPath] = useState('/');
  const [headers, setHeaders] = useState('');
  const [trial, setTrial] = useState<Trial | null>(null);
  const [survey, setSurvey] = useState<Survey | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    void rest.page('/exchanges?limit=50', 'exchanges', readLine).then((answer) => {
      if (answer.kind === 'ok') setRecorded(answer.value.items);
    });
  }, [rest]);

  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(() => {
      const origin = url
        .replace('//*.', '//any.')
        .replace(/^(tls|tcp):/, 'https:')
        .replace(/\/+$/, '');
      const request = {
        url: `${origin}${path.startsWith('/') ? path : `/${path}`}`,
        method,
        headers: headers
          .split('\n')
          .map((line) => line.match(/^\s*([^:\s]+)\s*:\s*(.*)$/))
          .flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? '']] : [])),
        status_code: 200,
      };
      const body = { traffic_policy: policy, ...(picked === '' ? { request } : { exchange_id: picked }) };
      void rest.create('/policy_trials', body, readTrial).then((answer) => {
        if (!isCurrent) return;
        if (answer.kind !== 'ok') return setProblem(problemText(answer).text);
        setProblem(null);
        onProblems(answer.value.problems.length);
        if (answer.value.problems.length === 0) setTrial(answer.value);
      });
    }, 300);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [rest, policy, url, picked, method, path, headers, onProblems]);

  const ask = async () => {
    const answer = await rest.create(
      '/policy_surveys',
      { traffic_policy: policy, endpoint_id: endpointId },
      readSurvey,
    );
    if (answer.kind === 'ok') setSurvey(answer.value);
    else setProblem(problemText(answer).text);
  };

  return (
    <aside
      aria-label="Try it"
      className="w-[400px] shrink-0 overflow-y-auto border-line p-4 max-md:w-full max-md:border-t md:border-l"
    >
      <h2 className="mb-2 font-section">Try it</h2>
      <div className="flex flex-col gap-2">
        {recorded.length > 0 && (
          <label className="flex flex-col gap-1">
            <span className="text-meta text-ink-3">Request</span>
            <select
              value={picked}
              onChange={(event) => setPicked(event.target.value)}
              className={join(box, 'h-[30px] max-sm:h-11')}
            >
              <option value="">one that you write</option>
              {recorded.map((line) => (
                <option key={line.id} value={line.id}>
                  {visibleText(`${line.method} ${line.path.slice(0, 60)} (${line.status_code ?? 'no answer'})`)}
                </option>
              ))}
            </select>
          </label>
        )}
        {picked === '' && (
          <>
            <div className="flex gap-2">
              <input
                aria-label="Method of the tried request"
                value={method}
                onChange={(event) => setMethod(event.target.value.toUpperCase())}
                className={join(box, 'h-[30px] w-20 font-mono text-url max-sm:h-11')}
              />
              <input
                aria-label="Path of the tried request"
                value={path}
                onChange={(event) => setPath(event.target.value)}
                className={join(box, 'h-[30px] min-w-0 flex-1 font-mono text-url max-sm:h-11')}
              />
            </div>
            <textarea
              aria-label="Headers of the tried request"
              rows={2}
              placeholder="Header: value"
              value={headers}
              spellCheck={false}
              onChange={(event) => setHeaders(event.target.value)}
              className={join(box, 'py-1.5 font-mono text-url')}
            />
          </>
        )}
      </div>
      {problem !== null && <p className="mt-3 text-ochre">{problem}</p>}
      {trial !== null && (
        <div className="mt-4 flex flex-col gap-4">
          <p className="border-t-2 border-ink pt-2 font-section" data-conclusion>
            {trial.conclusion}
          </p>
          {trial.phases
            .filter(({ rules }) => rules.length > 0)
            .map(({ phase, rules }) => (
              <section key={phase} aria-label={phase}>
                <h3 className="mb-1 font-mono text-meta text-ink-3">{phase}</h3>
                <ol className="border-t border-line">
                  {rules.map((rule) => (
                    <RuleRow key={rule.index} rule={rule} />
                  ))}
                </ol>
              </section>
            ))}
        </div>
      )}
      <div className="mt-5 border-t border-line pt-3">
        <Button tone="secondary" onClick={ask}>
          Ask of the last 1,000 requests
        </Button>
        {survey !== null && (
          <div className="mt-2 text-ink-2">
            <p>
              {survey.exchanges === 0
                ? 'No request of this endpoint is kept.'
                : `Of ${plural(survey.exchanges, 'request', 'requests')} it would stop ${survey.stopped.length === 50 ? '50 or more' : survey.stopped.length}.`}
            </p>
            <ul className="mt-1 font-mono text-meta">
              {survey.stopped.slice(0, 10).map(({ id, method: of, path: at, conclusion }) => (
                <li key={id} className="truncate" title={conclusion}>
                  {of} <UntrustedText text={at} />
                </li>
              ))}
            </ul>
          </div>
        )}
        <p className="mt-2 text-meta text-ink-3">Nothing is sent.</p>
      </div>
    </aside>
  );
}

function RuleRow({ rule: { index, name, verdict, expressions, actions } }: { rule: Rule }) {
  return (
    <li className={join('border-b border-line py-1.5', verdict === 'not-reached' && 'opacity-62')}>
      <div className="flex items-center gap-2">
        <span className="min-w-0 flex-1 truncate">
          <UntrustedText text={name ?? `rule ${index + 1}`} />
        </span>
        <Chip tone={tones[verdict]}>{verdict.replace('-', ' ')}</Chip>
      </div>
      {expressions.map(({ source, value, error }) => (
        <p key={source} className="font-mono text-meta text-ink-3 wrap-anywhere">
          <UntrustedText text={source} /> → <UntrustedText text={String(error ?? value)} className="text-ink" />
        </p>
      ))}
      {verdict !== 'skipped' &&
        actions.map(({ type, effect }) => (
          <p key={type} className="text-meta text-ink-2">
            <UntrustedText text={effect} />
          </p>
        ))}
    </li>
  );
}
