'use client';

import { asksForContents, classOf, parseFilter, toggled, verdictOf } from '@portico/api-contract/exchange-filter';
import { useVirtualizer } from '@tanstack/react-virtual';
import { Download, Pause, Play, Search, Settings2 } from 'lucide-react';
import { usePathname, useSearchParams } from 'next/navigation';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { count, text as figureText } from '../../lib/format.ts';
import { saveFile } from '../../lib/save-file.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { join } from '../../ui/join.ts';
import { Kbd } from '../../ui/kbd.tsx';
import { Notice } from '../../ui/notice.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { ContactStrip } from '../live/contact-strip.tsx';
import { ListProblemStrip } from '../records/list-problem.tsx';
import { pathOfPlace, recordPlace } from '../records/record-path.ts';
import { PageHead } from '../shell/page-head.tsx';
import { CaptureDialog, useCapture } from './capture-setting.tsx';
import { type ExchangeLine, hasMessages, methodOf, readDetail } from './exchange.ts';
import { ExchangeDetail } from './exchange-detail.tsx';
import { withNewer } from './exchange-list.ts';
import { asHar } from './export.ts';
import { TimingBar } from './timing-bar.tsx';
import { useExchanges } from './use-exchanges.ts';
import { useIsSmall } from './use-is-small.ts';
import { type Search as ExchangeSearch, useSearch, useSettled } from './use-search.ts';
import { clock, durationOf, Method, momentOf, Status, sizeOf } from './words.tsx';

const classes = ['2xx', '3xx', '4xx', '5xx', 'none'] as const;
const classTones: Record<(typeof classes)[number], string> = {
  '2xx': 'text-ink',
  '3xx': 'text-wisteria',
  '4xx': 'text-ochre',
  '5xx': 'text-cinnabar',
  none: 'text-ink-3',
};
const rowHeights = { wide: 30, small: 58 };
const harMax = 200;
/** A filter is searched for when nobody has typed for so long. */
const searchAfterMs = 300;

