/**
 * Checks of unknown JSON for code that a browser loads first, where a schema library would weigh more than the page. Each
 * reader gives the value in its type or throws `ShapeError`; fields that are not named are left out.
 */
export type Reader<T> = (value: unknown) => T;

export class ShapeError extends Error {}

export const text: Reader<string> = (value) => {
  if (typeof value !== 'string') throw new ShapeError('not a text');
  return value;
};

export const number: Reader<number> = (value) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new ShapeError('not a number');
  return value;
};

export const flag: Reader<boolean> = (value) => {
  if (typeof value !== 'boolean') throw new ShapeError('not true or false');
  return value;
};

export function oneOf<const T extends string>(...values: readonly T[]): Reader<T> {
  return (value) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new ShapeError(`not one of ${values.join(', ')}`);
    return found;
  };
}

export function nullable<T>(read: Reader<T>): Reader<T | null> {
  return (value) => (value === null ? null : read(value));
}

export function list<T>(read: Reader<T>): Reader<T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new ShapeError('not a list');
    return value.map((item: unknown) => read(item));
  };
}

export function object<T extends object>(readers: { readonly [K in keyof T]: Reader<T[K]> }): Reader<T> {
  return (value) => {
    const fields = record(value);
    const result: Partial<T> = {};
    for (const name in readers) result[name] = readers[name](fields[name]);
    return complete(result, readers);
  };
}

/** One field of an object. */
export function field<T>(name: string, read: Reader<T>): Reader<T> {
  return (value) => read(record(value)[name]);
}

/** Reads the object by the field `kind`. */
export function union<T>(readers: Record<string, Reader<T>>): Reader<T> {
  return (value) => {
    const kind = record(value).kind;
    const read = typeof kind === 'string' && Object.hasOwn(readers, kind) ? readers[kind] : undefined;
    if (!read) throw new ShapeError('of no known kind');
    return read(value);
  };
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ShapeError('not an object');
  return { ...value };
}

function complete<T extends object>(value: Partial<T>, readers: { readonly [K in keyof T]: Reader<T[K]> }): T {
  const isComplete = (candidate: Partial<T>): candidate is T => Object.keys(readers).every((name) => name in candidate);
  if (!isComplete(value)) throw new ShapeError('incomplete');
  return value;
}

/** Anything, taken as it is: for values that are only shown as text. */
export const anything: Reader<unknown> = (value) => value;
