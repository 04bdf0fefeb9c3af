'use client';

import type { LiveEndpoint, LiveSession, RecentEvent } from '@portico/api-contract/dashboard';
import { CircleCheck, CircleX, ExternalLink } from 'lucide-react';
import Link from 'next/link';
import { count, plural } from '../../lib/format.ts';
import { visibleText } from '../../lib/visible-text.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { QrCode } from '../../ui/qr-code.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { troubleText } from '../endpoints/path-state.ts';
import { countsRequests } from '../live/traffic-history.ts';
import { FirstRequests } from './first-requests.tsx';
import type { Progress, Tunnel } from './first-tunnel.ts';
import { type PathColumn, PathDrawing } from './path-drawing.tsx';

export interface TunnelPanelProps {
  readonly progress: Progress;
  readonly hasEdge: boolean;
  /** This account had no tunnel before this page was opened. */
  readonly isFirst: boolean;
}

/** What the server sees of the newcomer's tunnel: nothing yet, then its address, and whether it works. */
export function TunnelPanel({ progress, hasEdge, isFirst }: TunnelPanelProps) {
  const { tunnel, agent, lastEvent } = progress;
  return (
    <section aria-label="Your tunnel" data-tunnel={tunnel.kind} className="rounded-panel border border-line-strong">
      {tunnel.kind === 'live' ? (
        <Live tunnel={tunnel} isFirst={isFirst} />
      ) : (
        <div className="px-5 pt-5 max-sm:px-4">
          <h2 role="status" className="text-prose font-section">
            {tunnel.kind === 'gone'
              ? 'Your tunnel went offline'
              : isFirst
                ? 'Waiting for your first tunnel'
                : 'No tunnel is online'}
          </h2>
          <p className="mt-0.5 text-ink-2">
            {tunnel.kind === 'gone' ? (
              <Gone endpoint={tunnel.endpoint} event={tunnel.event} />
            ) : (
              'It appears here within a second, and this page needs no reload.'
            )}
          </p>
        </div>
      )}
      <div className="border-line bg-sunken not-first:border-t not-first:mt-5">
        <PathDrawing
          columns={columnsOf(progress, hasEdge)}
          label={wordsOf(progress)}
          isLighting={tunnel.kind === 'live' && isFirst}
        />
      </div>
      {tunnel.kind === 'live' ? (
        <div className="border-t border-line px-5 py-4 max-sm:px-4">
          <Traffic endpoint={tunnel.endpoint} />
        </div>
      ) : (
        (agent !== null || lastEvent !== null) && (
          <p className="border-t border-line px-5 py-3 text-ink-2 max-sm:px-4">
            {agent !== null ? (
              <>
                <UntrustedText text={agent.agentName} className="font-strong text-ink" /> is connected. Now open a
                tunnel with it.
              </>
            ) : (
              lastEvent !== null && <LastEvent event={lastEvent} />
            )}
          </p>
        )
      )}
    </section>
  );
}