/** Every request of the account as it passes: find one, understand it, send it again. */
export function InspectorPage() {
  const { accountId, rest, mayChange } = useAccount();
  const capture = useCapture();
  const [isSetting, setSetting] = useState(false);
  const base = `/a/${accountId}/inspector`;
  const place = recordPlace(usePathname(), base);
  // The field leads and the URL follows: the other way round, letters that are typed fast would be lost.
  const inUrl = useSearchParams().get('q') ?? '';
  const [field, setTyped] = useState(inUrl);
  useEffect(() => {
    const onBack = () => setTyped(new URLSearchParams(window.location.search).get('q') ?? '');
    window.addEventListener('popstate', onBack);
    return () => window.removeEventListener('popstate', onBack);
  }, []);
  const input = useRef<HTMLInputElement>(null);
  const openId = place.kind === 'one' ? place.id : null;

  const go = (id: string | null, query = field) => {
    const path = pathOfPlace(id === null ? { kind: 'list' } : { kind: 'one', id }, base);
    window.history.pushState(null, '', query === '' ? path : `${path}?q=${encodeURIComponent(query)}`);
  };
  const setField = (query: string) => {
    setTyped(query);
    const path = pathOfPlace(place, base);
    window.history.replaceState(null, '', query === '' ? path : `${path}?q=${encodeURIComponent(query)}`);
  };

  const deferred = useDeferredValue(field);
  const terms = useMemo(() => parseFilter(deferred), [deferred]);
  const settled = useSettled(field.trim(), searchAfterMs);
  const streamed = useMemo(() => (asksForContents(parseFilter(settled)) ? settled : ''), [settled]);
  const exchanges = useExchanges(streamed);
  const search = useSearch(settled);
  const { lines, foundIds } = exchanges;
  const { results } = search;
  const shown = useMemo(() => {
    if (lines === null || terms.length === 0) return lines ?? [];
    const own = lines.filter((line) => {
      const verdict = verdictOf(terms, line);
      return verdict === 'yes' || (verdict === 'unknown' && foundIds.has(line.id));
    });
    // What was found for the letters before is judged by those that are there now.
    return withNewer(
      own,
      results.filter((line) => verdictOf(terms, line) !== 'no'),
    );
  }, [lines, terms, foundIds, results]);
  const openLine = useMemo(() => shown.find(({ id }) => id === openId), [shown, openId]);
  const counts = useMemo(() => countClasses(lines ?? []), [lines]);
  const scaleMs = useMemo(
    () =>
      shown.slice(0, 500).reduce((most, line) => (hasMessages(line) ? most : Math.max(most, line.timing.total_ms)), 1),
    [shown],
  );

  const move = (by: 1 | -1) => {
    const at = shown.findIndex(({ id }) => id === openId);
    const next = shown[at === -1 ? 0 : Math.min(Math.max(at + by, 0), shown.length - 1)];
    if (next) go(next.id);
  };
  const keys = useRef({ move, toggle: () => exchanges.setPaused(!exchanges.isPaused) });
  keys.current = { move, toggle: () => exchanges.setPaused(!exchanges.isPaused) };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (target?.closest('input, textarea, select, dialog[open], [popover]:popover-open')) return;
      const key = event.key.toLowerCase();
      if (key === '/') input.current?.focus();
      else if (key === 'j' || key === 'arrowdown') keys.current.move(1);
      else if (key === 'k' || key === 'arrowup') keys.current.move(-1);
      else if (key === ' ' && !target?.closest('button, a')) keys.current.toggle();
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  const exportHar = async () => {
    const answers = await Promise.all(
      shown.slice(0, harMax).map(({ id }) => rest.get(`/exchanges/${encodeURIComponent(id)}`, readDetail)),
    );
    const details = answers.flatMap((answer) => (answer.kind === 'ok' ? [answer.value] : []));
    saveFile(asHar(details), 'portico.har', 'application/json');
  };

  const isOff = capture.setting?.mode === 'off';
  return (
    <>
      <PageHead
        title="Inspector"
        chips={
          capture.setting !== null &&
          !isOff && (
            <Chip tone={exchanges.isPaused ? 'waiting' : 'works'}>
              {exchanges.isPaused
                ? `Paused, ${figureText(count(exchanges.waiting))} new`
                : `Live, ${exchanges.rate} req/s`}
            </Chip>
          )
        }
      >
        {!isOff && (
          <>
            <Button
              tone="secondary"
              onClick={() => exchanges.setPaused(!exchanges.isPaused)}
              className="max-sm:w-11 max-sm:px-0"
            >
              {exchanges.isPaused ? (
                <Play size={15} strokeWidth={1.75} aria-hidden />
              ) : (
                <Pause size={15} strokeWidth={1.75} aria-hidden />
              )}
              <span className="max-sm:sr-only">{exchanges.isPaused ? 'Go on' : 'Pause'}</span>
            </Button>
            <Button tone="secondary" onClick={exportHar} disabled={shown.length === 0} className="max-md:hidden">
              <Download size={15} strokeWidth={1.75} aria-hidden />
              HAR
            </Button>
          </>
        )}
        {mayChange && (
          <Button tone="secondary" onClick={() => setSetting(true)} className="max-sm:w-11 max-sm:px-0">
            <Settings2 size={15} strokeWidth={1.75} aria-hidden />
            <span className="max-sm:sr-only">Capture</span>
          </Button>
        )}
      </PageHead>
      <ContactStrip />
      <ListProblemStrip problem={exchanges.problem} hasItems={lines !== null} onRetry={capture.reload} />
      <main id="content" tabIndex={-1} className="flex min-h-0 flex-1 flex-col">
        {isOff ? (
          <Notice title="Requests are not kept" lit={2}>
            <p>
              Turn capture on to see each request here as it passes, look into it and send it again. Headers and the
              beginning of bodies are kept sealed, for as long as you say.
            </p>
            {mayChange ? (
              <Button tone="primary" onClick={() => setSetting(true)}>
                Turn capture on
              </Button>
            ) : (
              <p>Somebody who may change this account can turn it on.</p>
            )}
          </Notice>
        ) : (
          <div className="flex min-h-0 flex-1">
            <div
              className={join(
                'flex min-h-0 min-w-0 flex-1 flex-col',
                openId !== null && 'max-md:hidden md:max-w-[624px]',
              )}
            >
              <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-6 py-2.5 max-sm:px-4">
                <label className="flex h-[30px] min-w-[200px] flex-1 items-center gap-2 rounded-button border border-control bg-surface px-2.5 max-sm:h-11 has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-lapis">
                  <Search size={15} strokeWidth={1.75} aria-hidden className="shrink-0 text-ink-3" />
                  <span className="sr-only">Filter requests</span>
                  <input
                    ref={input}
                    type="search"
                    value={field}
                    placeholder="Search paths and headers, or filter: status:5xx duration:>200 rule:deny"
                    spellCheck={false}
                    onChange={(event) => setField(event.target.value)}
                    className="min-w-0 flex-1 bg-transparent font-mono text-url outline-none placeholder:text-ink-3 max-sm:text-[16px]"
                  />
                  <span className="max-sm:hidden">
                    <Kbd>/</Kbd>
                  </span>
                </label>
                <fieldset className="flex gap-3">
                  <legend className="sr-only">Show by status</legend>
                  {classes.map((name) => (
                    <button
                      key={name}
                      type="button"
                      aria-pressed={terms.some(({ text }) => text === `status:${name}`)}
                      onClick={() => setField(toggled(field, `status:${name}`))}
                      className={join(
                        'figures flex items-center gap-1 text-meta max-sm:h-11',
                        classTones[name],
                        terms.some(({ text }) => text === `status:${name}`) && 'underline underline-offset-4',
                      )}
                    >
                      {name === 'none' ? 'no answer' : name}
                      <span className="text-ink-3">{counts[name] ?? 0}</span>
                    </button>
                  ))}
                </fieldset>
              </div>
              {lines !== null && lines.length === 0 && exchanges.problem === null && (
                <Notice title="No request yet" lit={3}>
                  <p>Send one to any of your endpoints. It appears here within a second.</p>
                </Notice>
              )}
              {terms.length > 0 && shown.length === 0 && lines !== null && lines.length > 0 && (
                <NoMatch search={search} field={field} onClear={() => setField('')} />
              )}
              {shown.length > 0 && (
                <List
                  lines={shown}
                  scaleMs={scaleMs}
                  openId={openId}
                  isNarrow={openId !== null}
                  onOpen={(id) => go(id)}
                  onEnd={() => void (terms.length > 0 ? search.more() : exchanges.loadOlder())}
                  hrefOf={(id) => pathOfPlace({ kind: 'one', id }, base)}
                />
              )}
              <footer className="figures flex h-8 shrink-0 items-center gap-3 border-t border-line px-6 text-meta text-ink-3 max-sm:px-4">
                <span>
                  {terms.length === 0
                    ? `${figureText(count(shown.length))} of ${figureText(count(lines?.length ?? 0))} shown`
                    : `${figureText(count(shown.length))} found, ${reachOf(search)}`}
                </span>
                <span>{exchanges.dropped} dropped</span>
                {exchanges.missed > 0 && <span>{exchanges.missed} not sent here, reload to see them</span>}
                {terms.length === 0
                  ? exchanges.hasOlder && <FootButton onClick={exchanges.loadOlder}>Older</FootButton>
                  : search.hasMore && <FootButton onClick={search.more}>Search further</FootButton>}
              </footer>
            </div>
            {openId !== null && (
              <div className="min-h-0 min-w-0 flex-1 overflow-y-auto border-line md:border-l">
                <ExchangeDetail
                  key={openId}
                  id={openId}
                  isOver={openLine !== undefined && openLine.outcome !== 'open'}
                  messageCount={exchanges.messageCounts.get(openId) ?? 0}
                  onClose={() => go(null)}
                  onOpen={(id) => go(id)}
                  onRemoved={() => {
                    exchanges.forget(openId);
                    search.forget(openId);
                    go(null);
                  }}
                />
              </div>
            )}
          </div>
        )}
      </main>
      {isSetting && capture.setting !== null && (
        <CaptureDialog
          setting={capture.setting}
          onClose={() => setSetting(false)}
          onSaved={() => {
            setSetting(false);
            void capture.reload();
          }}
        />
      )}
    </>
  );
}

