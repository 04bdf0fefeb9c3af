import type { ComponentProps } from 'react';
import { join } from './join.ts';

const tones = {
  primary: 'bg-primary text-on-primary hover:opacity-90 disabled:opacity-60',
  secondary: 'border border-line-strong bg-raised text-ink hover:bg-hover disabled:text-ink-3',
  /** Only inside the dialog that confirms. */
  danger: 'bg-danger text-on-danger hover:opacity-90 disabled:opacity-60',
  quiet: 'text-ink-2 hover:bg-hover hover:text-ink',
  /** Opens the dialog that confirms. */
  'quiet-danger': 'text-cinnabar hover:bg-cinnabar-soft',
} as const;

export interface ButtonProps extends ComponentProps<'button'> {
  readonly tone: keyof typeof tones;
}

/** 30 px high, 44 where fingers touch. The label is a verb and its object. */
export function Button({ tone, className, type = 'button', ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={join(
        'inline-flex h-[30px] items-center justify-center gap-2 rounded-button px-3 text-body font-button whitespace-nowrap transition-[background-color,opacity] duration-120 max-sm:h-11 forced-colors:border',
        tones[tone],
        className,
      )}
      {...rest}
    />
  );
}
