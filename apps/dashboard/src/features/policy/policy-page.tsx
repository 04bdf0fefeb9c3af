'use client';

import { usePathname } from 'next/navigation';
import { useEffect, useState } from 'react';
import { plural } from '../../lib/format.ts';
import { object, type Reader, text } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { join } from '../../ui/join.ts';
import { Notice } from '../../ui/notice.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { ContactStrip } from '../live/contact-strip.tsx';
import { FormView, problemText } from '../records/form-view.tsx';
import { ListProblemStrip } from '../records/list-problem.tsx';
import { pathOfPlace, recordPlace } from '../records/record-path.ts';
import { RemoveDialog } from '../records/remove-dialog.tsx';
import { useRecords } from '../records/use-records.ts';
import { PageHead } from '../shell/page-head.tsx';
import { PolicyEditor } from './policy-editor.tsx';
import { PolicyHistory } from './policy-history.tsx';
import { starters } from './starters.ts';
import { TryIt } from './try-it.tsx';

/** A cloud endpoint, whose policy is written here. */
export interface CloudEndpoint {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly policy: string;
  readonly updatedAt: string;
}

const raw = object({ id: text, url: text, description: text, traffic_policy: text, updated_at: text });
const readEndpoint: Reader<CloudEndpoint> = (value) => {
  const { traffic_policy: policy, updated_at: updatedAt, ...rest } = raw(value);
  return { ...rest, policy, updatedAt };
};
const cloudEndpoints = { path: '/endpoints', key: 'endpoints', read: readEndpoint };
const onlyCloud = `&filter=${encodeURIComponent('obj.type == "cloud"')}`;

