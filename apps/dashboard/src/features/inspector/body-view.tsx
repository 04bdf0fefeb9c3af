'use client';

import { useEffect, useState } from 'react';
import { plural } from '../../lib/format.ts';
import { visibleLines } from '../../lib/visible-text.ts';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { bytesOf, decoded, hexLines, textOf, type BodyView as View, viewOf } from './body.ts';
import type { ExchangeSide } from './exchange.ts';
import { headerOf } from './export.ts';
import { sizeOf } from './words.tsx';

interface Read {
  readonly bytes: Uint8Array;
  readonly view: View;
  /** A content coding that a browser cannot undo. */
  readonly coding: string | null;
}

/** The beginning of a body: by its type, as text, or in hex. Never as a page: captured content runs no script. */
export function BodyView({ side, total }: { side: ExchangeSide; total: number }) {
  const [read, setRead] = useState<Read | null>(null);
  const [form, setForm] = useState<'shown' | 'text' | 'hex'>('shown');
  useEffect(() => {
    let isCurrent = true;
    const encoding = headerOf(side, 'content-encoding');
    const raw = bytesOf(side.body);
    void decoded(raw, encoding).then((plain) => {
      if (!isCurrent) return;
      const bytes = plain ?? raw;
      const view: View =
        plain === null ? { kind: 'binary' } : viewOf(bytes, headerOf(side, 'content-type'), side.truncated);
      setRead({ bytes, view, coding: plain === null ? encoding : null });
    });
    return () => {
      isCurrent = false;
    };
  }, [side]);
  if (read === null) return null;
  const { bytes, view, coding } = read;
  if (view.kind === 'empty') return <p className="text-meta text-ink-3">No body.</p>;
  const forms =
    view.kind === 'binary'
      ? (['hex'] as const)
      : view.kind === 'text'
        ? (['shown', 'hex'] as const)
        : (['shown', 'text', 'hex'] as const);
  const shownForm = forms.some((one) => one === form) ? form : forms[0];
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <div className="flex items-center justify-between gap-2">
        <p className="text-meta text-ink-3">
          {sizeOf(total)}
          {side.truncated && `, cut at ${sizeOf(bytesOf(side.body).length)}`}
          {coding !== null && `, compressed with ${coding}, which a browser cannot undo`}
        </p>
        {forms.length > 1 && (
          <div className="flex gap-2 text-meta">
            {forms.map((one) => (
              <button
                key={one}
                type="button"
                aria-pressed={shownForm === one}
                onClick={() => setForm(one)}
                className={join(
                  'max-sm:h-11',
                  shownForm === one ? 'font-strong text-ink' : 'text-ink-3 hover:text-ink',
                )}
              >
                {one === 'shown' ? nameOf(view) : one === 'text' ? 'Text' : 'Hex'}
              </button>
            ))}
          </div>
        )}
      </div>
      <div className="max-h-[420px] overflow-auto rounded-button border border-line bg-sunken p-3">
        {shownForm === 'hex' ? (
          <pre className="font-mono text-meta">{hexLines(bytes).join('\n')}</pre>
        ) : shownForm === 'text' ? (
          <Text text={textOf(bytes) ?? ''} />
        ) : (
          <Shown view={view} />
        )}
      </div>
    </div>
  );
}

function Shown({ view }: { view: View }) {
  switch (view.kind) {
    case 'json':
    case 'xml':
    case 'text':
      return <Text text={view.text} />;
    case 'form':
      return (
        <dl>
          {view.pairs.map(([name, value], at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a name may come twice, and the list never changes
            <div key={`${at}:${name}`} className="grid grid-cols-[160px_minmax(0,1fr)] gap-3 font-mono text-url">
              <dt className="truncate text-ink-3">
                <UntrustedText text={name} />
              </dt>
              <dd className="wrap-anywhere">
                <UntrustedText text={value} />
              </dd>
            </div>
          ))}
        </dl>
      );
    case 'events':
      return (
        <ol>
          {view.events.map((event, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: events have no names, and the list never changes
            <li key={at} className="border-b border-line py-1 last:border-0">
              <Text text={event} />
            </li>
          ))}
          <li className="text-meta text-ink-3">{plural(view.events.length, 'event', 'events')}</li>
        </ol>
      );
    case 'image':
      // biome-ignore lint/performance/noImgElement: the bytes are in the page already
      return <img src={view.url} alt="The captured body" className="max-h-[360px] max-w-full" />;
    case 'binary':
    case 'empty':
      return null;
  }
}

function nameOf(view: View): string {
  const names: Record<View['kind'], string> = {
    empty: '',
    json: 'JSON',
    xml: 'XML',
    form: 'Form',
    events: 'Events',
    image: 'Image',
    text: 'Text',
    binary: 'Hex',
  };
  return names[view.kind];
}

function Text({ text }: { text: string }) {
  return (
    <pre className="font-mono text-url whitespace-pre-wrap wrap-anywhere">
      <bdi>{visibleLines(text)}</bdi>
    </pre>
  );
}
