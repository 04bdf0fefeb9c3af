import type { ExchangeResource } from './public/exchanges.ts';

// The language of the inspector's filter field, the same in the page and in the API: what the page can decide by a line
// of the list it decides at once, and the rest is the API's to find.

/** What a filter asks of an exchange. */
export type FilteredLine = Pick<
  ExchangeResource,
  | 'id'
  | 'created_at'
  | 'endpoint_id'
  | 'url'
  | 'method'
  | 'host'
  | 'path'
  | 'status_code'
  | 'error_code'
  | 'outcome'
  | 'client_ip'
  | 'agent'
  | 'timing'
  | 'request_bytes'
  | 'response_bytes'
  | 'replay_of'
>;

/** What is searched beside the line; the page has it of none. */
export interface FilteredContents {
  /** Of request and answer: name, value, name, value. Values that nobody is shown are ''. */
  readonly fields: readonly string[];
  /** Names and actions of the rules that fired. */
  readonly rules: readonly string[];
}

/** One part of a filter: `status:5xx`, `-method:GET`, `duration:>200`, or a word that is looked for everywhere. */
export interface FilterTerm {
  readonly text: string;
  readonly isNegated: boolean;
  /** Null: a free word. */
  readonly key: FilterKey | null;
  /** Null: it takes the contents to tell. */
  readonly accepts: (line: FilteredLine, contents: FilteredContents | null) => boolean | null;
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
  'since',
  'until',
  'header',
  'rule',
] as const;
export type FilterKey = (typeof filterKeys)[number];

const isKey = (text: string): text is FilterKey => filterKeys.some((key) => key === text);
/** Of these all have to hold; of the others those of one key are alternatives. */
const isJoined = (key: FilterKey): boolean => ['header', 'rule', 'since', 'until'].includes(key);

/** Longer ones are cut: nobody types them. */
export const filterCharactersMax = 1_000;

/**
 * Reads a filter field. Terms are divided by spaces, which double quotes keep together, and all of them have to hold;
 * several of one key that are not negated are alternatives. What cannot be read as a term is a word.
 * @param now for `since:15m`
 */
export function parseFilter(field: string, now: Date = new Date()): readonly FilterTerm[] {
  return partsOf(field.slice(0, filterCharactersMax)).map((text) => termOf(text, now));
}

/** 'unknown': the contents would tell. */
export type Verdict = 'yes' | 'no' | 'unknown';

export function verdictOf(
  terms: readonly FilterTerm[],
  line: FilteredLine,
  contents: FilteredContents | null = null,
): Verdict {
  const alternatives = new Map<FilterKey, boolean>();
  let isOpen = false;
  for (const term of terms) {
    const accepted = term.accepts(line, contents);
    if (accepted === null) {
      isOpen = true;
      continue;
    }
    const holds = accepted !== term.isNegated;
    if (term.key === null || term.isNegated || isJoined(term.key)) {
      if (!holds) return 'no';
    } else alternatives.set(term.key, (alternatives.get(term.key) ?? false) || holds);
  }
  if (![...alternatives.values()].every((holds) => holds)) return 'no';
  return isOpen ? 'unknown' : 'yes';
}

/** There is a term that a line alone may not decide. */
export function asksForContents(terms: readonly FilterTerm[]): boolean {
  return terms.some(({ key }) => key === null || key === 'header' || key === 'rule');
}

/** Nothing that is older can be accepted; null: there is no such bound. */
export function oldestAccepted(terms: readonly FilterTerm[], now: Date = new Date()): Date | null {
  let oldest: Date | null = null;
  for (const { key, isNegated, text } of terms) {
    const at = key === 'since' && !isNegated ? timeOf(text.slice(text.indexOf(':') + 1), now) : null;
    if (at !== null && (oldest === null || at > oldest)) oldest = at;
  }
  return oldest;
}

/** The field with this term, or without it when it is there already. */
export function toggled(field: string, term: string): string {
  const parts = partsOf(field);
  return (parts.includes(term) ? parts.filter((part) => part !== term) : [...parts, term]).join(' ');
}

function partsOf(field: string): string[] {
  return field.match(/(?:[^\s"]+|"[^"]*"?)+/g) ?? [];
}

function termOf(text: string, now: Date): FilterTerm {
  const isNegated = text.startsWith('-') && text.length > 1;
  const bare = (isNegated ? text.slice(1) : text).replaceAll('"', '');
  const colon = text.startsWith('"') ? -1 : bare.indexOf(':');
  const key = colon === -1 ? '' : bare.slice(0, colon).toLowerCase();
  const value = bare.slice(colon + 1).toLowerCase();
  if (isKey(key) && value !== '') return { text, isNegated, key, accepts: test(key, value, now) };
  const word = bare.toLowerCase();
  const accepts = (line: FilteredLine, contents: FilteredContents | null): boolean | null => {
    const own = `${line.method} ${line.host}${line.path} ${line.status_code ?? ''} ${line.error_code ?? ''} ${line.id}`;
    if (own.toLowerCase().includes(word)) return true;
    return contents === null ? null : hasField(contents.fields, null, word);
  };
  return { text, isNegated, key: null, accepts };
}

function test(key: FilterKey, value: string, now: Date): FilterTerm['accepts'] {
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
    case 'since':
    case 'until': {
      const at = timeOf(value, now)?.getTime();
      if (at === undefined) return () => false;
      return key === 'since'
        ? (line) => Date.parse(line.created_at) >= at
        : (line) => Date.parse(line.created_at) <= at;
    }
    case 'header': {
      const equals = value.indexOf('=');
      const name = equals > 0 ? value.slice(0, equals) : null;
      const wanted = equals > 0 ? value.slice(equals + 1) : value;
      return (_line, contents) => (contents === null ? null : hasField(contents.fields, name, wanted));
    }
    case 'rule':
      return (_line, contents) =>
        contents === null ? null : contents.rules.some((rule) => rule.toLowerCase().includes(value));
  }
}

/** `name`: only that very header; otherwise names are searched too. */
function hasField(fields: readonly string[], name: string | null, wanted: string): boolean {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const own = (fields[at] ?? '').toLowerCase();
    const value = (fields[at + 1] ?? '').toLowerCase();
    if (name === null ? `${own}: ${value}`.includes(wanted) : own === name && value.includes(wanted)) return true;
  }
  return false;
}

/** `1xx` to `5xx`, or `none`: it got no answer. */
export function classOf({ status_code: status }: Pick<FilteredLine, 'status_code'>): string {
  return status === null ? 'none' : `${Math.floor(status / 100)}xx`;
}

/** `15m`: so long before now; otherwise a time as it is written. */
function timeOf(value: string, now: Date): Date | null {
  const [, digits = '', unit = ''] = value.match(/^(\d{1,6})([smhd])$/) ?? [];
  if (digits !== '') {
    const seconds = { s: 1, m: 60, h: 3_600, d: 86_400 }[unit] ?? 1;
    return new Date(now.getTime() - Number(digits) * seconds * 1_000);
  }
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : new Date(at);
}

/** `>200`, `<1.5`, `404`: with the unit that stands behind the number. */
function compared(value: string, unit: number, of: (line: FilteredLine) => number): (line: FilteredLine) => boolean {
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
