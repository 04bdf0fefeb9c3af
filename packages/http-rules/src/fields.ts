import type { Fields } from '@portico/http1';

// Small helpers over flat fields. Names are given in lower case and compared without case; nothing is changed in place.

/** The first value of a field, or undefined. */
export function getField(fields: Fields, lowerName: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (isNamed(fields[i] ?? '', lowerName)) return fields[i + 1];
  return undefined;
}

/** Every value of a field, in order. */
export function getFields(fields: Fields, lowerName: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < fields.length; i += 2) if (isNamed(fields[i] ?? '', lowerName)) values.push(fields[i + 1] ?? '');
  return values;
}

export function hasField(fields: Fields, lowerName: string): boolean {
  return getField(fields, lowerName) !== undefined;
}

/** The fields with one value for a name: the first place it has is kept, others go; new ones come last. */
export function setField(fields: Fields, name: string, value: string): Fields {
  const lowerName = name.toLowerCase();
  const result: Fields = [];
  let placed = false;
  for (let i = 0; i < fields.length; i += 2) {
    const other = fields[i] ?? '';
    if (!isNamed(other, lowerName)) {
      result.push(other, fields[i + 1] ?? '');
    } else if (!placed) {
      placed = true;
      result.push(name, value);
    }
  }
  if (!placed) result.push(name, value);
  return result;
}

/** The fields for which `drop` is false; it gets the name in lower case. */
export function dropFields(fields: Fields, drop: (lowerName: string, value: string) => boolean): Fields {
  const result: Fields = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    if (!drop(name.toLowerCase(), value)) result.push(name, value);
  }
  return result;
}

function isNamed(name: string, lowerName: string): boolean {
  return name.length === lowerName.length && (name === lowerName || name.toLowerCase() === lowerName);
}
