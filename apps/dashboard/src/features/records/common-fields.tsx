import { object, type Reader, text } from '../../lib/shape.ts';
import type { FieldValue, FormField } from './record-kind.ts';

/** What nearly every record carries. */
export interface CommonRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly description: string;
  readonly metadata: string;
}

const raw = object({ id: text, created_at: text, description: text, metadata: text });

export const readCommon: Reader<CommonRecord> = (value) => {
  const { id, created_at: createdAt, description, metadata } = raw(value);
  return { id, createdAt, description, metadata };
};

/** Joins readers of one object: each takes the fields that it knows. */
export function both<A extends object, B extends object>(one: Reader<A>, other: Reader<B>): Reader<A & B> {
  return (value) => ({ ...one(value), ...other(value) });
}

const bytesOf = (value: FieldValue): number => new TextEncoder().encode(String(value)).length;

export const descriptionField: FormField = {
  kind: 'text',
  name: 'description',
  label: 'Description',
  help: 'For people: what it is for, and whose it is.',
  problem: (value) =>
    bytesOf(value) > 255 ? `A description has at most 255 bytes; this one has ${bytesOf(value)}.` : null,
};

export const metadataField: FormField = {
  kind: 'lines',
  name: 'metadata',
  label: 'Metadata',
  rows: 2,
  help: 'For programs: any text, up to 4,096 bytes.',
  problem: (value) => (bytesOf(value) > 4096 ? `Metadata has at most 4,096 bytes; this has ${bytesOf(value)}.` : null),
};

export const commonFields: readonly FormField[] = [descriptionField, metadataField];

export function commonValues(record: CommonRecord | null): { description: string; metadata: string } {
  return { description: record?.description ?? '', metadata: record?.metadata ?? '' };
}

/** A text of a form, trimmed. */
export function textOf(value: FieldValue | undefined): string {
  return typeof value === 'string' ? value.trim() : '';
}

export function listOf(value: FieldValue | undefined): string[] {
  return Array.isArray(value) ? [...value] : [];
}

/** The lines of a text that are not empty. */
export function linesOf(value: FieldValue | undefined): string[] {
  return textOf(value)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
