'use client';

import { Plus, Search } from 'lucide-react';
import { usePathname } from 'next/navigation';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { plural } from '../../lib/format.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Kbd } from '../../ui/kbd.tsx';
import { Notice } from '../../ui/notice.tsx';
import { NameCell, Row, TableBody, TableHead, TableSection, Td, Th } from '../../ui/table.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { ContactStrip } from '../live/contact-strip.tsx';
import { PageHead } from '../shell/page-head.tsx';
import { FormView } from './form-view.tsx';
import { isNotForYou, ListProblemStrip, NotForYou } from './list-problem.tsx';
import type { ApiRecord, RecordKind } from './record-kind.ts';
import { pathOfPlace, type RecordPlace, recordPlace } from './record-path.ts';
import { RemoveDialog } from './remove-dialog.tsx';
import { SecretDialog } from './secret-dialog.tsx';
import { type Records, useRecords } from './use-records.ts';

export interface RecordListProps<R extends ApiRecord> {
  readonly title: string;
  /** Where the list is: `/a/<account>/vaults`. */
  readonly base: string;
  readonly kind: RecordKind<R>;
  /** Other lists of the same page. */
  readonly tabs?: ReactNode;
  /** What stands in an object's drawer under its facts. */
  readonly below?: (record: R, records: Records<R>) => ReactNode;
  readonly intro?: ReactNode;
  /** Beside the title, before what makes one. */
  readonly actions?: ReactNode;
}

