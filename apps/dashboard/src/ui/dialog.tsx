'use client';

import { X } from 'lucide-react';
import { type ReactNode, useEffect, useId, useRef } from 'react';
import { join } from './join.ts';

export interface DialogProps {
  readonly title: ReactNode;
  readonly onClose: () => void;
  readonly children: ReactNode;
  /** A drawer stands at the right edge over the full height, and covers the page below 1100. */
  readonly form?: 'dialog' | 'drawer' | 'wide-drawer';
  /** False: Esc and the cross are no way out, since what it shows is shown once. */
  readonly isEasilyClosed?: boolean;
}

/** A modal dialog, open as long as it is rendered. The browser keeps the focus inside and gives it back. */
export function Dialog({ title, onClose, children, form = 'dialog', isEasilyClosed = true }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog || dialog.open) return;
    dialog.showModal();
    // What is to be filled in comes before the cross.
    dialog.querySelector<HTMLElement>('input:not([type=file]), textarea')?.focus();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a modal dialog by itself
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        if (isEasilyClosed) onClose();
      }}
      onClick={(event) => {
        if (isEasilyClosed && event.target === event.currentTarget) onClose();
      }}
      className={join(
        'border-line-strong bg-raised p-0 text-ink shadow-floating',
        form === 'dialog'
          ? 'm-auto w-[520px] max-w-[calc(100vw-32px)] rounded-dialog border'
          : 'my-0 mr-0 ml-auto h-dvh max-h-none max-w-none border-l max-md:w-full',
        form === 'drawer' && 'w-[480px]',
        form === 'wide-drawer' && 'w-[820px]',
      )}
    >
      <div className={join('flex flex-col', form !== 'dialog' && 'h-full')}>
        <header className="flex shrink-0 items-start justify-between gap-4 px-6 pt-5 pb-3 max-sm:px-4">
          <h2 id={titleId} className="min-w-0 text-title wrap-anywhere">
            {title}
          </h2>
          {isEasilyClosed && (
            <button
              type="button"
              onClick={onClose}
              className="-mt-0.5 -mr-1.5 inline-flex size-[30px] shrink-0 items-center justify-center rounded-button text-ink-3 hover:bg-hover hover:text-ink max-sm:size-11"
            >
              <X size={16} strokeWidth={1.75} aria-hidden />
              <span className="sr-only">Close</span>
            </button>
          )}
        </header>
        <div className={join('px-6 pb-6 max-sm:px-4', form !== 'dialog' && 'min-h-0 flex-1 overflow-y-auto')}>
          {children}
        </div>
      </div>
    </dialog>
  );
}
