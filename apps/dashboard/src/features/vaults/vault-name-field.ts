import { textOf } from '../records/common-fields.tsx';
import type { FormField } from '../records/record-kind.ts';

/** What vaults and their secrets may be called. */
export const vaultNameField: FormField = {
  kind: 'text',
  name: 'name',
  label: 'Name',
  isCode: true,
  help: 'Letters, digits and _ / . - as policies name it.',
  problem: (value) =>
    /^[a-zA-Z0-9_/.-]{1,255}$/.test(textOf(value))
      ? null
      : 'A name has letters, digits and _ / . - only, 1 to 255 of them.',
};
