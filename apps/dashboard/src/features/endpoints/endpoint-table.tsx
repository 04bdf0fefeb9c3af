import type { LiveEndpoint, LiveSession, Overview } from '@portico/api-contract/dashboard';
import { CircleX, Cloud, Laptop, Lock } from 'lucide-react';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { bytes, count, duration, perSecond, text } from '../../lib/format.ts';
import { visibleText } from '../../lib/visible-text.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { join } from '../../ui/join.ts';
import { LocalTime } from '../../ui/local-time.tsx';
import { PathGlyph } from '../../ui/path-glyph.tsx';
import { Sparkline } from '../../ui/sparkline.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useLive } from '../live/live-provider.tsx';
import { EndpointUrl } from './endpoint-url.tsx';
import { pathOf, troubleText } from './path-state.ts';
import { orderRows } from './row-order.ts';
import { TableSection, Td, Th } from './table-parts.tsx';
import { countsRequests, type Series } from './traffic-history.ts';
import { useRowKeys } from './use-row-keys.ts';

/** One row of 52 px an endpoint; what fails has a line of its own under it. Columns leave as the window narrows. */
export function EndpointTable({ overview, serverNowMs }: { overview: Overview; serverNowMs: number }) {
  const { history, nowMs } = useLive();
  const { rows, fresh } = useHeldOrder(overview.endpoints);
  const sessions = useMemo(
    () => new Map(overview.sessions.map((session) => [session.id, session])),
    [overview.sessions],
  );
  const body = useRef<HTMLTableSectionElement>(null);
  useRowKeys(body);
  const more = overview.endpointCount - overview.endpoints.length;
  return (
    <TableSection
      label="Endpoints online now"
      foot={more > 0 && `${count(more).value} more are online and not listed here.`}
    >
      <thead>
        <tr>
          <Th className="w-[52px] max-sm:w-11">
            <span className="sr-only">Path</span>
          </Th>
          <Th>URL</Th>
          <Th className="w-[92px] max-lg:hidden">Kind</Th>
          <Th className="w-[184px] max-sm:hidden">Forwards to</Th>
          <Th className="w-[144px] max-lg:hidden">Traffic</Th>
          <Th isFigure className="w-[100px] max-sm:w-[104px]">
            Requests
          </Th>
          <Th isFigure className="w-[100px] max-md:hidden">
            Connections
          </Th>
          <Th isFigure className="w-[150px] max-sm:hidden">
            In / out
          </Th>
          <Th isFigure className="w-[96px] max-sm:hidden">
            Online for
          </Th>
        </tr>
      </thead>
      <tbody ref={body}>
        {rows.map((endpoint) => (
          <EndpointRow
            key={endpoint.id}
            endpoint={endpoint}
            session={sessions.get(endpoint.sessionId) ?? null}
            isFresh={fresh.has(endpoint.id)}
            onlineFor={duration(serverNowMs - Date.parse(endpoint.startedAt))}
            rate={nowMs === null ? null : history.rate(endpoint.id, nowMs)}
            series={nowMs === null ? null : history.series(endpoint.id, nowMs)}
          />
        ))}
      </tbody>
    </TableSection>
  );
}

interface EndpointRowProps {
  readonly endpoint: LiveEndpoint;
  readonly session: LiveSession | null;
  readonly isFresh: boolean;
  readonly onlineFor: string;
  readonly rate: number | null;
  readonly series: Series | null;
}

