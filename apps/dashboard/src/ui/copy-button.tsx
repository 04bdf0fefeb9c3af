'use client';

import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { copyText } from '../lib/copy-text.ts';
import { join } from './join.ts';

const saidForMs = 1600;

/** Copies `text`; `label` names what is copied, for people who hear it. */
export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [done, setDone] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(null), saidForMs);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <button
      type="button"
      data-copy
      title={done === 'failed' ? 'The browser did not allow it' : label}
      onClick={async (event) => {
        event.stopPropagation();
        setDone((await copyText(text)) ? 'copied' : 'failed');
      }}
      className={join(
        'inline-flex size-[26px] shrink-0 items-center justify-center rounded-chip text-ink-3 hover:bg-hover hover:text-ink max-sm:size-11',
        className,
      )}
    >
      {done === 'copied' ? (
        <Check size={15} strokeWidth={1.75} className="text-verdigris" aria-hidden />
      ) : (
        <Copy size={15} strokeWidth={1.75} aria-hidden />
      )}
      <span className="sr-only">{label}</span>
      <span className="sr-only" role="status">
        {done === 'copied' ? 'Copied' : done === 'failed' ? 'Not copied: the browser did not allow it' : ''}
      </span>
    </button>
  );
}
