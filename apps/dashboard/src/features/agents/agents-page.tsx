'use client';

import type { LiveSession } from '@portico/api-contract/dashboard';
import { usePathname } from 'next/navigation';
import { useState } from 'react';
import { plural } from '../../lib/format.ts';
import type { RestAnswer } from '../../lib/rest/rest-client.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { CommandLine } from '../../ui/command-line.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { Notice } from '../../ui/notice.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { AgentTable } from '../endpoints/agent-table.tsx';
import { EndpointRows } from '../endpoints/endpoints-loading.tsx';
import { ContactStrip } from '../live/contact-strip.tsx';
import { LiveMark } from '../live/live-mark.tsx';
import { useLive } from '../live/live-provider.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import { problemText } from '../records/form-view.tsx';
import { pathOfPlace, recordPlace } from '../records/record-path.ts';
import { RemoveDialog } from '../records/remove-dialog.tsx';
import { PageHead } from '../shell/page-head.tsx';

/** The agents that are connected, with what each carries; stop and restart. */
export function AgentsPage() {
  const live = useLive();
  const { accountId } = useAccount();
  const base = `/a/${accountId}/agents`;
  const place = recordPlace(usePathname(), base);
  const overview = live.overview?.value ?? null;
  const open = place.kind === 'one' ? place.id : null;
  const go = (id: string | null) =>
    window.history.pushState(null, '', pathOfPlace(id === null ? { kind: 'list' } : { kind: 'one', id }, base));
  return (
    <>
      <PageHead
        title="Agents"
        chips={overview && <Chip tone="plain">{plural(overview.sessionCount, 'agent', 'agents')}</Chip>}
      >
        <LiveMark />
      </PageHead>
      <ContactStrip />
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto">
        {overview === null && <EndpointRows />}
        {overview?.sessions.length === 0 && (
          <Notice title="No agent is connected" lit={1}>
            <p>Start one on the machine that runs your app. It appears here within a second.</p>
            <CommandLine command="portico http 3000" />
          </Notice>
        )}
        {overview !== null && overview.sessions.length > 0 && (
          <AgentTable overview={overview} serverNowMs={Date.parse(overview.at)} onOpen={go} />
        )}
      </main>
      {open !== null && overview !== null && (
        <AgentDrawer
          id={open}
          session={overview.sessions.find((session) => session.id === open) ?? null}
          urls={overview.endpoints.filter(({ sessionId }) => sessionId === open).map(({ url }) => url)}
          onClose={() => go(null)}
        />
      )}
    </>
  );
}

interface AgentDrawerProps {
  readonly id: string;
  readonly session: LiveSession | null;
  readonly urls: readonly string[];
  readonly onClose: () => void;
}

function AgentDrawer({ id, session, urls, onClose }: AgentDrawerProps) {
  const { rest, mayChange } = useAccount();
  const [isStopping, setStopping] = useState(false);
  const [said, setSaid] = useState<string | null>(null);
  const command = (what: 'stop' | 'restart'): Promise<RestAnswer<null>> =>
    rest.create(`/tunnel_sessions/${encodeURIComponent(id)}/${what}`, {}, () => null);
  if (session === null)
    return (
      <Dialog form="drawer" title="Agent" onClose={onClose}>
        <p className="text-ink-2">This agent has left. Its names are kept for this account for a while.</p>
      </Dialog>
    );
  if (isStopping)
    return (
      <RemoveDialog
        title={`Stop ${session.agentName}`}
        verb="Stop agent"
        onRemove={() => command('stop')}
        onDone={onClose}
        onClose={() => setStopping(false)}
      >
        <p>
          Its program ends, and{' '}
          {urls.length === 0
            ? 'nothing goes offline'
            : `${plural(urls.length, 'endpoint goes', 'endpoints go')} offline`}
          . Someone has to start it again on its machine. To reconnect it only, restart it instead.
        </p>
      </RemoveDialog>
    );
  return (
    <Dialog form="drawer" title={<UntrustedText text={session.agentName} />} onClose={onClose}>
      <div className="flex flex-col gap-6">
        <Facts>
          <Fact label="Connected since">
            <LocalTime iso={session.startedAt} />
          </Fact>
          <Fact label="Program">
            <UntrustedText text={`${session.clientType} ${session.agentVersion}`.trim() || '–'} />
          </Fact>
          <Fact label="System">
            <UntrustedText text={[session.os, session.arch].filter(Boolean).join(' ') || '–'} />
          </Fact>
          <Fact label="Address">
            <UntrustedText text={session.ip || '–'} />
          </Fact>
          <Fact label="Region">
            <UntrustedText text={session.region || '–'} />
          </Fact>
          {session.metadata !== '' && (
            <Fact label="Metadata">
              <UntrustedText text={session.metadata} />
            </Fact>
          )}
          <Fact label="Id">
            <code className="font-mono text-url">{session.id}</code>
          </Fact>
        </Facts>
        <section aria-label="Carries">
          <h3 className="mb-1 font-section">Carries</h3>
          {urls.length === 0 ? (
            <p className="text-ink-3">No endpoint.</p>
          ) : (
            <ul className="border-t border-line">
              {urls.map((url) => (
                <li key={url} className="truncate border-b border-line py-1.5 font-mono text-url">
                  <UntrustedText text={url} />
                </li>
              ))}
            </ul>
          )}
        </section>
        {mayChange && (
          <div className="flex gap-2">
            <Button
              tone="secondary"
              onClick={async () => {
                const answer = await command('restart');
                setSaid(answer.kind === 'ok' ? 'Told to restart.' : problemText(answer).text);
              }}
            >
              Restart agent
            </Button>
            <Button tone="quiet" className="text-cinnabar" onClick={() => setStopping(true)}>
              Stop agent…
            </Button>
          </div>
        )}
        <p role="status" className="text-ink-2 empty:hidden">
          {said}
        </p>
      </div>
    </Dialog>
  );
}
