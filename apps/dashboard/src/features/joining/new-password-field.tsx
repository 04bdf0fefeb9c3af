'use client';

import { TextField } from '../../ui/text-field.tsx';
import { newPasswordHelp } from './new-password.ts';

export interface NewPasswordFieldProps {
  readonly label: string;
  readonly fault: string | null;
  readonly value: string;
  readonly onChange: (password: string) => void;
}

/** A password that is chosen now, with what makes a good one. */
export function NewPasswordField({ label, fault, value, onChange }: NewPasswordFieldProps) {
  return (
    <TextField
      id="password"
      label={label}
      type="password"
      isLarge
      autoComplete="new-password"
      maxLength={1024}
      help={newPasswordHelp}
      fault={fault}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
