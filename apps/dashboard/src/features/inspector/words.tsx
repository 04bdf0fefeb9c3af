import { bytes, text as figureText } from '../../lib/format.ts';
import { visibleText } from '../../lib/visible-text.ts';
import { join } from '../../ui/join.ts';
import type { ExchangeLine } from './exchange.ts';

const methodTones: Record<string, string> = {
  GET: 'text-ink-2',
  POST: 'text-lapis',
  PUT: 'text-ochre',
  PATCH: 'text-wisteria',
  DELETE: 'text-cinnabar',
  WS: 'text-verdigris',
  SSE: 'text-verdigris',
};

export function Method({ method }: { method: string }) {
  return (
    <span className={join('font-mono font-strong', methodTones[method] ?? 'text-ink-3')}>{visibleText(method)}</span>
  );
}

/** The status, with the code when the edge itself answered; words where there is none. */
export function Status({ line }: { line: ExchangeLine }) {
  const { status_code: status, error_code: code, outcome } = line;
  if (status === null) return <span className="font-mono text-ink-3">{outcome === 'gone' ? 'left' : 'none'}</span>;
  const tone =
    status >= 500
      ? 'text-cinnabar font-strong'
      : status >= 400
        ? 'text-ochre'
        : status >= 300
          ? 'text-wisteria'
          : 'text-ink';
  return (
    <span className={join('figures font-mono whitespace-nowrap', tone)}>
      {status}
      {code && <span className="ml-1.5 font-regular text-ink-3">{code.replace('ERR_NGROK_', '')}</span>}
      {outcome === 'cut' && <span className="ml-1.5 font-regular text-cinnabar">cut</span>}
    </span>
  );
}

export function milliseconds(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** How long it took; of one that goes on, that it does. */
export function durationOf({ outcome, timing }: ExchangeLine): string {
  return outcome === 'open' ? 'open' : milliseconds(timing.total_ms);
}

export function sizeOf(count: number): string {
  return figureText(bytes(count));
}

/** The same without them, and with its day unless it is today's. */
export function momentOf(iso: string, now: Date = new Date()): string {
  const date = new Date(iso);
  const time = date.toLocaleTimeString('en-GB', { hour12: false });
  return date.toDateString() === now.toDateString() ? time : `${date.toLocaleDateString('en-CA')} ${time}`;
}

/** 24 hours with milliseconds, in the reader's zone. */
export function clock(iso: string): string {
  const date = new Date(iso);
  return `${date.toLocaleTimeString('en-GB', { hour12: false })}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
