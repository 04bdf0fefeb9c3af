import { bounded } from './budget.ts';
import { valueToText } from './values.ts';

/**
 * `'%s is %d'.format([…])`: `%s` any value, `%d` integer, `%f` and `%e` numbers with an optional precision (`%.2f`),
 * `%b` binary or 0/1, `%x` `%X` hex (texts and bytes too), `%o` octal, `%%` a percent sign.
 *
 * @throws {Error} with a reason when a clause and its argument do not fit.
 */
export function formatText(template: string, values: readonly unknown[]): string {
  let next = 0;
  const out = template.replace(/%(?:\.(\d{1,2}))?([a-zA-Z%]?)/g, (_, precision: string | undefined, clause: string) => {
    if (clause === '%') return '%';
    if (next >= values.length) throw new Error('format: there are more clauses than values');
    const value = values[next];
    next += 1;
    return formatClause(clause, precision === undefined ? 6 : Number(precision), value);
  });
  if (next < values.length) throw new Error('format: there are more values than clauses');
  return bounded(out);
}

function formatClause(clause: string, precision: number, value: unknown): string {
  switch (clause) {
    case 's':
      return valueToText(value);
    case 'd':
      return integer(value, 10);
    case 'b':
      return typeof value === 'boolean' ? (value ? '1' : '0') : integer(value, 2);
    case 'o':
      return integer(value, 8);
    case 'x':
      return hex(value);
    case 'X':
      return hex(value).toUpperCase();
    case 'f':
      return number(value).toFixed(precision);
    case 'e':
      return number(value)
        .toExponential(precision)
        .replace(/e([+-])(\d)$/, 'e$10$2');
    default:
      throw new Error(`format: there is no clause %${clause}`);
  }
}

function hex(value: unknown): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : integer(value, 16);
}

function integer(value: unknown, radix: number): string {
  if (typeof value !== 'bigint') throw new Error('format: the value is not an integer');
  return value.toString(radix);
}

function number(value: unknown): number {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new Error('format: the value is not a number');
  return Number(value);
}
