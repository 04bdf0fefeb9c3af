import type { LiveEndpoint } from '@portico/api-contract/dashboard';
import { CircleX, Cloud, Laptop, Lock } from 'lucide-react';
import { bytes, count, perSecond, text } from '../../lib/format.ts';
import { visibleText } from '../../lib/visible-text.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { join } from '../../ui/join.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { PathGlyph } from '../../ui/path-glyph.tsx';
import { Sparkline } from '../../ui/sparkline.tsx';
import { LineCell, NameCell, Row, Td } from '../../ui/table.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { countsRequests, type Series } from '../live/traffic-history.ts';
import { EndpointUrl } from './endpoint-url.tsx';
import { pathOf, troubleText } from './path-state.ts';

/** Glyph, URL, kind, forwards to, traffic, requests, connections, in / out, online for: by the width of the table. */
export const columns = [
  'grid-cols-[28px_minmax(0,1fr)_96px]',
  '@min-[600px]:grid-cols-[28px_minmax(0,1fr)_92px_140px_84px]',
  '@min-[840px]:grid-cols-[28px_minmax(0,1fr)_172px_92px_140px_84px]',
  '@min-[1040px]:grid-cols-[28px_minmax(0,1fr)_84px_172px_92px_96px_140px_84px]',
  '@min-[1180px]:grid-cols-[28px_minmax(0,1fr)_84px_172px_132px_92px_96px_140px_84px]',
].join(' ');
export const from600 = '@max-[600px]:hidden';
export const from840 = '@max-[840px]:hidden';
export const from1040 = '@max-[1040px]:hidden';
export const from1180 = '@max-[1180px]:hidden';

export interface EndpointRowProps {
  readonly endpoint: LiveEndpoint;
  readonly agentName: string | null;
  readonly isFresh: boolean;
  readonly onlineFor: string;
  /** Requests or bytes a second; null while that is not known. */
  readonly rate: number | null;
  readonly series: Series | null;
}

/** 52 px, 72 on small screens; what fails has a line of its own under it. */
export function EndpointRow({ endpoint, agentName, isFresh, onlineFor, rate, series }: EndpointRowProps) {
  const path = pathOf(endpoint);
  const description = endpoint.metadata || endpoint.name;
  const isHttp = countsRequests(endpoint);
  const rateText = rate === null ? null : isHttp ? `${perSecond(rate)} /s` : `${text(bytes(rate))}/s`;
  const { upstream } = endpoint;
  return (
    <Row
      columns={columns}
      tabIndex={-1}
      data-endpoint={endpoint.id}
      className={join('group min-h-[52px] py-1.5 hover:bg-hover max-sm:min-h-[72px]', isFresh && 'fresh-row')}
    >
      <Td>
        <PathGlyph hops={path.hops} label={path.label} />
      </Td>
      <NameCell>
        <div className="flex min-w-0 items-center gap-1">
          <EndpointUrl url={endpoint.url} />
          <CopyButton
            text={endpoint.url}
            label={`Copy ${visibleText(endpoint.url)}`}
            className="-my-1 opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 group-focus:opacity-100 focus-visible:opacity-100 max-sm:-my-3 pointer-coarse:opacity-100"
          />
        </div>
        {/* Where it has no column, the way to the upstream takes the second line. */}
        <div className="truncate text-meta text-ink-2 @min-[840px]:hidden">
          <UntrustedText text={endpoint.forwardsTo || '–'} className="font-mono" />
          {agentName !== null && (
            <>
              {' on '}
              <UntrustedText text={agentName} />
            </>
          )}
        </div>
        {description !== '' && (
          <div className="truncate text-meta text-ink-3 @max-[840px]:hidden" title={visibleText(description)}>
            <UntrustedText text={description} />
          </div>
        )}
      </NameCell>
      <Td className={from1040}>
        <Kind kind={endpoint.kind} />
      </Td>
      <Td className={from840}>
        <div className="truncate font-mono text-meta" title={visibleText(endpoint.forwardsTo)}>
          <UntrustedText text={endpoint.forwardsTo || '–'} />
        </div>
        {agentName !== null && (
          <div className="truncate text-meta text-ink-3">
            <UntrustedText text={agentName} />
          </div>
        )}
      </Td>
      <Td className={from1180}>
        {series && (
          <Sparkline
            points={series.perSecond}
            ticks={series.errors}
            label={`Last 72 seconds: now ${rateText ?? 'nothing known'}`}
          />
        )}
      </Td>
      <Td isFigure>
        <div className={isHttp ? 'font-strong' : 'text-ink-3'}>{isHttp ? text(count(endpoint.requests)) : '–'}</div>
        <div className="text-meta text-ink-3">{rateText ?? '\u00a0'}</div>
      </Td>
      <Td isFigure className={from1040}>
        {text(count(endpoint.connections))}
      </Td>
      <Td isFigure className={from600}>
        {text(bytes(endpoint.bytesIn))} <span className="text-ink-3">/</span> {text(bytes(endpoint.bytesOut))}
      </Td>
      <Td isFigure className={join(from600, 'text-ink-2')}>
        <span title={`since ${endpoint.startedAt.slice(0, 19).replace('T', ' ')} UTC`}>{onlineFor}</span>
      </Td>
      {upstream.kind === 'fails' && (
        <LineCell>
          <Trouble upstream={endpoint.forwardsTo} since={upstream.since} code={upstream.code} />
        </LineCell>
      )}
    </Row>
  );
}

function Trouble({ upstream, since, code }: { upstream: string; since: string; code: number | null }) {
  const { before, after } = troubleText(code, visibleText(upstream || 'The upstream'));
  return (
    <p className="flex items-center gap-2 rounded-chip bg-cinnabar-soft px-2 py-1 text-meta text-cinnabar">
      <CircleX size={14} strokeWidth={1.75} className="shrink-0" aria-hidden />
      <span className="wrap-anywhere">
        {before}
        <LocalTime iso={since} className="figures" />
        {after}
      </span>
    </p>
  );
}

const kinds = {
  agent: { label: 'Agent', look: 'text-lapis', Icon: Laptop },
  cloud: { label: 'Cloud', look: 'text-wisteria', Icon: Cloud },
  internal: { label: 'Internal', look: 'text-ink-2', Icon: Lock },
} as const;

function Kind({ kind }: { kind: LiveEndpoint['kind'] }) {
  const { label, look, Icon } = kinds[kind];
  return (
    <span className={join('inline-flex items-center gap-1.5', look)}>
      <Icon size={15} strokeWidth={1.75} aria-hidden />
      {label}
    </span>
  );
}
