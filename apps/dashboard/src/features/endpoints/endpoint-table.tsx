import type { LiveEndpoint, Overview } from '@portico/api-contract/dashboard';
import { useEffect, useMemo, useRef, useState } from 'react';
import { count, duration } from '../../lib/format.ts';
import { Row, TableBody, TableHead, TableSection, Th } from '../../ui/table.tsx';
import { useLive } from '../live/live-provider.tsx';
import { columns, EndpointRow, from600, from840, from1040, from1180 } from './endpoint-row.tsx';
import { orderRows } from './row-order.ts';
import { useRowKeys } from './use-row-keys.ts';

/** What is online, a row each. */
export function EndpointTable({ overview, serverNowMs }: { overview: Overview; serverNowMs: number }) {
  const { history, seenAtMs } = useLive();
  const { rows, fresh } = useHeldOrder(overview.endpoints);
  const agents = useMemo(
    () => new Map(overview.sessions.map((session) => [session.id, session.agentName])),
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
      <TableHead>
        <Row columns={columns}>
          <Th>
            <span className="sr-only">Path</span>
          </Th>
          <Th>URL</Th>
          <Th className={from1040}>Kind</Th>
          <Th className={from840}>Forwards to</Th>
          <Th className={from1180}>Traffic</Th>
          <Th isFigure>Requests</Th>
          <Th isFigure className={from1040}>
            Connections
          </Th>
          <Th isFigure className={from600}>
            In / out
          </Th>
          <Th isFigure className={from600}>
            Online for
          </Th>
        </Row>
      </TableHead>
      <TableBody ref={body}>
        {rows.map((endpoint) => (
          <EndpointRow
            key={endpoint.id}
            endpoint={endpoint}
            agentName={agents.get(endpoint.sessionId) ?? null}
            isFresh={fresh.has(endpoint.id)}
            onlineFor={duration(serverNowMs - Date.parse(endpoint.startedAt))}
            rate={seenAtMs === null ? null : history.rate(endpoint.id, seenAtMs)}
            series={seenAtMs === null ? null : history.series(endpoint.id, seenAtMs)}
          />
        ))}
      </TableBody>
    </TableSection>
  );
}

/** Rows that keep their place from one message to the next, and which of them came after the page was drawn. */
function useHeldOrder(endpoints: readonly LiveEndpoint[]): { rows: LiveEndpoint[]; fresh: ReadonlySet<string> } {
  const [first] = useState(() => orderRows(endpoints, []).map((endpoint) => endpoint.id));
  const order = useRef<readonly string[]>(first);
  const rows = useMemo(() => orderRows(endpoints, order.current), [endpoints]);
  const fresh = useMemo(() => {
    const drawn = new Set(first);
    return new Set(rows.map((row) => row.id).filter((id) => !drawn.has(id)));
  }, [rows, first]);
  useEffect(() => {
    order.current = rows.map((row) => row.id);
  }, [rows]);
  return { rows, fresh };
}
