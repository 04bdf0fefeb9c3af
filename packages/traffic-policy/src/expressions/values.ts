import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import type { PlainValue } from '../document/source-node.ts';
import { EVALUATION_LIMITS } from '../limits.ts';
import { bounded, OverBudget } from './budget.ts';
import { TEXT_FIELD } from './record-type.ts';

/** A value of an expression as text, as interpolation puts it into a string. Lists and maps become JSON. */
export function valueToText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return bounded(value);
    case 'bigint':
    case 'boolean':
    case 'number':
      return String(value);
    default:
      break;
  }
  if (value === null || value === undefined) return '';
  if (value instanceof Uint8Array) return bounded(Buffer.from(value).toString('utf8'));
  const plain = toPlain(value);
  return typeof plain === 'string' ? bounded(plain) : bounded(JSON.stringify(plain));
}

/**
 * A value of an expression as JSON knows it: integers as numbers where they are exact, else as text; times and
 * durations as text; bytes as base64.
 *
 * @throws {OverBudget} beyond the size that a value may have.
 */
export function toPlain(value: unknown): PlainValue {
  return new Plainer().convert(value, 0);
}

/** Parsed JSON as expressions see it: maps and lists, numbers as doubles. */
export function fromPlain(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw new OverBudget(`values nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return value.map((item: unknown) => fromPlain(item, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const map = new Map<string, unknown>();
  for (const [key, item] of Object.entries(value)) map.set(key, fromPlain(item, depth + 1));
  return map;
}

/** @throws {OverBudget} */
export function checkValueSize(value: unknown): void {
  toPlain(value);
}

const MAX_DEPTH = 32;

class Plainer {
  #nodes = 0;
  #characters = 0;

  convert(value: unknown, depth: number): PlainValue {
    this.#nodes += 1;
    if (this.#nodes > EVALUATION_LIMITS.valueNodes) {
      throw new OverBudget(`a value of more than ${EVALUATION_LIMITS.valueNodes} parts`);
    }
    if (depth > MAX_DEPTH) throw new OverBudget(`values nested deeper than ${MAX_DEPTH} levels`);
    switch (typeof value) {
      case 'string':
        return this.#count(value);
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'bigint':
        return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
      default:
        break;
    }
    if (value === null || typeof value !== 'object') return null;
    if (value instanceof Date) return value.toISOString();
    if (value instanceof Duration) return value.toString();
    if (value instanceof UnsignedInt) return this.convert(value.valueOf(), depth);
    if (value instanceof Uint8Array) return this.#count(Buffer.from(value).toString('base64'));
    if (Array.isArray(value)) return value.map((item: unknown) => this.convert(item, depth + 1));
    if (value instanceof Set) return [...value].map((item: unknown) => this.convert(item, depth + 1));
    return this.#object(value, depth);
  }

  #object(value: object, depth: number): PlainValue {
    if (TEXT_FIELD in value) return this.convert(Reflect.get(value, TEXT_FIELD), depth);
    const object: Record<string, PlainValue> = Object.create(null);
    const entries = value instanceof Map ? [...value.entries()] : fieldEntries(value);
    for (const [key, item] of entries) {
      if (item !== undefined) object[this.#count(String(key))] = this.convert(item, depth + 1);
    }
    return object;
  }

  #count(text: string): string {
    this.#characters += text.length;
    if (this.#characters > EVALUATION_LIMITS.textCharacters * 2) {
      throw new OverBudget(`a value of more than ${EVALUATION_LIMITS.textCharacters * 2} characters`);
    }
    return text;
  }
}

/** Own entries of a plain object; of a record the fields that its class has getters for. */
function fieldEntries(value: object): [string, unknown][] {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return Object.entries(value);
  if (typeof prototype !== 'object') return [];
  const own = Object.keys(value).filter((key) => key !== 'raw');
  const getters = Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([, descriptor]) => descriptor.get !== undefined)
    .map(([key]) => key);
  return [...own, ...getters].map((key) => [key, Reflect.get(value, key)]);
}
