'use client';

import { type ComponentProps, useId } from 'react';
import { join } from './join.ts';

export interface TextFieldProps extends Omit<ComponentProps<'input'>, 'className'> {
  readonly label: string;
  readonly help?: string | undefined;
  /** Takes the place of the help. */
  readonly fault?: string | null;
  /** 36 high, for pages that hold one form; else 30. */
  readonly isLarge?: boolean;
}

/** Label above, help below, an error in its place. */
export function TextField({ label, help, fault = null, isLarge = false, id, ...rest }: TextFieldProps) {
  const ownId = useId();
  const fieldId = id ?? ownId;
  const note = fault ?? help;
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={fieldId} className="font-button">
        {label}
      </label>
      <input
        id={fieldId}
        aria-invalid={fault !== null}
        aria-describedby={note ? `${fieldId}-note` : undefined}
        {...rest}
        className={join(
          'w-full rounded-button border bg-surface text-ink max-sm:h-11 max-sm:text-title max-sm:font-regular',
          isLarge ? 'h-9 px-3 text-prose' : 'h-[30px] px-2.5 text-body',
          fault === null ? 'border-control' : 'border-cinnabar',
        )}
      />
      {note && (
        <p
          id={`${fieldId}-note`}
          role={fault === null ? undefined : 'alert'}
          className={join('text-meta', fault === null ? 'text-ink-3' : 'text-cinnabar')}
        >
          {note}
        </p>
      )}
    </div>
  );
}
