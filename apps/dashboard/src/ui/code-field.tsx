'use client';

import { type Ref, useState } from 'react';
import { join } from './join.ts';

export interface CodeFieldProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly isWrong: boolean;
  readonly ref?: Ref<HTMLInputElement>;
  readonly describedBy?: string;
  readonly onChange: (value: string) => void;
}

/** Six digits in six boxes: one field to the keyboard, to what is pasted and to who listens. */
export function CodeField({ id, label, value, isWrong, ref, describedBy, onChange }: CodeFieldProps) {
  const [hasFocus, setFocus] = useState(false);
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="font-button">
        {label}
      </label>
      <div className="relative w-fit">
        <div aria-hidden className="flex gap-2">
          {[0, 1, 2, 3, 4, 5].map((place) => (
            <span
              key={place}
              className={join(
                'flex h-12 w-10 items-center justify-center rounded-button border bg-surface font-mono text-hero font-medium',
                isWrong
                  ? 'border-cinnabar'
                  : hasFocus && place === Math.min(value.length, 5)
                    ? 'border-lapis'
                    : 'border-control',
              )}
            >
              {value[place] ?? ''}
            </span>
          ))}
        </div>
        <input
          ref={ref}
          id={id}
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          required
          value={value}
          aria-invalid={isWrong}
          aria-describedby={describedBy}
          onFocus={() => setFocus(true)}
          onBlur={() => setFocus(false)}
          onChange={(event) => onChange(event.target.value.replace(/\D/g, '').slice(0, 6))}
          className="absolute inset-0 w-full rounded-button bg-transparent font-mono text-transparent caret-transparent selection:bg-transparent"
        />
      </div>
    </div>
  );
}