/** How far the API has looked. */
function reachOf({ isBusy, hasFailed, hasMore, searchedTo }: ExchangeSearch): string {
  if (isBusy) return 'searching…';
  if (hasFailed) return 'the API did not answer';
  if (!hasMore || searchedTo === null) return 'all that is kept was searched';
  return `searched back to ${momentOf(searchedTo)}`;
}

function NoMatch({ search, field, onClear }: { search: ExchangeSearch; field: string; onClear: () => void }) {
  return (
    <p className="px-6 py-10 text-center text-ink-2" role="status">
      {search.isBusy ? 'Searching…' : `No request matches ${field}; ${reachOf(search)}. `}
      {!search.isBusy && search.hasMore && (
        <>
          <button type="button" onClick={() => void search.more()} className="text-lapis hover:underline">
            Search further
          </button>{' '}
          ·{' '}
        </>
      )}
      {!search.isBusy && (
        <button type="button" onClick={onClear} className="text-lapis hover:underline">
          Clear the filter
        </button>
      )}
    </p>
  );
}

function FootButton({ onClick, children }: { onClick: () => Promise<void>; children: string }) {
  return (
    <button type="button" onClick={() => void onClick()} className="ml-auto hover:text-ink">
      {children}
    </button>
  );
}

interface ListProps {
  readonly lines: readonly ExchangeLine[];
  readonly scaleMs: number;
  readonly openId: string | null;
  readonly isNarrow: boolean;
  readonly onOpen: (id: string) => void;
  readonly onEnd: () => void;
  readonly hrefOf: (id: string) => string;
}

