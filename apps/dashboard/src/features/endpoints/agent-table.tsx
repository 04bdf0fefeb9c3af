import type { Overview } from '@portico/api-contract/dashboard';
import { count, duration, plural } from '../../lib/format.ts';
import { visibleText } from '../../lib/visible-text.ts';
import { join } from '../../ui/join.ts';
import { PathGlyph } from '../../ui/path-glyph.tsx';
import { NameCell, Row, TableBody, TableHead, TableSection, Td, Th } from '../../ui/table.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';

/* Glyph, name, version, system, address, carries, online for: by the width of the table. */
const columns = [
  'grid-cols-[28px_minmax(0,1fr)_96px]',
  '@min-[600px]:grid-cols-[28px_minmax(0,1fr)_160px_96px_84px]',
  '@min-[840px]:grid-cols-[28px_minmax(0,1fr)_160px_140px_96px_84px]',
  '@min-[1040px]:grid-cols-[28px_minmax(0,1fr)_160px_140px_180px_96px_84px]',
].join(' ');
const from600 = '@max-[600px]:hidden';
const from840 = '@max-[840px]:hidden';
const from1040 = '@max-[1040px]:hidden';

const connected = [
  { name: 'edge', state: 'works' },
  { name: 'agent', state: 'works' },
] as const;

interface AgentTableProps {
  readonly overview: Overview;
  readonly serverNowMs: number;
  /** Opens one agent; without it, rows are only looked at. */
  readonly onOpen?: (sessionId: string) => void;
}

/** The agents whose sessions are open now. */
export function AgentTable({ overview, serverNowMs, onOpen }: AgentTableProps) {
  const carried = new Map<string, number>();
  for (const endpoint of overview.endpoints)
    carried.set(endpoint.sessionId, (carried.get(endpoint.sessionId) ?? 0) + 1);
  const more = overview.sessionCount - overview.sessions.length;
  return (
    <TableSection
      label="Agents online now"
      title={onOpen ? undefined : 'Agents'}
      foot={more > 0 && `${count(more).value} more are online and not listed here.`}
    >
      <TableHead>
        <Row columns={columns}>
          <Th>
            <span className="sr-only">Path</span>
          </Th>
          <Th>Name</Th>
          <Th className={from600}>Version</Th>
          <Th className={from840}>System</Th>
          <Th className={from1040}>Address</Th>
          <Th isFigure>Carries</Th>
          <Th isFigure className={from600}>
            Online for
          </Th>
        </Row>
      </TableHead>
      <TableBody>
        {overview.sessions.map((session) => (
          <Row
            key={session.id}
            columns={columns}
            data-session={session.id}
            className="relative min-h-[52px] py-1.5 hover:bg-hover max-sm:min-h-[60px]"
          >
            <Td>
              <PathGlyph hops={connected} label="Connected to the edge" />
            </Td>
            <NameCell>
              <div className="truncate font-mono text-url font-strong" title={visibleText(session.agentName)}>
                {onOpen ? (
                  <button
                    type="button"
                    onClick={() => onOpen(session.id)}
                    className="max-w-full truncate after:absolute after:inset-0"
                  >
                    <UntrustedText text={session.agentName} />
                  </button>
                ) : (
                  <UntrustedText text={session.agentName} />
                )}
              </div>
              {session.metadata !== '' && (
                <div className="truncate text-meta text-ink-3" title={visibleText(session.metadata)}>
                  <UntrustedText text={session.metadata} />
                </div>
              )}
            </NameCell>
            <Td className={from600}>
              <div className="truncate">
                <UntrustedText text={session.agentVersion || '–'} />
              </div>
              {session.clientType !== session.agentName && (
                <div className="truncate text-meta text-ink-3">
                  <UntrustedText text={session.clientType} />
                </div>
              )}
            </Td>
            <Td className={from840}>
              <div className="truncate">
                <UntrustedText text={[session.os, session.arch].filter(Boolean).join(' ') || '–'} />
              </div>
            </Td>
            <Td className={from1040}>
              <div className="truncate font-mono text-meta">
                <UntrustedText text={session.ip || '–'} />
              </div>
            </Td>
            <Td isFigure>{plural(carried.get(session.id) ?? 0, 'endpoint', 'endpoints')}</Td>
            <Td isFigure className={join(from600, 'text-ink-2')}>
              <span title={`since ${session.startedAt.slice(0, 19).replace('T', ' ')} UTC`}>
                {duration(serverNowMs - Date.parse(session.startedAt))}
              </span>
            </Td>
          </Row>
        ))}
      </TableBody>
    </TableSection>
  );
}
