'use client';

import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { bytesOf, textOf } from './body.ts';
import type { ExchangeDetail } from './exchange.ts';

const box =
  'rounded-button border border-control bg-surface px-2.5 font-mono text-url text-ink placeholder:text-ink-3 max-sm:text-[16px]';
/** The server makes these anew. */
const notEdited = ['host', 'content-length', 'transfer-encoding', 'connection'];

export interface ReplayFormProps {
  readonly detail: ExchangeDetail;
  readonly isBusy: boolean;
  readonly onSend: (changes: object) => void;
  readonly onCancel: () => void;
}

/** The request as it was, to be changed and sent. Only what was changed is told to the API. */
export function ReplayForm({ detail, isBusy, onSend, onCancel }: ReplayFormProps) {
  const { request } = detail;
  const originalBody = request === null ? '' : textOf(bytesOf(request.body));
  const [method, setMethod] = useState(detail.method);
  const [path, setPath] = useState(detail.path);
  const [headers, setHeaders] = useState(() =>
    (request?.headers ?? []).flatMap(([name, value], at) =>
      notEdited.includes(name.toLowerCase()) ? [] : [{ key: at, name, value }],
    ),
  );
  const [areHeadersChanged, setHeadersChanged] = useState(false);
  const [body, setBody] = useState(originalBody ?? '');
  const changeHeader = (key: number, change: { name?: string; value?: string }) => {
    setHeadersChanged(true);
    setHeaders((had) => had.map((header) => (header.key === key ? { ...header, ...change } : header)));
  };
  const bodyIsText = originalBody !== null && request?.truncated !== true;
  const send = () =>
    onSend({
      ...(method === detail.method ? {} : { method }),
      ...(path === detail.path ? {} : { path }),
      ...(areHeadersChanged
        ? { headers: headers.filter(({ name }) => name !== '').map(({ name, value }) => [name, value]) }
        : {}),
      ...(body === (originalBody ?? '') && bodyIsText ? {} : { body: toBase64(body) }),
    });
  return (
    <form
      aria-label="Replay with changes"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      className="flex flex-col gap-3 border-t-2 border-ink pt-3"
    >
      <div className="flex gap-2">
        <input
          aria-label="Method"
          value={method}
          onChange={(event) => setMethod(event.target.value.toUpperCase())}
          className={`${box} h-[30px] w-24 max-sm:h-11`}
        />
        <input
          aria-label="Path"
          value={path}
          onChange={(event) => setPath(event.target.value)}
          className={`${box} h-[30px] min-w-0 flex-1 max-sm:h-11`}
        />
      </div>
      <fieldset className="flex flex-col gap-1">
        <legend className="mb-1 font-button">Headers</legend>
        {headers.map(({ key, name, value }) => (
          <div key={key} className="flex gap-2">
            <input
              aria-label="Name of a header"
              value={name}
              onChange={(event) => changeHeader(key, { name: event.target.value })}
              className={`${box} h-[26px] w-[36%] max-sm:h-11`}
            />
            <input
              aria-label={`Value of ${name}`}
              value={value}
              placeholder={detail.hiddenHeaders.includes(name.toLowerCase()) ? 'as it was, hidden' : ''}
              onChange={(event) => changeHeader(key, { value: event.target.value })}
              className={`${box} h-[26px] min-w-0 flex-1 max-sm:h-11`}
            />
            <button
              type="button"
              onClick={() => {
                setHeadersChanged(true);
                setHeaders((had) => had.filter((header) => header.key !== key));
              }}
              className="inline-flex size-[26px] shrink-0 items-center justify-center rounded-chip text-ink-3 hover:bg-hover hover:text-ink max-sm:size-11"
            >
              <X size={14} strokeWidth={1.75} aria-hidden />
              <span className="sr-only">Leave out {name}</span>
            </button>
          </div>
        ))}
        <button
          type="button"
          onClick={() => {
            setHeadersChanged(true);
            setHeaders((had) => [...had, { key: Math.max(-1, ...had.map(({ key }) => key)) + 1, name: '', value: '' }]);
          }}
          className="flex h-7 items-center gap-1 self-start text-lapis max-sm:h-11"
        >
          <Plus size={14} strokeWidth={1.75} aria-hidden /> Add a header
        </button>
      </fieldset>
      <label className="flex flex-col gap-1">
        <span className="font-button">Body</span>
        <textarea
          rows={6}
          value={body}
          spellCheck={false}
          onChange={(event) => setBody(event.target.value)}
          className={`${box} py-1.5`}
        />
        {!bodyIsText && (
          <span className="text-meta text-ochre">
            {originalBody === null ? 'The body was not text' : 'Only the beginning of the body was kept'}: what stands
            here is sent instead of it.
          </span>
        )}
      </label>
      <p className="text-meta text-ink-3">This sends a real {method} to the app, by way of the edge and its policy.</p>
      <div className="flex justify-end gap-2">
        <Button tone="secondary" onClick={onCancel}>
          Cancel
        </Button>
        <Button tone="primary" type="submit" disabled={isBusy} aria-busy={isBusy}>
          Send
        </Button>
      </div>
    </form>
  );
}

function toBase64(text: string): string {
  let raw = '';
  for (const byte of new TextEncoder().encode(text)) raw += String.fromCharCode(byte);
  return btoa(raw);
}
