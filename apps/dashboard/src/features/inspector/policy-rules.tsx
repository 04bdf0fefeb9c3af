'use client';

import { Check, CircleDashed, CircleMinus, CornerDownRight, X } from 'lucide-react';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { plural } from '../../lib/format.ts';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { useLive } from '../live/live-provider.tsx';
import type { ExchangeDetail, ExchangePhase } from './exchange.ts';
import { milliseconds } from './words.tsx';

type Rule = ExchangePhase['rules'][number];
type Action = Rule['actions'][number];

const phaseNames: Record<string, string> = {
  on_tcp_connect: 'On connection',
  on_http_request: 'On request',
  on_http_response: 'On answer',
};

/** What the rules of the policies on the way did, one line each, and what they logged. */
export function PolicyRules({ detail }: { detail: ExchangeDetail }) {
  const { policy } = detail;
  if (policy === null) return null;
  const rules = policy.phases.flatMap((phase) => phase.rules);
  const fired = rules.filter(({ verdict }) => verdict === 'fired').length;
  const failed = rules.filter(({ verdict }) => verdict === 'failed').length;
  const skipped = rules.filter(({ verdict }) => verdict === 'skipped').length;
  const ends = [
    ...(policy.request === null ? [] : [`request ${policy.request}`]),
    ...(policy.response === null ? [] : [`answer ${policy.response}`]),
  ].join(', ');
  return (
    <section aria-label="Policy" className="flex min-w-0 flex-col gap-1.5">
      <h3 className="flex flex-wrap items-baseline gap-x-2 font-section">
        Policy
        <span className="text-meta font-regular text-ink-3">
          {policy.phases.length === 0
            ? ends
            : [
                `${plural(fired, 'rule', 'rules')} fired`,
                ...(skipped === 0 ? [] : [`${skipped} skipped`]),
                ...(failed === 0 ? [] : [`${failed} failed`]),
              ].join(', ')}
        </span>
        <EditorLink endpointId={detail.endpoint_id} />
      </h3>
      {policy.phases.map((phase, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a phase may run once for each endpoint, and the list never changes
        <div key={at} className="min-w-0">
          <h4 className="text-label text-ink-3">
            {phaseNames[phase.phase] ?? phase.phase}
            {phase.url !== detail.url && (
              <>
                , of <UntrustedText text={phase.url} />
              </>
            )}
          </h4>
          <ol>
            {phase.rules.map((rule) => (
              <RuleLines key={rule.index} rule={rule} />
            ))}
          </ol>
          {phase.cut && <p className="text-meta text-ink-3">More than is kept; the rest is left out.</p>}
        </div>
      ))}
      {policy.logs.length > 0 && (
        <div className="min-w-0">
          <h4 className="text-label text-ink-3">Logged</h4>
          <ul>
            {policy.logs.map((log, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: logs have no names, and the list never changes
              <li key={at} className="py-0.5 font-mono text-url wrap-anywhere">
                <UntrustedText text={JSON.stringify(log)} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}

/** Policies of cloud endpoints are written here; those of agents in their configuration. */
function EditorLink({ endpointId }: { endpointId: string }) {
  const { accountId } = useAccount();
  const { overview } = useLive();
  if (overview?.value.endpoints.some(({ id, kind }) => id === endpointId && kind === 'cloud') !== true) return null;
  return (
    <Link
      href={`/a/${accountId}/policy/${encodeURIComponent(endpointId)}`}
      className="ml-auto text-meta font-regular text-lapis hover:underline"
    >
      Open in editor
    </Link>
  );
}

/** One line for each action that ran; one for a rule that did not get so far. */
function RuleLines({ rule }: { rule: Rule }) {
  const { verdict, expressions, actions } = rule;
  const last = expressions.at(-1);
  const why = expressions.length === 0 ? null : expressions.map(({ source }) => source).join(' and ');
  switch (verdict) {
    case 'skipped':
      return (
        <Line icon={<CircleDashed size={15} strokeWidth={1.75} aria-hidden className="text-ink-3" />} rule={rule} dim>
          skipped: <Source text={last?.source ?? ''} /> was false
        </Line>
      );
    case 'failed':
      return (
        <Line icon={<X size={15} strokeWidth={2} aria-hidden className="text-cinnabar" />} rule={rule}>
          <span className="text-cinnabar">
            <Source text={last?.source ?? ''} /> failed: <UntrustedText text={last?.error ?? ''} />
          </span>
        </Line>
      );
    case 'not-reached':
      return (
        <Line icon={<CircleMinus size={15} strokeWidth={1.75} aria-hidden className="text-ink-3" />} rule={rule} dim>
          not reached
        </Line>
      );
    default:
      return actions.map((action, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an action may come twice, and the list never changes
        <Line key={at} icon={<ActionIcon action={action} />} rule={rule} action={action} why={why}>
          <span className={action.effect.startsWith('failed: ') ? 'text-cinnabar' : undefined}>
            <UntrustedText text={action.effect} />
          </span>
        </Line>
      ));
  }
}

function ActionIcon({ action }: { action: Action }) {
  if (action.effect.startsWith('failed: '))
    return <X size={15} strokeWidth={2} aria-hidden className="text-cinnabar" />;
  return action.ended ? (
    <CornerDownRight size={15} strokeWidth={1.75} aria-hidden className="text-wisteria" />
  ) : (
    <Check size={15} strokeWidth={1.75} aria-hidden className="text-verdigris" />
  );
}

interface LineProps {
  readonly icon: ReactNode;
  readonly rule: Rule;
  readonly action?: Action;
  /** The expressions that were all true. */
  readonly why?: string | null;
  readonly dim?: boolean;
  readonly children: ReactNode;
}

function Line({ icon, rule, action, why = null, dim = false, children }: LineProps) {
  const types = rule.actions.map(({ type }) => type).join(', ');
  const name = action?.type ?? (types === '' ? `rule ${rule.index + 1}` : types);
  return (
    <li
      data-verdict={rule.verdict}
      className="grid grid-cols-[15px_minmax(110px,170px)_minmax(0,1fr)_auto] items-start gap-x-2.5 py-1 max-sm:grid-cols-[15px_minmax(0,1fr)_auto]"
    >
      <span className="pt-0.5">{icon}</span>
      <span className={join('min-w-0 font-mono text-url wrap-anywhere', dim ? 'text-ink-3' : 'font-strong')}>
        <UntrustedText text={name} />
        {rule.name !== null && (
          <span className="block font-sans text-label font-regular text-ink-3">
            <UntrustedText text={rule.name} />
          </span>
        )}
      </span>
      <span className="min-w-0 text-ink-2 wrap-anywhere max-sm:col-start-2 max-sm:row-start-2">
        {children}
        {action?.ended === true && <span className="text-ink-3">, ended here</span>}
        {why !== null && (
          <span className="block text-label text-ink-3">
            since <Source text={why} />
          </span>
        )}
      </span>
      <span className="figures text-meta text-ink-3">
        {action !== undefined && action.milliseconds >= 0.05 ? milliseconds(action.milliseconds) : ''}
      </span>
    </li>
  );
}

function Source({ text }: { text: string }) {
  return (
    <code className="font-mono text-label wrap-anywhere">
      <UntrustedText text={text} />
    </code>
  );
}
