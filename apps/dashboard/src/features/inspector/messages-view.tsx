'use client';

import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp, Search } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { count, text as figureText, plural } from '../../lib/format.ts';
import { visibleLines } from '../../lib/visible-text.ts';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import type { ExchangeDetail } from './exchange.ts';
import {
  accepted,
  holes,
  type Message,
  type MessageFilter,
  readMessages,
  textOfMessage,
  withMessages,
} from './message.ts';
import { useIsSmall } from './use-is-small.ts';
import { clock, sizeOf } from './words.tsx';

const rowHeights = { wide: 26, small: 44 };
const sides: readonly (readonly [MessageFilter, string])[] = [
  ['all', 'Both ways'],
  ['visitor', 'From the visitor'],
  ['upstream', 'From the upstream'],
];

/**
 * Messages of a WebSocket or a stream of events, as they pass: the page is told how many there are by now, and asks for
 * those that it has not.
 * @param told how many passed, as last heard
 */
export function MessagesView({ detail, told }: { detail: ExchangeDetail; told: number }) {
  const { rest } = useAccount();
  const [messages, setMessages] = useState<readonly Message[] | null>(null);
  const [passed, setPassed] = useState(detail.message_count);
  const [hasFailed, setFailed] = useState(false);
  const [from, setFrom] = useState<MessageFilter>('all');
  const [word, setWord] = useState('');
  const [open, setOpen] = useState<number | null>(null);
  const asking = useRef({ isBusy: false, isAskedAgain: false, isGone: false, last: 0 });
  useEffect(() => {
    const state = asking.current;
    state.isGone = false;
    return () => {
      state.isGone = true;
    };
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: asks again whenever it is told of more
  useEffect(() => {
    const state = asking.current;
    const ask = async (): Promise<void> => {
      if (state.isBusy) {
        state.isAskedAgain = true;
        return;
      }
      state.isBusy = true;
      do {
        state.isAskedAgain = false;
        const answer = await rest.get(
          `/exchanges/${encodeURIComponent(detail.id)}/messages?after=${state.last}`,
          readMessages,
        );
        setFailed(answer.kind !== 'ok');
        if (answer.kind !== 'ok') break;
        const page = answer.value;
        state.last = page.messages.at(-1)?.number ?? state.last;
        state.isAskedAgain ||= page.next_page_uri !== null;
        setPassed(page.message_count);
        setMessages((had) => withMessages(had ?? [], page.messages));
      } while (state.isAskedAgain && !state.isGone);
      state.isBusy = false;
    };
    void ask();
  }, [rest, detail.id, told]);

  const shown = useMemo(() => accepted(messages ?? [], from, word), [messages, from, word]);
  const missing = useMemo(() => holes(messages ?? [], passed), [messages, passed]);
  const lost = missing.before.reduce((sum, one) => sum + one, 0);
  const opened = open === null ? undefined : messages?.find(({ number }) => number === open);
  if (messages === null)
    return <p className="show-late text-ink-3">{hasFailed ? 'The API does not answer.' : 'Asking…'}</p>;
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <fieldset className="flex gap-3 text-meta">
          <legend className="sr-only">Show messages</legend>
          {sides.map(([side, name]) => (
            <button
              key={side}
              type="button"
              aria-pressed={from === side}
              onClick={() => setFrom(side)}
              className={join(
                'max-sm:h-11',
                from === side ? 'font-strong text-ink underline underline-offset-4' : 'text-ink-2 hover:text-ink',
              )}
            >
              {name}
            </button>
          ))}
        </fieldset>
        <label className="flex h-[30px] min-w-[160px] flex-1 items-center gap-2 rounded-button border border-control bg-surface px-2.5 max-sm:h-11 has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-lapis">
          <Search size={15} strokeWidth={1.75} aria-hidden className="shrink-0 text-ink-3" />
          <span className="sr-only">Find in messages</span>
          <input
            type="search"
            value={word}
            placeholder="Find in messages"
            spellCheck={false}
            onChange={(event) => setWord(event.target.value)}
            className="min-w-0 flex-1 bg-transparent outline-none placeholder:text-ink-3 max-sm:text-[16px]"
          />
        </label>
      </div>
      {shown.length === 0 ? (
        <p className="text-ink-3">
          {messages.length > 0
            ? 'No message matches.'
            : detail.outcome === 'open'
              ? 'No message yet. Each appears here as it passes.'
              : 'No message passed.'}
        </p>
      ) : (
        <MessageList
          messages={shown}
          missingBefore={from === 'all' && word === '' ? missing.before : null}
          openNumber={open}
          onOpen={(number) => setOpen(number === open ? null : number)}
        />
      )}
      <p className="figures text-meta text-ink-3">
        {figureText(count(shown.length))} of {plural(passed, 'message', 'messages')} shown
        {lost > 0 && `, ${figureText(count(lost))} not kept`}
        {detail.outcome === 'open' && ', the connection is open'}
        {hasFailed && ', the API does not answer'}
      </p>
      {opened !== undefined && <OpenMessage message={opened} />}
    </div>
  );
}

interface MessageListProps {
  readonly messages: readonly Message[];
  /** Null while a filter hides some. */
  readonly missingBefore: readonly number[] | null;
  readonly openNumber: number | null;
  readonly onOpen: (number: number) => void;
}

/** Only rows in sight are in the page; whoever looks at the end stays at the end. */
function MessageList({ messages, missingBefore, openNumber, onOpen }: MessageListProps) {
  const rowHeight = useIsSmall() ? rowHeights.small : rowHeights.wide;
  const scroller = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const virtual = useVirtualizer({
    count: messages.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 10,
    getItemKey: (index) => messages[index]?.number ?? index,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows have another height on a small screen
  useEffect(() => virtual.measure(), [rowHeight]);
  const last = messages.at(-1)?.number;
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows what is new at the end
  useEffect(() => {
    const element = scroller.current;
    if (element && isAtEnd.current) element.scrollTop = element.scrollHeight;
  }, [last]);
  const top = virtual.getVirtualItems()[0]?.start ?? 0;
  return (
    <section
      ref={scroller}
      aria-label="Messages"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
      tabIndex={0}
      className="max-h-[420px] overflow-y-auto overflow-x-hidden rounded-button border border-line"
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        isAtEnd.current = scrollTop + clientHeight > scrollHeight - 2 * rowHeight;
      }}
    >
      {/* Set by script, so the content security policy has nothing against these styles. */}
      <ol className="relative" style={{ height: virtual.getTotalSize(), paddingTop: top }}>
        {virtual.getVirtualItems().map(({ index, key }) => {
          const message = messages[index];
          return message ? (
            <MessageRow
              key={key}
              message={message}
              missing={missingBefore?.[index] ?? 0}
              isOpen={message.number === openNumber}
              onOpen={onOpen}
            />
          ) : null;
        })}
      </ol>
    </section>
  );
}

function MessageRow({
  message,
  missing,
  isOpen,
  onOpen,
}: {
  message: Message;
  missing: number;
  isOpen: boolean;
  onOpen: (number: number) => void;
}) {
  const { number, from, kind, bytes } = message;
  const isUp = from === 'visitor';
  return (
    <li data-message={number} className="h-[26px] max-sm:h-11">
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={() => onOpen(number)}
        className={join(
          'flex h-full w-full items-center gap-2.5 px-2.5 text-left font-mono text-meta hover:bg-hover',
          isOpen && 'bg-lapis-soft',
          missing > 0 && 'border-t border-dashed border-control',
        )}
      >
        {isUp ? (
          <ArrowUp size={13} strokeWidth={2} aria-hidden className="shrink-0 text-lapis" />
        ) : (
          <ArrowDown size={13} strokeWidth={2} aria-hidden className="shrink-0 text-verdigris" />
        )}
        <span className="sr-only">{isUp ? 'From the visitor:' : 'From the upstream:'}</span>
        <span className="figures shrink-0 text-ink-3 max-sm:hidden">{clock(message.created_at)}</span>
        {kind !== 'text' && kind !== 'event' && <span className="shrink-0 text-ink-3">{kind}</span>}
        <span className="min-w-0 flex-1 truncate">
          <UntrustedText text={textOfMessage(message).line} />
        </span>
        {missing > 0 && <span className="shrink-0 font-sans text-ochre">{missing} before it not kept</span>}
        <span className="figures shrink-0 text-ink-3">{sizeOf(bytes)}</span>
      </button>
    </li>
  );
}

function OpenMessage({ message }: { message: Message }) {
  const { whole, isHex } = textOfMessage(message);
  return (
    <section aria-label="Message" className="flex min-w-0 flex-col gap-1.5">
      <p className="text-meta text-ink-3">
        {message.from === 'visitor' ? 'From the visitor' : 'From the upstream'}, {message.kind},{' '}
        {clock(message.created_at)}, {sizeOf(message.bytes)}
        {message.compressed && ', compressed; it cannot be undone here'}
        {message.truncated && ', only the beginning was kept'}
      </p>
      <pre
        className={join(
          'max-h-[320px] overflow-auto rounded-button border border-line bg-sunken p-3 font-mono',
          isHex ? 'text-meta' : 'text-url whitespace-pre-wrap wrap-anywhere',
        )}
      >
        <bdi>{isHex ? whole : visibleLines(whole)}</bdi>
      </pre>
    </section>
  );
}
