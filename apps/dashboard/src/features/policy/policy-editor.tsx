'use client';

import { useEffect, useRef } from 'react';
import type { PolicyEditorHandle } from './mount-editor.ts';

export interface PolicyEditorProps {
  readonly initial: string;
  readonly onChange: (text: string) => void;
  readonly onSave: () => void;
}

/** The editor of a traffic policy; loaded when the page is, since it is heavier than all the rest of it. */
export function PolicyEditor({ initial, onChange, onSave }: PolicyEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const calls = useRef({ onChange, onSave });
  calls.current = { onChange, onSave };
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new document is a new editor, by its key
  useEffect(() => {
    let handle: PolicyEditorHandle | null = null;
    let isGone = false;
    void import('./mount-editor.ts').then(({ mountEditor }) => {
      if (isGone || !host.current) return;
      handle = mountEditor(host.current, {
        text: initial,
        onChange: (text) => calls.current.onChange(text),
        onSave: () => calls.current.onSave(),
      });
    });
    return () => {
      isGone = true;
      handle?.close();
    };
  }, []);
  return <div ref={host} data-policy-editor className="min-h-0 flex-1 overflow-hidden" />;
}