/** Only the rows in sight are in the page. The scroller keeps its place while new rows come in above it. */
function List({ lines, scaleMs, openId, isNarrow, onOpen, onEnd, hrefOf }: ListProps) {
  const isSmall = useIsSmall();
  const rowHeight = isSmall ? rowHeights.small : rowHeights.wide;
  const scroller = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    getItemKey: (index) => lines[index]?.id ?? index,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows have another height on a small screen
  useEffect(() => virtual.measure(), [rowHeight]);
  // Whoever has scrolled down keeps the rows in sight where they are.
  const first = lines[0]?.id;
  const before = useRef<readonly ExchangeLine[]>(lines);
  useEffect(() => {
    const had = before.current;
    before.current = lines;
    const element = scroller.current;
    if (!element || element.scrollTop === 0 || had[0]?.id === first) return;
    const added = lines.findIndex(({ id }) => id === had[0]?.id);
    if (added > 0) element.scrollTop += added * rowHeight;
  }, [lines, first, rowHeight]);

  const top = virtual.getVirtualItems()[0]?.start ?? 0;
  return (
    <>
      <ListHead isNarrow={isNarrow} />
      <section
        ref={scroller}
        aria-label="Requests"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
        tabIndex={0}
        className="min-h-0 flex-1 overflow-y-auto overflow-x-hidden"
        onScroll={(event) => {
          const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
          if (scrollTop + clientHeight > scrollHeight - 4 * rowHeight) onEnd();
        }}
      >
        {/* Set by script, so the content security policy has nothing against these styles. */}
        <ul className="relative" style={{ height: virtual.getTotalSize(), paddingTop: top }}>
          {virtual.getVirtualItems().map(({ index, key }) => {
            const line = lines[index];
            return line ? (
              <ListRow
                key={key}
                line={line}
                scaleMs={scaleMs}
                isOpen={line.id === openId}
                isNarrow={isNarrow}
                isSmall={isSmall}
                href={hrefOf(line.id)}
                onOpen={onOpen}
              />
            ) : null;
          })}
        </ul>
      </section>
    </>
  );
}