const EndpointRow = memo(function EndpointRow({
  endpoint,
  session,
  isFresh,
  onlineFor,
  rate,
  series,
}: EndpointRowProps) {
  const path = pathOf(endpoint);
  const description = endpoint.metadata || endpoint.name;
  const isHttp = countsRequests(endpoint);
  const rateText = rate === null ? null : isHttp ? `${perSecond(rate)} /s` : `${text(bytes(rate))}/s`;
  const { upstream } = endpoint;
  const edge = upstream.kind === 'fails' ? '' : 'border-b border-line';
  return (
    <>
      <tr
        tabIndex={-1}
        data-endpoint={endpoint.id}
        className={join('group h-[52px] hover:bg-hover max-sm:h-[72px]', isFresh && 'fresh-row')}
      >
        <Td className={join(edge, 'pl-6 max-sm:pl-4')}>
          <PathGlyph hops={path.hops} label={path.label} />
        </Td>
        <th scope="row" className={join(edge, 'py-1.5 pr-3 text-left font-regular')}>
          <div className="flex min-w-0 items-center gap-1">
            <EndpointUrl url={endpoint.url} />
            <CopyButton
              text={endpoint.url}
              label={`Copy ${visibleText(endpoint.url)}`}
              className="-my-1 opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 group-focus:opacity-100 focus-visible:opacity-100 pointer-coarse:opacity-100"
            />
          </div>
          <div className="truncate text-meta text-ink-2 sm:hidden">
            <UntrustedText text={endpoint.forwardsTo} className="font-mono" />
            {session && (
              <>
                {' on '}
                <UntrustedText text={session.agentName} />
              </>
            )}
          </div>
          {description !== '' && (
            <div className="truncate text-meta text-ink-3 max-sm:hidden" title={visibleText(description)}>
              <UntrustedText text={description} />
            </div>
          )}
        </th>
        <Td className={join(edge, 'max-lg:hidden')}>
          <Kind kind={endpoint.kind} />
        </Td>
        <Td className={join(edge, 'max-sm:hidden')}>
          <div className="truncate font-mono text-meta" title={visibleText(endpoint.forwardsTo)}>
            <UntrustedText text={endpoint.forwardsTo || '–'} />
          </div>
          {session && (
            <div className="truncate text-meta text-ink-3">
              <UntrustedText text={session.agentName} />
            </div>
          )}
        </Td>
        <Td className={join(edge, 'max-lg:hidden')}>
          {series && (
            <Sparkline
              points={series.perSecond}
              ticks={series.errors}
              label={`Last 72 seconds: now ${rateText ?? 'nothing known'}`}
            />
          )}
        </Td>
        <Td isFigure className={join(edge, 'max-sm:pr-4')}>
          <div className={isHttp ? 'font-strong' : 'text-ink-3'}>{isHttp ? text(count(endpoint.requests)) : '–'}</div>
          <div className="text-meta text-ink-3">{rateText ?? '\u00a0'}</div>
        </Td>
        <Td isFigure className={join(edge, 'max-md:hidden')}>
          {text(count(endpoint.connections))}
        </Td>
        <Td isFigure className={join(edge, 'max-sm:hidden')}>
          {text(bytes(endpoint.bytesIn))} <span className="text-ink-3">/</span> {text(bytes(endpoint.bytesOut))}
        </Td>
        <Td isFigure className={join(edge, 'pr-6 text-ink-2 max-sm:hidden')}>
          <span title={`since ${endpoint.startedAt.slice(0, 19).replace('T', ' ')} UTC`}>{onlineFor}</span>
        </Td>
      </tr>
      {upstream.kind === 'fails' && <TroubleRow endpoint={endpoint} since={upstream.since} code={upstream.code} />}
    </>
  );
});

function TroubleRow({ endpoint, since, code }: { endpoint: LiveEndpoint; since: string; code: number | null }) {
  const { before, after } = troubleText(code, visibleText(endpoint.forwardsTo || 'The upstream'));
  return (
    <tr>
      <td aria-hidden className="border-b border-line" />
      <td colSpan={8} className="border-b border-line pr-6 pb-2.5 max-sm:pr-4">
        <p className="flex items-center gap-2 rounded-chip bg-cinnabar-soft px-2 py-1 text-meta text-cinnabar">
          <CircleX size={14} strokeWidth={1.75} className="shrink-0" aria-hidden />
          <span>
            {before}
            <LocalTime iso={since} className="figures" />
            {after}
          </span>
        </p>
      </td>
    </tr>
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

/** Rows that keep their place from one message to the next, and which of them came after the page was drawn. */
function useHeldOrder(endpoints: readonly LiveEndpoint[]): { rows: LiveEndpoint[]; fresh: ReadonlySet<string> } {
  const [first] = useState(() => orderRows(endpoints, []).map((endpoint) => endpoint.id));
  const order = useRef<readonly string[]>(first);
  const drawn = useRef<ReadonlySet<string>>(new Set(first));
  const rows = useMemo(() => orderRows(endpoints, order.current), [endpoints]);
  const fresh = useMemo(() => new Set(rows.map((row) => row.id).filter((id) => !drawn.current.has(id))), [rows]);
  useEffect(() => {
    order.current = rows.map((row) => row.id);
  }, [rows]);
  return { rows, fresh };
}