/** One list of the REST API as a page: filter, table, an object's drawer with its own URL, making, changing, removing. */
export function RecordList<R extends ApiRecord>({
  title,
  base,
  kind,
  tabs,
  below,
  intro,
  actions,
}: RecordListProps<R>) {
  const account = useAccount();
  const records = useRecords(kind);
  const place = recordPlace(usePathname(), base);
  const [filter, setFilter] = useState('');
  const [secret, setSecret] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const { create } = kind;
  const mayChange = kind.changeNeeds ? account.may(kind.changeNeeds) : account.mayChange;
  const mayCreate = create !== undefined && mayChange;
  const go = (to: RecordPlace) => window.history.pushState(null, '', pathOfPlace(to, base));

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (target?.closest('input, textarea, select, dialog[open], [popover]:popover-open')) return;
      const key = event.key.toLowerCase();
      if (key === 'n' && mayCreate) window.history.pushState(null, '', pathOfPlace({ kind: 'new' }, base));
      else if (key === '/') field.current?.focus();
      else if (key === 'j' || key === 'k') moveFocus(body.current, key === 'j' ? 1 : -1);
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [mayCreate, base]);

  const wanted = filter.trim().toLowerCase();
  const shown = records.items?.filter((record) => kind.search(record).toLowerCase().includes(wanted)) ?? null;
  const open = place.kind === 'one' ? (records.items?.find(({ id }) => id === place.id) ?? null) : null;

  return (
    <>
      <PageHead
        title={title}
        chips={
          records.items !== null && (
            // A small screen has no room for it beside the title and the button.
            <span className="max-sm:hidden">
              <Chip tone="plain">
                {records.next === null
                  ? plural(records.items.length, kind.noun, kind.nouns)
                  : `${records.items.length} shown, there are more`}
              </Chip>
            </span>
          )
        }
      >
        {actions}
        {!mayChange && create && <span className="text-meta text-ink-3 max-sm:sr-only">You can look, not change.</span>}
        {mayCreate && (
          <Button tone="primary" onClick={() => go({ kind: 'new' })}>
            <Plus size={15} strokeWidth={1.75} aria-hidden />
            <span>{create.title}</span>
          </Button>
        )}
      </PageHead>
      <ContactStrip />
      <ListProblemStrip problem={records.problem} hasItems={records.items !== null} onRetry={records.reload} />
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto">
        {tabs}
        {intro && <p className="max-w-[720px] px-6 pt-4 text-ink-2 max-sm:px-4">{intro}</p>}
        {records.items !== null && records.items.length > 0 && (
          <div className="px-6 py-3 max-sm:px-4">
            <label className="flex h-[30px] max-w-[480px] items-center gap-2 rounded-button border border-control bg-surface px-2.5 max-sm:h-11 has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-lapis">
              <Search size={15} strokeWidth={1.75} aria-hidden className="shrink-0 text-ink-3" />
              <span className="sr-only">Filter {kind.nouns}</span>
              <input
                ref={field}
                type="search"
                value={filter}
                placeholder={`Filter ${kind.nouns}`}
                onChange={(event) => setFilter(event.target.value)}
                className="min-w-0 flex-1 bg-transparent outline-none placeholder:text-ink-3 max-sm:text-[16px]"
              />
              <span className="max-sm:hidden">
                <Kbd>/</Kbd>
              </span>
            </label>
          </div>
        )}
        {shown === null && records.problem === null && <LoadingRows nouns={kind.nouns} />}
        {records.items === null && isNotForYou(records.problem) && (
          <NotForYou problem={records.problem} nouns={kind.nouns} />
        )}
        {records.items?.length === 0 && (
          <Notice title={kind.empty.title} lit={0}>
            {kind.empty.text}
            {mayCreate && (
              <Button tone="secondary" onClick={() => go({ kind: 'new' })}>
                {create.title}
              </Button>
            )}
          </Notice>
        )}
        {shown !== null && records.items !== null && records.items.length > 0 && (
          <TableSection label={title}>
            <TableHead>
              <Row columns={kind.gridColumns}>
                {kind.columns.map(({ label, isFigure = false, className = '' }) => (
                  <Th key={label} isFigure={isFigure} className={className}>
                    {label}
                  </Th>
                ))}
              </Row>
            </TableHead>
            <TableBody ref={body}>
              {shown.map((record) => (
                <Row
                  key={record.id}
                  columns={kind.gridColumns}
                  data-record={record.id}
                  className="relative min-h-10 py-1.5 hover:bg-hover max-sm:min-h-[52px]"
                >
                  {kind.columns.map(({ label, render, isFigure = false, className = '' }, at) =>
                    at === 0 ? (
                      <NameCell key={label} className={className}>
                        {/* The whole row is its target. */}
                        <a
                          href={pathOfPlace({ kind: 'one', id: record.id }, base)}
                          onClick={(event) => {
                            if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                            event.preventDefault();
                            go({ kind: 'one', id: record.id });
                          }}
                          className="block truncate font-strong after:absolute after:inset-0"
                        >
                          {render(record)}
                        </a>
                      </NameCell>
                    ) : (
                      <Td key={label} isFigure={isFigure} className={className}>
                        {render(record)}
                      </Td>
                    ),
                  )}
                </Row>
              ))}
            </TableBody>
          </TableSection>
        )}
        {shown?.length === 0 && records.items !== null && records.items.length > 0 && (
          <p className="px-6 py-10 text-center text-ink-2">
            No {kind.noun} matches “{filter}”.{' '}
            <button
              type="button"
              onClick={() => setFilter('')}
              className="text-lapis underline-offset-2 hover:underline"
            >
              Clear the filter
            </button>
          </p>
        )}
        {records.next !== null && (
          <div className="flex justify-center py-4">
            <Button
              tone="secondary"
              aria-busy={records.isMoreComing}
              disabled={records.isMoreComing}
              onClick={records.loadMore}
            >
              Show more
            </Button>
          </div>
        )}
      </main>
      {place.kind === 'new' && mayCreate && (
        <Dialog form="drawer" title={create.title} onClose={() => go({ kind: 'list' })}>
          <FormView
            fields={create.fields}
            initial={create.values(null)}
            submit={create.submit}
            intro={create.intro}
            aside={create.aside}
            onSubmit={(values) => account.rest.create(kind.path, create.body(values), kind.read)}
            onCancel={() => go({ kind: 'list' })}
            onDone={(record) => {
              void records.reload();
              const shownOnce = kind.secret?.(record) ?? null;
              setSecret(shownOnce);
              go(shownOnce === null ? { kind: 'one', id: record.id } : { kind: 'list' });
            }}
          />
        </Dialog>
      )}
      {secret !== null && (
        <SecretDialog noun={kind.noun} secret={secret} note={kind.secretNote} onClose={() => setSecret(null)} />
      )}
      {place.kind === 'one' && records.items !== null && (
        <ObjectDrawer
          key={place.id}
          id={place.id}
          listed={open}
          kind={kind}
          records={records}
          below={below}
          onClose={() => go({ kind: 'list' })}
        />
      )}
    </>
  );
}