/** Names of the columns, for the eye: a row is read out with its own words. */
function ListHead({ isNarrow }: { isNarrow: boolean }) {
  return (
    <div
      aria-hidden
      className="flex h-8 shrink-0 items-center gap-3 overflow-y-scroll border-b border-line px-6 text-label text-ink-3 [scrollbar-color:transparent_transparent] max-sm:hidden"
    >
      <span className="w-[86px] shrink-0">Time</span>
      {!isNarrow && <span className="w-[200px] shrink-0 max-md:hidden">Host</span>}
      <span className="w-[58px] shrink-0">Method</span>
      <span className="min-w-0 flex-1">Path</span>
      <span className="w-[84px] shrink-0 text-right">Status</span>
      <span className="w-[64px] shrink-0" />
      <span className="w-[64px] shrink-0 text-right">Duration</span>
      {!isNarrow && <span className="w-[64px] shrink-0 text-right max-md:hidden">Size</span>}
    </div>
  );
}

interface ListRowProps {
  readonly line: ExchangeLine;
  readonly scaleMs: number;
  readonly isOpen: boolean;
  readonly isNarrow: boolean;
  readonly isSmall: boolean;
  readonly href: string;
  readonly onOpen: (id: string) => void;
}

function ListRow({ line, scaleMs, isOpen, isNarrow, isSmall, href, onOpen }: ListRowProps) {
  return (
    <li data-exchange={line.id}>
      <a
        href={href}
        aria-current={isOpen ? 'true' : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          onOpen(line.id);
        }}
        className={join(
          'flex h-[30px] items-center gap-3 border-b border-line px-6 hover:bg-hover max-sm:h-[58px] max-sm:px-4',
          isOpen && 'bg-lapis-soft',
        )}
      >
        {isSmall ? (
          <SmallRow line={line} scaleMs={scaleMs} />
        ) : (
          <>
            <span className="figures w-[86px] shrink-0 font-mono text-meta text-ink-3 max-sm:hidden">
              {clock(line.created_at)}
            </span>
            {!isNarrow && (
              <span className="w-[200px] shrink-0 truncate font-mono text-meta text-ink-2 max-md:hidden">
                <UntrustedText text={line.host} />
              </span>
            )}
            <span className="w-[58px] shrink-0 text-meta">
              <Method method={methodOf(line)} />
            </span>
            <span className="min-w-0 flex-1 truncate font-mono text-url">
              {line.replay_of !== null && <span className="text-ink-3">↻ </span>}
              <UntrustedText text={line.path} />
            </span>
            <span className="w-[84px] shrink-0 text-right text-meta">
              <Status line={line} />
            </span>
            <span className="max-sm:hidden">
              <TimingBar line={line} scaleMs={scaleMs} />
            </span>
            <span className="figures w-[64px] shrink-0 text-right text-meta text-ink-2">{durationOf(line)}</span>
            {!isNarrow && (
              <span className="figures w-[64px] shrink-0 text-right text-meta text-ink-3 max-md:hidden">
                {sizeOf(line.response_bytes)}
              </span>
            )}
          </>
        )}
      </a>
    </li>
  );
}

/** Two lines, each as high as a finger needs them together. */
function SmallRow({ line, scaleMs }: { line: ExchangeLine; scaleMs: number }) {
  return (
    <span className="flex min-w-0 flex-1 flex-col gap-0.5">
      <span className="flex items-baseline gap-3">
        <span className="w-[52px] shrink-0 text-meta">
          <Method method={methodOf(line)} />
        </span>
        <span className="min-w-0 flex-1 truncate font-mono text-url">
          {line.replay_of !== null && <span className="text-ink-3">↻ </span>}
          <UntrustedText text={line.path} />
        </span>
        <span className="shrink-0 text-meta">
          <Status line={line} />
        </span>
      </span>
      <span className="flex items-center gap-3 pl-16 text-meta text-ink-3">
        <span className="min-w-0 truncate">
          <UntrustedText text={line.host.split('.')[0] ?? line.host} />
        </span>
        <span className="figures flex-1">{clock(line.created_at).slice(0, 8)}</span>
        <TimingBar line={line} scaleMs={scaleMs} />
        <span className="figures w-[60px] shrink-0 text-right text-ink-2">{durationOf(line)}</span>
      </span>
    </span>
  );
}

function countClasses(lines: readonly ExchangeLine[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of lines) {
    const name = classOf(line);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
