'use client';

import { ArrowLeft, Copy, Pencil, RotateCcw, Trash2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { copyText } from '../../lib/copy-text.ts';
import { plural } from '../../lib/format.ts';
import { saveFile } from '../../lib/save-file.ts';
import { Button } from '../../ui/button.tsx';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import { problemText } from '../records/form-view.tsx';
import { BodyView } from './body-view.tsx';
import { type ExchangeDetail as Detail, hasMessages, methodOf, readDetail } from './exchange.ts';
import { asCurl, asHar } from './export.ts';
import { HeadersTable } from './headers-table.tsx';
import { MessagesView } from './messages-view.tsx';
import { PolicyRules } from './policy-rules.tsx';
import { ReplayForm } from './replay-form.tsx';
import { Replays } from './replays.tsx';
import { TimingLintel } from './timing-bar.tsx';
import { clock, Method, Status, sizeOf } from './words.tsx';

type Tab = 'Summary' | 'Request' | 'Response' | 'Messages' | 'Replays';

function tabsOf(detail: Detail): readonly Tab[] {
  return hasMessages(detail)
    ? ['Summary', 'Request', 'Response', 'Messages', 'Replays']
    : ['Summary', 'Request', 'Response', 'Replays'];
}

type Load = { readonly kind: 'loading' | 'gone' | 'no-contact' } | { readonly kind: 'here'; readonly detail: Detail };

export interface ExchangeDetailProps {
  readonly id: string;
  /** The list says that it has ended. */
  readonly isOver: boolean;
  /** Messages that passed, as last heard; 0 when nothing was. */
  readonly messageCount: number;
  readonly onClose: () => void;
  readonly onRemoved: () => void;
  readonly onOpen: (id: string) => void;
}

/** One exchange: what was asked and answered, where the time went, what the policy did; and sending it again. */
export function ExchangeDetail({ id, isOver, messageCount, onClose, onRemoved, onOpen }: ExchangeDetailProps) {
  const { rest, mayChange } = useAccount();
  const [load, setLoad] = useState<Load>({ kind: 'loading' });
  const [tab, setTab] = useState<Tab>('Summary');
  const [isEditing, setEditing] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [said, setSaid] = useState<string | null>(null);
  const [replayed, setReplayed] = useState(0);

  useEffect(() => {
    const asking = new AbortController();
    setLoad({ kind: 'loading' });
    setSaid(null);
    setEditing(false);
    void rest.get(`/exchanges/${encodeURIComponent(id)}`, readDetail, asking.signal).then((answer) => {
      if (asking.signal.aborted) return;
      if (answer.kind === 'ok') setLoad({ kind: 'here', detail: answer.value });
      else setLoad({ kind: answer.kind === 'refused' ? 'gone' : 'no-contact' });
    });
    return () => asking.abort();
  }, [rest, id]);

  // What was open when it was read has its last figures now.
  const isStale = isOver && load.kind === 'here' && load.detail.outcome === 'open';
  useEffect(() => {
    if (!isStale) return;
    const asking = new AbortController();
    void rest.get(`/exchanges/${encodeURIComponent(id)}`, readDetail, asking.signal).then((answer) => {
      if (answer.kind === 'ok' && !asking.signal.aborted) setLoad({ kind: 'here', detail: answer.value });
    });
    return () => asking.abort();
  }, [rest, id, isStale]);

  const replay = async (changes: object) => {
    setBusy(true);
    setSaid(null);
    const answer = await rest.create(`/exchanges/${encodeURIComponent(id)}/replay`, changes, (value) => value);
    setBusy(false);
    if (answer.kind !== 'ok') return setSaid(problemText(answer).text);
    setEditing(false);
    setTab('Replays');
    setReplayed((count) => count + 1);
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the keys act on the exchange that is shown
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (target?.closest('input, textarea, select, dialog[open]')) return;
      const key = event.key.toLowerCase();
      const number = Number(key);
      if (key === 'escape') onClose();
      else if (key === 'r' && mayChange && load.kind === 'here') void replay({});
      else if (key === 'e' && mayChange && load.kind === 'here') setEditing(true);
      else if (number >= 1 && number <= 5 && load.kind === 'here')
        setTab((now) => tabsOf(load.detail)[number - 1] ?? now);
      else if (key === 'c' && load.kind === 'here') void copyCurl(load.detail);
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [load, mayChange, id]);

  const copyCurl = async (detail: Detail) =>
    setSaid((await copyText(asCurl(detail))) ? 'Copied as a curl command.' : 'The browser did not allow copying.');

  if (load.kind !== 'here')
    return (
      <section aria-label="Exchange" className="p-6">
        <BackLink onClose={onClose} />
        <p className={join('text-ink-2', load.kind === 'loading' && 'show-late')}>
          {load.kind === 'loading' && 'Asking…'}
          {load.kind === 'gone' && 'This exchange is not kept any more.'}
          {load.kind === 'no-contact' && 'The API does not answer. Tunnels keep working.'}
        </p>
      </section>
    );
  const { detail } = load;
  return (
    <section aria-label="Exchange" className="flex flex-col gap-5 p-6 max-sm:p-4">
      <div className="flex flex-col gap-2">
        <BackLink onClose={onClose} />
        <div className="flex items-start gap-3">
          <h2 className="min-w-0 flex-1 font-mono text-prose wrap-anywhere">
            <Method method={methodOf(detail)} />{' '}
            <span className="font-strong">
              <UntrustedText text={detail.path} />
            </span>
          </h2>
          <span className="text-prose">
            <Status line={detail} />
          </span>
        </div>
        <p className="text-meta text-ink-3">
          {clock(detail.created_at)} · <UntrustedText text={detail.host} /> · from{' '}
          <UntrustedText text={detail.client_ip} /> · HTTP/{detail.http_version} ·{' '}
          <code className="font-mono">{detail.id}</code>
        </p>
        <div className="flex flex-wrap gap-2">
          {mayChange && (
            <>
              <Button tone="primary" disabled={isBusy} aria-busy={isBusy} onClick={() => replay({})}>
                <RotateCcw size={15} strokeWidth={1.75} aria-hidden />
                Replay
              </Button>
              <Button tone="secondary" onClick={() => setEditing(true)}>
                <Pencil size={15} strokeWidth={1.75} aria-hidden />
                Replay with changes
              </Button>
            </>
          )}
          <Button tone="secondary" onClick={() => copyCurl(detail)}>
            <Copy size={15} strokeWidth={1.75} aria-hidden />
            curl
          </Button>
          <Button tone="secondary" onClick={() => saveFile(asHar([detail]), `${detail.id}.har`, 'application/json')}>
            HAR
          </Button>
          {mayChange && (
            <Button
              tone="quiet"
              onClick={async () => {
                const answer = await rest.remove(`/exchanges/${encodeURIComponent(id)}`);
                if (answer.kind === 'ok') onRemoved();
                else setSaid(problemText(answer).text);
              }}
            >
              <Trash2 size={15} strokeWidth={1.75} aria-hidden />
              <span className="sr-only">Remove this exchange</span>
            </Button>
          )}
        </div>
        <p role="status" className="text-ink-2 empty:hidden">
          {said}
        </p>
      </div>
      {isEditing && <ReplayForm detail={detail} isBusy={isBusy} onSend={replay} onCancel={() => setEditing(false)} />}
      <TimingLintel line={detail} policyNote={policyNote(detail)} />
      <div
        role="tablist"
        aria-label="Parts of the exchange"
        className="flex gap-5 overflow-x-auto overflow-y-hidden border-b border-line"
      >
        {tabsOf(detail).map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={tab === name}
            onClick={() => setTab(name)}
            className={join(
              'flex h-9 shrink-0 items-center border-b-2 max-sm:h-11',
              tab === name ? 'border-ink font-strong text-ink' : 'border-transparent text-ink-2 hover:text-ink',
            )}
          >
            {name}
            {name === 'Messages' && (
              <span className="figures ml-1.5 text-meta text-ink-3">
                {Math.max(detail.message_count, messageCount)}
              </span>
            )}
          </button>
        ))}
      </div>
      <div role="tabpanel" aria-label={tab} className="flex flex-col gap-5">
        {tab === 'Summary' && <Summary detail={detail} onOpen={onOpen} />}
        {tab === 'Request' && <Side detail={detail} which="request" />}
        {tab === 'Response' && <Side detail={detail} which="response" />}
        {tab === 'Messages' && <MessagesView detail={detail} told={messageCount} />}
        {tab === 'Replays' && <Replays original={detail} fresh={replayed} onOpen={onOpen} />}
      </div>
    </section>
  );
}