/** Cloud endpoints and what their policies do: write a rule and know what it does before visitors do. */
export function PolicyPage() {
  const { accountId, mayChange, rest } = useAccount();
  const endpoints = useRecords(cloudEndpoints, onlyCloud);
  const base = `/a/${accountId}/policy`;
  const place = recordPlace(usePathname(), base);
  const go = (id: string | null | 'new') =>
    window.history.pushState(
      null,
      '',
      pathOfPlace(id === null ? { kind: 'list' } : id === 'new' ? { kind: 'new' } : { kind: 'one', id }, base),
    );
  const items = endpoints.items ?? [];
  const open = place.kind === 'one' ? (items.find(({ id }) => id === place.id) ?? null) : (items[0] ?? null);
  return (
    <>
      <PageHead
        title="Policy"
        chips={
          endpoints.items !== null && (
            <Chip tone="plain">{plural(items.length, 'cloud endpoint', 'cloud endpoints')}</Chip>
          )
        }
      >
        {mayChange && (
          <Button tone="secondary" onClick={() => go('new')}>
            New cloud endpoint
          </Button>
        )}
      </PageHead>
      <ContactStrip />
      <ListProblemStrip problem={endpoints.problem} hasItems={endpoints.items !== null} onRetry={endpoints.reload} />
      <main id="content" tabIndex={-1} className="flex min-h-0 flex-1 max-md:flex-col max-md:overflow-y-auto">
        {endpoints.items?.length === 0 && (
          <div className="flex-1">
            <Notice title="No cloud endpoint" lit={2}>
              <p>
                A cloud endpoint is always on, without an agent: its policy answers, redirects, or forwards to your
                internal endpoints. Policies of agents are written where the agent is started, with
                --traffic-policy-file.
              </p>
              {mayChange && (
                <Button tone="primary" onClick={() => go('new')}>
                  New cloud endpoint
                </Button>
              )}
            </Notice>
          </div>
        )}
        {items.length > 0 && (
          <nav
            aria-label="Cloud endpoints"
            className="w-[232px] shrink-0 overflow-y-auto border-line max-md:w-full md:border-r"
          >
            <ul>
              {items.map(({ id, url, description }) => (
                <li key={id}>
                  <a
                    href={pathOfPlace({ kind: 'one', id }, base)}
                    aria-current={open?.id === id ? 'page' : undefined}
                    onClick={(event) => {
                      event.preventDefault();
                      go(id);
                    }}
                    className={join(
                      'block border-b border-line px-4 py-2',
                      open?.id === id ? 'bg-lapis-soft' : 'hover:bg-hover',
                    )}
                  >
                    <span className="block truncate font-mono text-url">
                      <UntrustedText text={url.replace(/^https:\/\//, '')} />
                    </span>
                    {description !== '' && (
                      <span className="block truncate text-meta text-ink-3">
                        <UntrustedText text={description} />
                      </span>
                    )}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
        )}
        {open !== null && (
          <Editing key={open.id} endpoint={open} onChanged={endpoints.reload} onRemoved={() => go(null)} />
        )}
      </main>
      {place.kind === 'new' && mayChange && (
        <Dialog form="drawer" title="New cloud endpoint" onClose={() => go(null)}>
          <FormView
            fields={[
              {
                kind: 'text',
                name: 'url',
                label: 'URL',
                isCode: true,
                placeholder: 'https://shop.example.com',
                help: 'Under the base domain, a domain of yours, or https://name.internal for other endpoints only.',
                problem: (value) =>
                  /^(https?|tls|tcp):\/\/\S+$/.test(String(value).trim())
                    ? null
                    : 'A URL begins with https://, http://, tls:// or tcp://.',
              },
              { kind: 'text', name: 'description', label: 'Description' },
              {
                kind: 'choice',
                name: 'starter',
                label: 'To begin with, it',
                options: starters.map(({ name, label, note }) => ({ value: name, label, note })),
              },
            ]}
            initial={{ url: '', description: '', starter: starters[0]?.name ?? '' }}
            submit="Create and publish"
            onSubmit={(values) =>
              rest.create(
                '/endpoints',
                {
                  type: 'cloud',
                  url: String(values.url).trim(),
                  description: String(values.description).trim(),
                  traffic_policy: starters.find(({ name }) => name === values.starter)?.policy ?? '',
                },
                readEndpoint,
              )
            }
            onCancel={() => go(null)}
            onDone={(made) => {
              void endpoints.reload();
              go(made.id);
            }}
          />
        </Dialog>
      )}
    </>
  );
}

interface EditingProps {
  readonly endpoint: CloudEndpoint;
  readonly onChanged: () => Promise<void>;
  readonly onRemoved: () => void;
}

function Editing({ endpoint, onChanged, onRemoved }: EditingProps) {
  const { rest, mayChange, may } = useAccount();
  /** What the editor began with, and how often it was begun anew. */
  const [begun, setBegun] = useState({ text: endpoint.policy, times: 0 });
  const [draft, setDraft] = useState(endpoint.policy);
  const [problems, setProblems] = useState<number | null>(null);
  const [said, setSaid] = useState<{ readonly text: string; readonly isBad: boolean } | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isRemoving, setRemoving] = useState(false);
  const isChanged = draft !== endpoint.policy;

  useEffect(() => {
    if (!isChanged) return;
    const onLeave = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', onLeave);
    return () => window.removeEventListener('beforeunload', onLeave);
  }, [isChanged]);

  const publish = async () => {
    if (!mayChange || !isChanged || isBusy || (problems ?? 1) > 0) return;
    setBusy(true);
    const answer = await rest.change(`/endpoints/${endpoint.id}`, { traffic_policy: draft }, readEndpoint);
    setBusy(false);
    if (answer.kind !== 'ok') return setSaid({ text: problemText(answer).text, isBad: true });
    setSaid({ text: 'Published. Edges run it within five seconds.', isBad: false });
    void onChanged();
  };

  return (
    <>
      <div className="flex min-h-[420px] min-w-0 flex-1 flex-col">
        <div className="flex flex-wrap items-center gap-3 border-b border-line px-4 py-2">
          <span className="min-w-0 truncate font-mono text-url">
            <UntrustedText text={endpoint.url} />
          </span>
          {problems !== null && problems > 0 && (
            <Chip tone="fails">{problems === 1 ? '1 problem' : `${problems} problems`}</Chip>
          )}
          {isChanged && problems === 0 && <Chip tone="waiting">not published</Chip>}
          <div className="ml-auto flex gap-2">
            {mayChange && (
              <>
                <Button tone="quiet" onClick={() => setRemoving(true)}>
                  Remove…
                </Button>
                <Button
                  tone="primary"
                  disabled={!isChanged || isBusy || (problems ?? 1) > 0}
                  aria-busy={isBusy}
                  onClick={publish}
                >
                  Publish
                </Button>
              </>
            )}
          </div>
        </div>
        <p role="status" className={join('px-4 py-1.5 empty:hidden', said?.isBad ? 'text-cinnabar' : 'text-ink-2')}>
          {said?.text}
        </p>
        <PolicyEditor
          key={begun.times}
          initial={begun.text}
          onChange={(next) => {
            setDraft(next);
            setSaid(null);
          }}
          onSave={publish}
        />
        {may('audit.read') && (
          <PolicyHistory
            endpointId={endpoint.id}
            current={endpoint.policy}
            onBringBack={(text) => {
              setBegun({ text, times: begun.times + 1 });
              setDraft(text);
              setSaid({ text: 'This is how it was. Nothing is published yet.', isBad: false });
            }}
          />
        )}
      </div>
      <TryIt policy={draft} url={endpoint.url} endpointId={endpoint.id} onProblems={setProblems} />
      {isRemoving && (
        <RemoveDialog
          title={`Remove ${endpoint.url}`}
          verb="Remove endpoint"
          onRemove={() => rest.remove(`/endpoints/${endpoint.id}`)}
          onClose={() => setRemoving(false)}
          onDone={() => {
            void onChanged();
            onRemoved();
          }}
        >
          <p>Nothing answers at {endpoint.url} any more, within five seconds.</p>
        </RemoveDialog>
      )}
    </>
  );
}