function Live({ tunnel, isFirst }: { tunnel: Extract<Tunnel, { kind: 'live' }>; isFirst: boolean }) {
  const { endpoint, agent } = tunnel;
  const { url } = endpoint;
  const opens = /^https?:\/\//.test(url);
  return (
    <div className="flex flex-wrap items-start justify-between gap-4 px-5 pt-5 max-sm:px-4">
      <div className="min-w-0 flex-1 basis-64">
        <h2 role="status" className="flex items-center gap-2 font-section text-verdigris">
          <CircleCheck size={16} strokeWidth={1.75} aria-hidden />
          {isFirst ? 'Your first tunnel is live' : 'Your tunnel is live'}
        </h2>
        <p data-url className="mt-2 text-[23px]/[30px] font-section tracking-[-0.018em] wrap-anywhere">
          <UntrustedText text={url.replace(/^https?:\/\//, '')} />
        </p>
        <p className="mt-1 text-ink-2 wrap-anywhere">
          forwards to <UntrustedText text={endpoint.forwardsTo || 'your app'} className="font-mono text-url" />
          {agent !== null && (
            <>
              {' on '}
              <UntrustedText text={agent.agentName} />
            </>
          )}
        </p>
        <div className="mt-4 flex items-center gap-2">
          {opens && (
            <a
              href={url}
              target="_blank"
              rel="noopener noreferrer"
              className="inline-flex h-[30px] items-center gap-2 rounded-button bg-primary px-3 font-button text-on-primary hover:opacity-90 max-sm:h-11 forced-colors:border"
            >
              <ExternalLink size={15} strokeWidth={1.75} aria-hidden />
              Open
            </a>
          )}
          <span className="inline-flex h-[30px] items-center rounded-button border border-line-strong bg-raised pl-3 font-button max-sm:h-11">
            Copy URL
            <CopyButton text={url} label={`Copy ${visibleText(url)}`} className="ml-1" />
          </span>
        </div>
      </div>
      {opens && (
        <div className="w-[96px] shrink-0 max-sm:hidden [&>svg]:size-[96px]">
          <QrCode text={url} label="QR code of the address" />
        </div>
      )}
    </div>
  );
}

function Traffic({ endpoint }: { endpoint: LiveEndpoint }) {
  const { upstream } = endpoint;
  if (upstream.kind === 'fails') {
    const { before, after } = troubleText(upstream.code, visibleText(endpoint.forwardsTo || 'The upstream'));
    return (
      <p className="flex items-start gap-2 text-cinnabar">
        <CircleX size={15} strokeWidth={1.75} className="mt-[2.5px] shrink-0" aria-hidden />
        <span className="wrap-anywhere">
          {before}
          <LocalTime iso={upstream.since} className="figures" />
          {after}
        </span>
      </p>
    );
  }
  if (!countsRequests(endpoint))
    return <p className="text-ink-2">{plural(endpoint.connections, 'connection', 'connections')} so far.</p>;
  return (
    <>
      <div className="flex items-baseline justify-between gap-3">
        <h3 className="font-section">First requests</h3>
        <span className="figures text-meta text-ink-2">{count(endpoint.requests).value} so far</span>
      </div>
      <FirstRequests endpoint={endpoint} />
    </>
  );
}

function Gone({ endpoint, event }: { endpoint: LiveEndpoint; event: RecentEvent | null }) {
  return (
    <>
      <UntrustedText text={endpoint.url} className="font-mono text-url" />
      {event !== null && (
        <>
          {' since '}
          <LocalTime iso={event.at} className="figures" />
          {event.detail !== null && event.detail !== '' && (
            <>
              {': '}
              <UntrustedText text={event.detail} />
            </>
          )}
        </>
      )}
      . Start it again with the same command.
    </>
  );
}

const said: Record<RecentEvent['type'], string> = {
  'endpoint.online': 'was opened',
  'endpoint.offline': 'went offline',
  'session.started': 'connected',
  'session.ended': 'left',
  'session.refused': 'was refused',
};

function LastEvent({ event }: { event: RecentEvent }) {
  return (
    <>
      Last: <LocalTime iso={event.at} className="figures" />, <UntrustedText text={event.subject} /> {said[event.type]}
      {event.detail !== null && event.detail !== '' && (
        <>
          {' ('}
          <UntrustedText text={event.detail} className="wrap-anywhere" />)
        </>
      )}
      .
    </>
  );
}

function columnsOf({ tunnel, agent }: Progress, hasEdge: boolean): PathColumn[] {
  const carrier: LiveSession | null = tunnel.kind === 'live' ? tunnel.agent : agent;
  const upstream = tunnel.kind === 'none' ? null : tunnel.endpoint;
  return [
    { name: 'Visitor', detail: 'anybody', state: 'stands' },
    { name: 'Edge', detail: hasEdge ? 'this server' : 'not running', state: hasEdge ? 'works' : 'missing' },
    {
      name: 'Agent',
      detail: carrier?.agentName ?? (tunnel.kind === 'gone' ? 'not connected' : 'not seen yet'),
      state: carrier !== null ? 'works' : tunnel.kind === 'gone' ? 'fails' : 'missing',
    },
    {
      name: 'Upstream',
      detail: upstream?.forwardsTo || 'your app',
      state: tunnel.kind !== 'live' ? 'missing' : tunnel.endpoint.upstream.kind === 'fails' ? 'fails' : 'works',
    },
  ];
}

function wordsOf({ tunnel, agent }: Progress): string {
  if (tunnel.kind === 'gone') return 'The path ends at the edge: the agent is gone';
  if (tunnel.kind === 'none') {
    return agent === null ? 'The path ends at the edge: no agent yet' : 'The path ends at the agent: no tunnel yet';
  }
  return tunnel.endpoint.upstream.kind === 'fails'
    ? 'The path ends at the agent: the upstream fails'
    : 'From the visitor to the upstream, the path stands';
}

interface NextStep {
  readonly label: string;
  readonly text: string;
  readonly path: string;
}

const steps: readonly NextStep[] = [
  { label: 'Use your own domain', text: 'Point a CNAME here; the certificate comes by itself.', path: 'domains' },
  {
    label: 'Ask visitors to sign in',
    text: 'One rule of a policy puts a password or a provider before it.',
    path: 'policy',
  },
  { label: 'Invite a colleague', text: 'They get their own token and see the same traffic.', path: 'team' },
];

export function NextSteps({ accountId }: { accountId: string }) {
  return (
    <section aria-labelledby="next-steps" className="mt-6">
      <h2 id="next-steps" className="pb-2 text-meta font-regular text-ink-3">
        Good next steps
      </h2>
      <ul className="border-t border-line">
        {steps.map(({ label, text, path }) => (
          <li
            key={path}
            className="relative flex flex-wrap gap-x-2 border-b border-line py-2 hover:bg-hover max-sm:py-3"
          >
            <Link
              href={`/a/${encodeURIComponent(accountId)}/${path}`}
              prefetch={false}
              className="font-strong after:absolute after:inset-0"
            >
              {label}
            </Link>
            <span className="text-ink-2">{text}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