function policyNote({ policy }: Detail): string | null {
  const rules = policy?.phases.flatMap((phase) => phase.rules) ?? [];
  if (rules.length === 0) return null;
  return `${plural(rules.length, 'rule', 'rules')}, ${rules.filter(({ verdict }) => verdict === 'fired').length} fired`;
}

function BackLink({ onClose }: { onClose: () => void }) {
  return (
    <button
      type="button"
      onClick={onClose}
      className="flex h-8 items-center gap-1.5 self-start text-ink-2 hover:text-ink max-sm:h-11"
    >
      <ArrowLeft size={15} strokeWidth={1.75} aria-hidden />
      All requests
    </button>
  );
}

function Summary({ detail, onOpen }: { detail: Detail; onOpen: (id: string) => void }) {
  const { replay_of: replayOf } = detail;
  return (
    <>
      <PolicyRules detail={detail} />
      {detail.request === null ? (
        <p className="text-ink-3">Only the line was kept. Headers and bodies are kept when capture is set to “full”.</p>
      ) : (
        <div className="grid gap-5 xl:grid-cols-2">
          <section aria-label="Request body" className="min-w-0">
            <h3 className="mb-1 font-section">Request</h3>
            <BodyView side={detail.request} total={detail.request_bytes} />
          </section>
          {detail.response !== null && (
            <section aria-label="Response body" className="min-w-0">
              <h3 className="mb-1 font-section">Response</h3>
              <BodyView side={detail.response} total={detail.response_bytes} />
            </section>
          )}
        </div>
      )}
      <Facts>
        <Fact label="Endpoint">
          <span className="font-mono text-url">
            <UntrustedText text={detail.url} />
          </span>
        </Fact>
        {detail.agent !== null && (
          <Fact label="Agent">
            <UntrustedText text={detail.agent} />
          </Fact>
        )}
        <Fact label="Sent · received">
          {sizeOf(detail.request_bytes)} · {sizeOf(detail.response_bytes)}
        </Fact>
        {detail.outcome !== 'complete' && <Fact label="Ended">{endings[detail.outcome]}</Fact>}
        {replayOf !== null && (
          <Fact label="Repeats">
            <button
              type="button"
              onClick={() => onOpen(replayOf)}
              className="font-mono text-url text-lapis hover:underline"
            >
              {replayOf}
            </button>
            {detail.replayed_by !== null && <span className="text-meta text-ink-3"> by {detail.replayed_by}</span>}
          </Fact>
        )}
      </Facts>
    </>
  );
}

const endings: Record<Exclude<Detail['outcome'], 'complete'>, string> = {
  cut: 'the answer broke off',
  gone: 'the visitor left before the end',
  upgraded: 'the connection was another protocol’s, such as WebSocket, and is closed',
  open: 'not yet: it goes on',
};

function Side({ detail, which }: { detail: Detail; which: 'request' | 'response' }) {
  const side = detail[which];
  if (side === null)
    return (
      <p className="text-ink-3">
        {detail.request === null ? 'Headers and bodies were not kept.' : 'There was no answer.'}
      </p>
    );
  return (
    <>
      <HeadersTable side={side} hidden={detail.hiddenHeaders} label={`Headers of the ${which}`} />
      <BodyView side={side} total={which === 'request' ? detail.request_bytes : detail.response_bytes} />
    </>
  );
}
