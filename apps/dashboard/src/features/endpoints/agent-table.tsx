import type { Overview } from '@portico/api-contract/dashboard';
import { count, duration, plural } from '../../lib/format.ts';
import { visibleText } from '../../lib/visible-text.ts';
import { join } from '../../ui/join.ts';
import { PathGlyph } from '../../ui/path-glyph.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { TableSection, Td, Th } from './table-parts.tsx';

const connected = [
  { name: 'edge', state: 'works' },
  { name: 'agent', state: 'works' },
] as const;

/** The agents whose sessions are open now. */
export function AgentTable({ overview, serverNowMs }: { overview: Overview; serverNowMs: number }) {
  const carried = new Map<string, number>();
  for (const endpoint of overview.endpoints)
    carried.set(endpoint.sessionId, (carried.get(endpoint.sessionId) ?? 0) + 1);
  const more = overview.sessionCount - overview.sessions.length;
  const edge = 'border-b border-line';
  return (
    <TableSection
      label="Agents online now"
      title="Agents"
      foot={more > 0 && `${count(more).value} more are online and not listed here.`}
    >
      <thead>
        <tr>
          <Th className="w-[52px] max-sm:w-11">
            <span className="sr-only">Path</span>
          </Th>
          <Th>Name</Th>
          <Th className="w-[200px] max-sm:hidden">Version</Th>
          <Th className="w-[140px] max-md:hidden">System</Th>
          <Th className="w-[180px] max-lg:hidden">Address</Th>
          <Th isFigure className="w-[120px]">
            Carries
          </Th>
          <Th isFigure className="w-[96px] max-sm:hidden">
            Online for
          </Th>
        </tr>
      </thead>
      <tbody>
        {overview.sessions.map((session) => (
          <tr key={session.id} data-session={session.id} className="h-[52px] hover:bg-hover max-sm:h-[60px]">
            <Td className={join(edge, 'pl-6 max-sm:pl-4')}>
              <PathGlyph hops={connected} label="Connected to the edge" />
            </Td>
            <th scope="row" className={join(edge, 'overflow-hidden pr-3 text-left font-regular')}>
              <div className="truncate font-mono text-url font-strong" title={visibleText(session.agentName)}>
                <UntrustedText text={session.agentName} />
              </div>
              {session.metadata !== '' && (
                <div className="truncate text-meta text-ink-3" title={visibleText(session.metadata)}>
                  <UntrustedText text={session.metadata} />
                </div>
              )}
            </th>
            <Td className={join(edge, 'max-sm:hidden')}>
              <div className="truncate">
                <UntrustedText text={session.agentVersion || '–'} />
              </div>
              <div className="truncate text-meta text-ink-3">
                <UntrustedText text={session.clientType} />
              </div>
            </Td>
            <Td className={join(edge, 'max-md:hidden')}>
              <div className="truncate">
                <UntrustedText text={[session.os, session.arch].filter(Boolean).join(' ') || '–'} />
              </div>
            </Td>
            <Td className={join(edge, 'max-lg:hidden')}>
              <div className="truncate font-mono text-meta">
                <UntrustedText text={session.ip || '–'} />
              </div>
            </Td>
            <Td isFigure className={join(edge, 'max-sm:pr-4')}>
              {plural(carried.get(session.id) ?? 0, 'endpoint', 'endpoints')}
            </Td>
            <Td isFigure className={join(edge, 'pr-6 text-ink-2 max-sm:hidden')}>
              <span title={`since ${session.startedAt.slice(0, 19).replace('T', ' ')} UTC`}>
                {duration(serverNowMs - Date.parse(session.startedAt))}
              </span>
            </Td>
          </tr>
        ))}
      </tbody>
    </TableSection>
  );
}
