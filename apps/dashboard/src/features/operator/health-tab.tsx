'use client';

import type { Installation } from '@portico/api-contract/operator';
import { bytes, count, duration, perSecond, plural, text } from '../../lib/format.ts';
import { join } from '../../ui/join.ts';
import { Lintel, LintelCell } from '../../ui/lintel.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { Notice } from '../../ui/notice.tsx';
import { LineCell, NameCell, Row, TableBody, TableHead, TableSection, Td, Th } from '../../ui/table.tsx';
import { PathDrawing } from '../start/path-drawing.tsx';
import { Part } from './part.tsx';
import { readInstallation } from './read-operator.ts';
import { usePolled, useRates } from './use-operator.ts';

const dayMs = 86_400_000;

/** The path of the whole installation, and each edge. */
export function HealthTab() {
  const polled = usePolled('/installation', readInstallation);
  const { value } = polled;
  const totals = new Map((value?.edges ?? []).map(({ nodeId, requests }) => [nodeId, requests]));
  const rates = useRates(totals, value?.at ?? null);
  return <Part polled={polled}>{(installation) => <Health installation={installation} rates={rates} />}</Part>;
}

function Health({ installation, rates }: { installation: Installation; rates: ReadonlyMap<string, number> }) {
  const { at, edges, counts, version, startedAt } = installation;
  const nowMs = Date.parse(at);
  const online = edges.filter((edge) => edge.online);
  const rate = [...rates.values()].reduce((sum, one) => sum + one, 0);
  return (
    <>
      <div className="px-6 max-sm:px-4">
        <Lintel label="The installation now">
          <LintelCell
            label="Requests"
            value={perSecond(rate)}
            unit="/s"
            note={`${text(count(edges.reduce((sum, { requests }) => sum + requests, 0)))} since the API started`}
          />
          <LintelCell
            label="Agents"
            {...count(counts.sessions)}
            note={plural(counts.endpoints, 'endpoint', 'endpoints')}
          />
          <LintelCell
            label="Accounts"
            {...count(counts.accounts)}
            note={counts.suspended === 0 ? 'none suspended' : `${count(counts.suspended).value} suspended`}
            tone="plain"
          />
          <LintelCell
            label="People"
            {...count(counts.people)}
            note={plural(counts.operators, 'operator', 'operators')}
          />
          <LintelCell
            label="Edges"
            value={`${online.length}`}
            unit={`of ${edges.length}`}
            note={online.length === edges.length ? 'all work' : `${edges.length - online.length} not connected`}
            tone={online.length === edges.length ? 'plain' : 'fails'}
          />
        </Lintel>
      </div>
      <div className="mx-6 max-w-[760px] rounded-panel border border-line bg-sunken max-sm:mx-4">
        <PathDrawing
          label="The path of the installation"
          columns={[
            { name: 'Visitors', detail: 'anybody', state: 'stands' },
            {
              name: 'Edges',
              detail: plural(online.length, 'works', 'work'),
              state: online.length > 0 ? 'works' : edges.length === 0 ? 'missing' : 'fails',
            },
            { name: 'API', detail: `up ${duration(nowMs - Date.parse(startedAt))}`, state: 'works' },
            { name: 'Database', detail: 'answers', state: 'works' },
          ]}
        />
      </div>
      {edges.length === 0 ? (
        <Notice title="No edge has been seen" lit={0}>
          <p>It appears here as soon as one has reached the API.</p>
        </Notice>
      ) : (
        <TableSection label="Edges" title="Edges" foot={`The API runs ${version}.`}>
          <TableHead>
            <Row columns={columns}>
              <Th>Edge</Th>
              <Th>Version</Th>
              <Th className={wide}>Agents dial</Th>
              <Th isFigure>Agents</Th>
              <Th isFigure className={middle}>
                Endpoints
              </Th>
              <Th isFigure>Load</Th>
              <Th isFigure className={middle}>
                Data
              </Th>
              <Th isFigure className={wide}>
                Up for
              </Th>
              <Th isFigure className={wide}>
                Issues until
              </Th>
            </Row>
          </TableHead>
          <TableBody>
            {edges.map((edge) => (
              <Row key={edge.nodeId} columns={columns} data-edge={edge.nodeId} className="min-h-10 py-1.5">
                <NameCell>
                  <span className="flex items-center gap-2">
                    <span
                      aria-hidden
                      className={join(
                        'size-2 shrink-0 rounded-full',
                        edge.draining ? 'bg-s4' : edge.online ? 'bg-s2' : 'border border-control',
                      )}
                    />
                    <span className="min-w-0 truncate font-strong">{edge.nodeId}</span>
                  </span>
                  <span className="pl-4 text-meta text-ink-3">
                    {edge.draining ? 'draining' : edge.online ? 'working' : 'not connected'}
                  </span>
                </NameCell>
                <Td>
                  <span className={join(edge.version !== null && edge.version !== version && 'text-ochre')}>
                    {edge.version ?? '–'}
                  </span>
                </Td>
                <Td className={wide}>
                  <span className="block truncate font-mono text-meta">{edge.connectAddress ?? '–'}</span>
                </Td>
                <Td isFigure>{text(count(edge.sessions))}</Td>
                <Td isFigure className={middle}>
                  {text(count(edge.endpoints))}
                </Td>
                <Td isFigure>{rates.has(edge.nodeId) ? `${perSecond(rates.get(edge.nodeId) ?? 0)} /s` : '–'}</Td>
                <Td isFigure className={middle}>
                  {text(bytes(edge.bytes))}
                </Td>
                <Td isFigure className={wide}>
                  {edge.startedAt === null || !edge.online ? '–' : duration(nowMs - Date.parse(edge.startedAt))}
                </Td>
                <Td isFigure className={wide}>
                  {edge.issuingNotAfter === null ? (
                    '–'
                  ) : (
                    <span className={join(Date.parse(edge.issuingNotAfter) - nowMs < 30 * dayMs && 'text-ochre')}>
                      {edge.issuingNotAfter.slice(0, 10)}
                    </span>
                  )}
                </Td>
                {!edge.online && (
                  <LineCell>
                    <p className="rounded-chip bg-cinnabar-soft px-2 py-1 text-meta text-cinnabar">
                      It is not in the registry any more: it has stopped, or cannot reach the API. Its agents connect to
                      another edge where there is one.
                    </p>
                  </LineCell>
                )}
              </Row>
            ))}
          </TableBody>
        </TableSection>
      )}
      <p className="px-6 text-meta text-ink-3 max-sm:px-4">
        As of <LocalTime iso={at} className="figures" />, asked every 5 s.
      </p>
    </>
  );
}

const columns = [
  'grid-cols-[minmax(0,1fr)_70px_60px_70px]',
  '@min-[640px]:grid-cols-[minmax(0,1fr)_90px_70px_80px_80px_90px]',
  '@min-[1000px]:grid-cols-[minmax(0,1fr)_90px_220px_70px_80px_80px_90px_80px_110px]',
].join(' ');
const middle = '@max-[640px]:hidden';
const wide = '@max-[1000px]:hidden';
