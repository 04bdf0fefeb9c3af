import { classOf, type ExchangeLine } from './exchange.ts';

/** One part of a filter: `status:5xx`, `-method:GET`, `duration:>200`, or a word that is looked for in line and path. */
export interface FilterTerm {
  readonly text: string;
  readonly isNegated: boolean;
  /** Null: a free word. */
  readonly key: FilterKey | null;
  readonly accepts: (line: ExchangeLine) => boolean;
}

export const filterKeys = [
  'method',
  'status',
  'path',
  'endpoint',
  'duration',
  'size',
  'ip',
  'agent',
  'code',
  'outcome',
  'replay',
] as const;
export type FilterKey = (typeof filterKeys)[number];

const isKey = (text: string): text is FilterKey => filterKeys.some((key) => key === text);

/**
 * Reads a filter field. Terms are divided by spaces, and all of them have to hold; several of one key that are not negated
 * are alternatives. What cannot be read as a term is a word.
 */
export function parseFilter(field: string): readonly FilterTerm[] {
  return field
    .split(/\s+/)
    .filter((part) => part !== '')
    .map(termOf);
}

export function accepts(terms: readonly FilterTerm[], line: ExchangeLine): boolean {
  const alternatives = new Map<FilterKey, boolean>();
  for (const term of terms) {
    const holds = term.accepts(line) !== term.isNegated;
    if (term.key === null || term.isNegated) {
      if (!holds) return false;
    } else alternatives.set(term.key, (alternatives.get(term.key) ?? false) || holds);
  }
  return [...alternatives.values()].every((holds) => holds);
}

/** The field with this term, or without it when it is there already. */
export function toggled(field: string, term: string): string {
  const parts = field.split(/\s+/).filter((part) => part !== '');
  return (parts.includes(term) ? parts.filter((part) => part !== term) : [...parts, term]).join(' ');
}

function termOf(text: string): FilterTerm {
  const isNegated = text.startsWith('-') && text.length > 1;
  const bare = isNegated ? text.slice(1) : text;
  const colon = bare.indexOf(':');
  const key = colon === -1 ? '' : bare.slice(0, colon).toLowerCase();
  const value = bare.slice(colon + 1).toLowerCase();
  if (isKey(key) && value !== '') return { text, isNegated, key, accepts: test(key, value) };
  const word = bare.toLowerCase();
  const fits = (line: ExchangeLine): boolean =>
    `${line.method} ${line.host}${line.path} ${line.status_code ?? ''} ${line.error_code ?? ''} ${line.id}`
      .toLowerCase()
      .includes(word);
  return { text, isNegated, key: null, accepts: fits };
}

function test(key: FilterKey, value: string): (line: ExchangeLine) => boolean {
  switch (key) {
    case 'method':
      return (line) => line.method.toLowerCase() === value;
    case 'status':
      return /^([1-5]xx|none)$/.test(value)
        ? (line) => classOf(line) === value
        : compared(value, 1, (line) => line.status_code ?? 0);
    case 'path':
      return (line) => line.path.toLowerCase().includes(value);
    case 'endpoint':
      return (line) => line.url.toLowerCase().includes(value) || line.endpoint_id.toLowerCase() === value;
    case 'duration':
      return compared(value, millisecondsIn(value), (line) => line.timing.total_ms);
    case 'size':
      return compared(value, bytesIn(value), (line) => line.request_bytes + line.response_bytes);
    case 'ip':
      return (line) => line.client_ip.toLowerCase().startsWith(value);
    case 'agent':
      return (line) => (line.agent ?? '').toLowerCase().includes(value);
    case 'code':
      return (line) =>
        (line.error_code ?? '').toLowerCase().replace('err_ngrok_', '') === value.replace('err_ngrok_', '');
    case 'outcome':
      return (line) => line.outcome === value;
    case 'replay':
      return (line) => (line.replay_of !== null) === (value === 'yes');
  }
}

/** `>200`, `<1.5`, `404`: with the unit that stands behind the number. */
function compared(value: string, unit: number, of: (line: ExchangeLine) => number): (line: ExchangeLine) => boolean {
  const [, sign = '', digits = ''] = value.match(/^([<>]?=?)(\d+(?:\.\d+)?)/) ?? [];
  if (digits === '') return () => false;
  const limit = Number(digits) * unit;
  switch (sign) {
    case '>':
      return (line) => of(line) > limit;
    case '>=':
      return (line) => of(line) >= limit;
    case '<':
      return (line) => of(line) < limit;
    case '<=':
      return (line) => of(line) <= limit;
    default:
      return (line) => Math.round(of(line)) === limit;
  }
}

function millisecondsIn(value: string): number {
  if (value.endsWith('ms')) return 1;
  return value.endsWith('s') ? 1000 : 1;
}

function bytesIn(value: string): number {
  const [, unit = ''] = value.match(/\d([kmg])b?$/) ?? [];
  return unit === 'k' ? 1e3 : unit === 'm' ? 1e6 : unit === 'g' ? 1e9 : 1;
}