interface ObjectDrawerProps<R extends ApiRecord> {
  readonly id: string;
  readonly listed: R | null;
  readonly kind: RecordKind<R>;
  readonly records: Records<R>;
  readonly below: RecordListProps<R>['below'];
  readonly onClose: () => void;
}

/** One object: its facts, what may be changed, what belongs to it. One that is not on the pages so far is asked for. */
function ObjectDrawer<R extends ApiRecord>({ id, listed, kind, records, below, onClose }: ObjectDrawerProps<R>) {
  const account = useAccount();
  const mayChange = kind.changeNeeds ? account.may(kind.changeNeeds) : account.mayChange;
  const [asked, setAsked] = useState<R | 'gone' | null>(null);
  const [mode, setMode] = useState<'look' | 'edit' | 'remove'>('look');
  const { edit, removal, read, path } = kind;
  const isListed = listed !== null;
  useEffect(() => {
    if (isListed) return;
    const asking = new AbortController();
    void account.rest.get(`${path}/${encodeURIComponent(id)}`, read, asking.signal).then((answer) => {
      if (asking.signal.aborted) return;
      if (answer.kind === 'ok') setAsked(answer.value);
      else if (answer.kind === 'refused') setAsked('gone');
    });
    return () => asking.abort();
  }, [account.rest, id, isListed, path, read]);

  const record = listed ?? (asked === 'gone' ? null : asked);
  if (record === null)
    return (
      <Dialog form="drawer" title={kind.noun} onClose={onClose}>
        {asked === 'gone' ? (
          <p className="text-ink-2">
            There is no {kind.noun} <code className="font-mono text-url">{id}</code> in this account. It may have been
            removed.
          </p>
        ) : (
          <p className="show-late text-ink-3">Asking…</p>
        )}
      </Dialog>
    );
  if (mode === 'remove' && removal)
    return (
      <RemoveDialog
        title={
          <>
            {removal.verb}: <UntrustedText text={kind.title(record)} />
          </>
        }
        verb={removal.verb}
        onRemove={() => account.rest.remove(`${path}/${encodeURIComponent(id)}`)}
        onClose={() => setMode('look')}
        onDone={() => {
          void records.reload();
          onClose();
        }}
      >
        {removal.consequence(record)}
      </RemoveDialog>
    );
  return (
    <Dialog
      form={kind.isWide ? 'wide-drawer' : 'drawer'}
      title={<UntrustedText text={kind.title(record)} />}
      onClose={onClose}
    >
      {mode === 'edit' && edit ? (
        <FormView
          fields={edit.fields}
          initial={edit.values(record)}
          submit={edit.submit}
          intro={edit.intro}
          aside={edit.aside}
          onSubmit={(values) => account.rest.change(`${path}/${encodeURIComponent(id)}`, edit.body(values), read)}
          onCancel={() => setMode('look')}
          onDone={() => {
            void records.reload();
            setMode('look');
          }}
        />
      ) : (
        <div className="flex flex-col gap-6">
          {kind.details(record, records.reload)}
          {mayChange && (edit || removal) && (
            <div className="flex gap-2">
              {edit && (
                <Button tone="secondary" onClick={() => setMode('edit')}>
                  {edit.title}
                </Button>
              )}
              {removal && (
                <Button tone="quiet" className="text-cinnabar" onClick={() => setMode('remove')}>
                  {removal.verb}…
                </Button>
              )}
            </div>
          )}
          {below?.(record, records)}
        </div>
      )}
    </Dialog>
  );
}

function moveFocus(body: HTMLElement | null, by: 1 | -1): void {
  const links = [...(body?.querySelectorAll<HTMLElement>('[data-record] a') ?? [])];
  const at = links.findIndex((link) => link.contains(document.activeElement));
  links[at === -1 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
}

/** Nothing for 150 ms, then rows of the final height. */
function LoadingRows({ nouns }: { nouns: string }) {
  return (
    <div role="status" className="show-late px-6 pt-4 max-sm:px-4">
      <span className="sr-only">Asking for {nouns}</span>
      {[0, 1, 2, 3, 4].map((row) => (
        <div key={row} className="flex h-10 items-center gap-6 border-b border-line max-sm:h-[52px]">
          <span className="h-2.5 w-40 rounded-bar bg-hover" />
          <span className="h-2.5 w-24 rounded-bar bg-hover max-sm:hidden" />
          <span className="ml-auto h-2.5 w-16 rounded-bar bg-hover" />
        </div>
      ))}
    </div>
  );
}
