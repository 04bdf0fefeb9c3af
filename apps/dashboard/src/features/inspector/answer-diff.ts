import { bytesOf, textOf } from './body.ts';
import type { ExchangeDetail, ExchangeSide } from './exchange.ts';

/** One thing that differs between two answers; a null side means that it is not there. */
export interface Difference {
  readonly part: 'status' | 'header' | 'body';
  readonly path: string;
  readonly a: string | null;
  readonly b: string | null;
}

const differencesMax = 500;
/** Those that differ between any two answers and say nothing. */
const restless = ['date', 'age', 'x-request-id', 'etag', 'connection', 'keep-alive'];

/** What differs between two answers: the status, headers by name, the body by value when both are JSON, else by line. */
export function compareAnswers(
  a: ExchangeDetail,
  b: ExchangeDetail,
): { differences: Difference[]; sameHeaders: number } {
  const differences: Difference[] = [];
  const add = (part: Difference['part'], path: string, left: string | null, right: string | null): void => {
    if (left !== right && differences.length < differencesMax) differences.push({ part, path, a: left, b: right });
  };
  add('status', 'status', statusOf(a), statusOf(b));
  const left = headersOf(a.response);
  const right = headersOf(b.response);
  let sameHeaders = 0;
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    if (restless.includes(name)) continue;
    if (left.get(name) === right.get(name)) sameHeaders += 1;
    add('header', name, left.get(name) ?? null, right.get(name) ?? null);
  }
  const one = bodyOf(a.response);
  const other = bodyOf(b.response);
  if (one.json !== undefined && other.json !== undefined) compareJson('', one.json, other.json, add);
  else compareLines(one.text, other.text, add);
  return { differences, sameHeaders };
}

type Add = (part: Difference['part'], path: string, a: string | null, b: string | null) => void;

function compareJson(path: string, a: unknown, b: unknown, add: Add): void {
  const left = membersOf(a);
  const right = membersOf(b);
  if (left !== null && right !== null && Array.isArray(a) === Array.isArray(b)) {
    for (const key of new Set([...left.keys(), ...right.keys()])) {
      const deeper = Array.isArray(a) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
      if (!left.has(key)) add('body', deeper, null, JSON.stringify(right.get(key)));
      else if (!right.has(key)) add('body', deeper, JSON.stringify(left.get(key)), null);
      else compareJson(deeper, left.get(key), right.get(key), add);
    }
    return;
  }
  const one = JSON.stringify(a);
  const other = JSON.stringify(b);
  if (one !== other) add('body', path, one, other);
}

function membersOf(value: unknown): Map<string, unknown> | null {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : null;
}

function compareLines(a: string, b: string, add: Add): void {
  const left = a.split('\n');
  const right = b.split('\n');
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    add('body', `line ${at + 1}`, left[at] ?? null, right[at] ?? null);
  }
}

function statusOf({ status_code: status, error_code: code, outcome }: ExchangeDetail): string {
  return status === null ? `no answer (${outcome})` : [status, code].filter(Boolean).join(' ');
}

function headersOf(side: ExchangeSide | null): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of side?.headers ?? []) {
    const lower = name.toLowerCase();
    const had = headers.get(lower);
    headers.set(lower, had === undefined ? value : `${had}, ${value}`);
  }
  return headers;
}

function bodyOf(side: ExchangeSide | null): { text: string; json: unknown } {
  const bytes = bytesOf(side?.body ?? '');
  const text = textOf(bytes) ?? (bytes.length === 0 ? '' : (side?.body ?? ''));
  if (side?.truncated !== false) return { text, json: undefined };
  try {
    return { text, json: JSON.parse(text) };
  } catch {
    return { text, json: undefined };
  }
}
