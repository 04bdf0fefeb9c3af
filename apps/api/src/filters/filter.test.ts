import { PorticoError } from '@portico/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilter } from './filter.ts';

const now = new Date('2026-03-10T12:00:00Z');
const item = {
  id: 'cr_2a',
  created_at: '2026-03-09T12:00:00.000Z',
  description: 'ci "main"',
  metadata: '',
  acl: ['bind:a', 'bind:b'],
  port: 443,
  active: true,
  owner: { id: 'usr_1' },
  nothing: null,
};
const fields = ['description', 'metadata', 'acl', 'port', 'active', 'owner.id', 'nothing'];
const accepts = (text: string) => parseFilter(text, fields, now)(item);

describe('a filter', () => {
  it.each([
    ['obj.id == "cr_2a"', true],
    ["obj.id != 'cr_2a'", false],
    ['obj.id in ["cr_1", "cr_2a"]', true],
    ['obj.id in ("cr_1", "cr_3")', false],
    ['"bind:b" in obj.acl', true],
    ['size(obj.acl) == 2 && size(obj.metadata) == 0', true],
    ['obj.port >= 443 && obj.port < 444 && obj.port > -1', true],
    ['obj.active', true],
    ['!obj.active || obj.port == 80', false],
    ['!(obj.port == 80)', true],
    [
      'obj.description.startsWith("ci") && obj.description.contains("\\"main") && obj.description.endsWith("\\"")',
      true,
    ],
    ['obj.nothing == null && obj.metadata != null', true],
    ['obj.owner.id == "usr_1"', true],
    ['obj.created_at > timestamp("2026-03-09T11:59:59Z")', true],
    ['obj.created_at > timestamp(time.now).subtract("23h")', false],
    ['obj.created_at <= timestamp(time.now).subtract("7d").add("6d")', true],
    ['obj.port == "443"', false],
    ['obj.nothing < 5', false],
    ['obj.description', false],
    ['true && (false || true)', true],
  ])('%s is %s', (text, expected) => {
    expect(accepts(text)).toBe(expected);
  });

  it.each([
    ['obj.secret == 1', 'obj.secret cannot be filtered by'],
    ['obj.id.startsWith("cr")', 'cannot be used on id'],
    ['obj.owner.id.contains("u")', 'cannot be used on owner.id'],
    ['obj.acl[0] == "a"', 'not expected'],
    ['obj.port + 1 == 2', 'not understood'],
    ['obj.port == 1 ? true : false', 'not understood'],
    ['obj.description.matches("a+")', 'there is no matches'],
    ['obj.port == 1 &&', 'the end'],
    ['(obj.port == 1', 'the end'],
    ['obj.created_at > timestamp("soon")', 'not a time'],
    ['obj.created_at > timestamp(time.now).add("1y")', 'not a duration'],
    [`${'('.repeat(40)}true${')'.repeat(40)}`, 'nested deeper'],
    [`obj.id == "${'x'.repeat(5_000)}"`, 'longer than'],
    ['process.exit()', 'process is not known'],
    ['obj.__proto__ == null', 'cannot be filtered by'],
  ])('%s is refused with 250: %s', (text, reason) => {
    expect(() => accepts(text)).toThrowError(expect.objectContaining({ code: 250 }));
    expect(() => accepts(text)).toThrow(reason);
  });

  it('is understood or refused whatever its text, and never anything else', () => {
    const word = fc.constantFrom(
      'obj',
      '.',
      'id',
      'port',
      '(',
      ')',
      '[',
      ']',
      ',',
      '&&',
      '||',
      '!',
      '==',
      '<',
      'in',
      '"a"',
      '1',
      'null',
      'size',
      'timestamp',
      'time',
      'now',
      'add',
      '"1d"',
      'startsWith',
      ' ',
      '"',
      "'",
    );
    const texts = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.array(word, { maxLength: 30 }).map((words) => words.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          expect(typeof accepts(text)).toBe('boolean');
        } catch (error) {
          expect(error instanceof PorticoError && error.code).toBe(250);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what the database can look by', () => {
  const equals = (text: string) => parseFilter(text, ['name', 'description'], new Date()).equals;

  it('is what every accepted item has: equalities that are not under an or or a not', () => {
    expect(equals('obj.name == "a"')).toEqual([{ field: 'name', value: 'a' }]);
    expect(equals('"a" == obj.name && (obj.id == "x" && size(obj.description) > 1)')).toEqual([
      { field: 'name', value: 'a' },
      { field: 'id', value: 'x' },
    ]);
    for (const text of ['obj.name == "a" || obj.id == "x"', '!(obj.name == "a")', 'obj.name != "a"', 'obj.name == 1']) {
      expect([text, equals(text)]).toEqual([text, []]);
    }
  });
});
