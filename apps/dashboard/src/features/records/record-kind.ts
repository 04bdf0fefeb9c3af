import type { Permission } from '@portico/api-contract/identity';
import type { ReactNode } from 'react';
import type { Reader } from '../../lib/shape.ts';

/** What every record of the REST API has. */
export interface ApiRecord {
  readonly id: string;
}

/** What a form's fields hold: a text, a choice, a check, or several texts. */
export type FieldValue = string | boolean | readonly string[];
export type FormValues = Readonly<Record<string, FieldValue>>;

export interface Option {
  readonly value: string;
  readonly label: string;
  readonly note?: string;
}

interface FieldBase {
  readonly name: string;
  readonly label: string;
  readonly help?: ReactNode;
  /** What keeps the form from being sent, said under the field; null when nothing does. */
  readonly problem?: (value: FieldValue, all: FormValues) => string | null;
  /** Left out while this says no. */
  readonly isAsked?: (all: FormValues) => boolean;
}

export type FormField =
  | (FieldBase & { readonly kind: 'text'; readonly placeholder?: string; readonly isCode?: boolean })
  | (FieldBase & { readonly kind: 'secret'; readonly placeholder?: string })
  | (FieldBase & { readonly kind: 'lines'; readonly rows: number; readonly placeholder?: string })
  /** Text that is also taken from a file that is dropped or picked. */
  | (FieldBase & { readonly kind: 'file'; readonly accept: string; readonly placeholder?: string })
  | (FieldBase & { readonly kind: 'choice'; readonly options: readonly Option[] })
  | (FieldBase & { readonly kind: 'check' })
  /** Some of the records of another list. */
  | (FieldBase & { readonly kind: 'some-of'; readonly options: readonly Option[] });

export interface RecordForm<R> {
  /** `New authtoken`, `Rename`. */
  readonly title: string;
  /** The verb and its object on the button. */
  readonly submit: string;
  readonly intro?: ReactNode;
  readonly fields: readonly FormField[];
  readonly values: (record: R | null) => FormValues;
  readonly body: (values: FormValues) => unknown;
  readonly aside?: (values: FormValues) => ReactNode;
}

export interface Column<R> {
  readonly label: string;
  readonly render: (record: R) => ReactNode;
  readonly isFigure?: boolean;
  readonly className?: string;
}

/** A list of the REST API as a page shows it. */
export interface RecordKind<R extends ApiRecord> {
  /** `/credentials` */
  readonly path: string;
  /** Under which a page of the list carries its items. */
  readonly key: string;
  readonly read: Reader<R>;
  readonly noun: string;
  readonly nouns: string;
  /** What making, changing and removing want, where the role alone does not say. */
  readonly changeNeeds?: Permission;
  /** Tailwind's grid columns, one set for each width of the table. */
  readonly gridColumns: string;
  /** The first one names the record. */
  readonly columns: readonly Column<R>[];
  /** What the filter field looks into. */
  readonly search: (record: R) => string;
  readonly title: (record: R) => string;
  /** The object's facts, in its drawer; `reload` asks for the list again after something was changed there. */
  readonly details: (record: R, reload: () => Promise<void>) => ReactNode;
  /** The drawer takes more room: the object is looked at rather than looked up. */
  readonly isWide?: boolean;
  readonly empty: { readonly title: string; readonly text: ReactNode };
  readonly create?: RecordForm<R>;
  readonly edit?: RecordForm<R>;
  /** What stops when it is removed, and what the button says; absent where nothing can be removed. */
  readonly removal?: { readonly verb: string; readonly consequence: (record: R) => ReactNode };
  /** What is shown once, after it was made. */
  readonly secret?: (record: R) => string | null;
  readonly secretNote?: ReactNode;
}
